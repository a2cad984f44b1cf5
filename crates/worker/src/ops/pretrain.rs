//! `pretrain`: an encoder goes on learning from the training rows' recordings.

use affekt_domain::Role;
use affekt_graph::{Context, Failure, Job};
use affekt_ops::feature_set::FeatureSet;
use affekt_ops::pretrain::Params;
use affekt_ops::table;
use affekt_spec::training::{LackingHead, Objective};
use affekt_table::rows;
use affekt_torch::NamedTensors;
use affekt_train::pretraining::{Contrastive, ContrastiveConfig, PseudoLabels, PseudoLabelsConfig};
use affekt_train::{Learner, TrainError, TrainingPart};
use tch::Device;

use super::failed;
use super::feature_dataset::{FeatureDataset, check_lengths};
use super::labels::LabelledFrames;
use super::pretraining::pretrain_learner;
use crate::artefact;
use crate::artefact::encoder::EncoderCard;

pub fn run(job: &Job, device: Device, context: &mut dyn Context) -> Result<(), Failure> {
    let Params { objective, training, seed }: Params = affekt_ops::params(job)?;
    let (card, checkpoint): (EncoderCard, _) = artefact::read(&job.open_one("encoder")?)?;
    let encoder = card.wav2vec2("pretrain")?;
    let checkpoint = card.pretrained.then_some(&checkpoint);
    let train_rows = table::read_port(job, "train", |file| rows::read(file, Role::Train))?;
    card.check_fold(train_rows.fold)?;
    let features = FeatureSet::open(&job.open("waveforms")?)?;
    check_lengths(&features, encoder.samples_of_a_frame())?;
    let dataset = FeatureDataset::new(&features, &[&train_rows])?;
    let labels = job.open("labels")?;
    let because = |error: TrainError| failed(&error);
    // An encoder that nobody trained begins with the weights that it has everywhere else.
    let first_weights = if card.pretrained { seed } else { card.seed };
    let gradient_checkpointing = training.optimisation.gradient_checkpointing;
    let trained_on = TrainingPart::of(&dataset);
    let weights = match &objective {
        Objective::Contrastive(objective) => {
            if !labels.is_empty() {
                return Err(refused(
                    "contrastive pretraining has no use for pseudo-labels: leave out `labels`",
                ));
            }
            let config = ContrastiveConfig {
                encoder: encoder.clone(),
                normalise: card.normalise,
                objective: objective.clone(),
            };
            let learner = Contrastive::new(&config, gradient_checkpointing, first_weights, device);
            let mut learner = learner.map_err(because)?;
            if let Some(checkpoint) = checkpoint {
                let (_, lacking) = learner.load_checkpoint(checkpoint).map_err(because)?;
                if !lacking.is_empty() && objective.lacking_head == LackingHead::Refused {
                    return Err(refused(&affekt_ops::pretrain::lacks_head(&card.name, &lacking)));
                }
            }
            pretrain_learner(job, &training, seed, &trained_on, device, &mut learner, context)?;
            learner.weights()
        }
        Objective::PseudoLabels(objective) => {
            let labels =
                labels.first().ok_or_else(|| refused("pretraining by pseudo-labels reads some: `labels`"))?;
            let labels = LabelledFrames::open(labels, &dataset)?;
            let config = PseudoLabelsConfig {
                encoder: encoder.clone(),
                normalise: card.normalise,
                clusters: labels.clusters().to_vec(),
                objective: objective.clone(),
            };
            let learner = PseudoLabels::new(&config, &labels, gradient_checkpointing, first_weights, device);
            let mut learner = learner.map_err(because)?;
            checkpoint.map(|checkpoint| learner.load_checkpoint(checkpoint)).transpose().map_err(because)?;
            pretrain_learner(job, &training, seed, &trained_on, device, &mut learner, context)?;
            learner.weights()
        }
    };
    let card = card.pretrained_further(objective.name(), train_rows.fold);
    artefact::write(job, "encoder", &card, of_encoder(weights))
}

/// Returns the weights to keep, under transformers' names. The heads that tell clusters belong to these clusters alone.
fn of_encoder(weights: NamedTensors) -> NamedTensors {
    let kept = weights.into_iter().filter(|(name, _)| !name.starts_with("heads."));
    kept.map(|(name, tensor)| (name.strip_prefix("wav2vec2.").map(str::to_owned).unwrap_or(name), tensor))
        .collect()
}

fn refused(why: &str) -> Failure {
    Failure::Failed { message: why.to_owned() }
}
