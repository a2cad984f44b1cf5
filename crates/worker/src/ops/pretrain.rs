//! `pretrain`: an encoder goes on learning from the training rows' recordings.

use affekt_domain::Role;
use affekt_graph::{Context, Failure, Job};
use affekt_ops::feature_set::FeatureSet;
use affekt_ops::table;
use affekt_spec::network::{Overrides, SpansOver};
use affekt_table::rows;
use affekt_torch::NamedTensors;
use affekt_train::pretraining::{
    Contrastive, ContrastiveConfig, PaddedClips, PretrainConfig, PseudoLabels, PseudoLabelsConfig,
};
use affekt_train::{Learner, TrainError, TrainingPart};
use serde::Deserialize;
use tch::Device;

use super::failed;
use super::feature_dataset::FeatureDataset;
use super::labels::LabelledFrames;
use super::pretraining::pretrain_learner;
use crate::artefact;
use crate::artefact::encoder::EncoderCard;

/// The parameters, of which the planner only knows the words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    pub objective: Objective,
    pub training: PretrainConfig,
    pub seed: u64,
}

/// What an encoder is asked.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Objective {
    Contrastive {
        negatives: usize,
        temperature: f64,
        padding: PaddedClips,
        spans_over: SpansOver,
        freeze_feature_encoder: bool,
        overrides: Overrides,
    },
    PseudoLabels {
        hidden: usize,
        spans_over: SpansOver,
        freeze_feature_encoder: bool,
        overrides: Overrides,
    },
}

impl Objective {
    /// What it adds to the name of an encoder.
    const fn name(&self) -> &'static str {
        match self {
            Self::Contrastive { .. } => "contrastive",
            Self::PseudoLabels { .. } => "pseudo-labels",
        }
    }
}

pub fn run(job: &Job, device: Device, context: &mut dyn Context) -> Result<(), Failure> {
    let Params { objective, training, seed } = affekt_ops::params(job)?;
    let (card, checkpoint): (EncoderCard, _) = artefact::read(&job.open_one("encoder")?)?;
    let encoder = card.wav2vec2("pretrain")?;
    let checkpoint = card.pretrained.then_some(&checkpoint);
    let train_rows = table::read_port(job, "train", |file| rows::read(file, Role::Train))?;
    card.check_fold(train_rows.fold)?;
    let features = FeatureSet::open(&job.open("waveforms")?)?;
    let dataset = FeatureDataset::new(&features, &[&train_rows])?;
    let labels = job.open("labels")?;
    let because = |error: TrainError| failed(&error);
    // An encoder that nobody trained begins with the weights that it has everywhere else.
    let first_weights = if card.pretrained { seed } else { card.seed };
    let gradient_checkpointing = training.gradient_checkpointing;
    let trained_on = TrainingPart::of(&dataset);
    let weights = match &objective {
        Objective::Contrastive {
            negatives,
            temperature,
            padding,
            spans_over,
            freeze_feature_encoder,
            overrides,
        } => {
            if !labels.is_empty() {
                return Err(refused(
                    "contrastive pretraining has no use for pseudo-labels: leave out `labels`",
                ));
            }
            let config = ContrastiveConfig {
                encoder: overrides.of(encoder),
                normalise: card.normalise,
                negatives: *negatives,
                temperature: *temperature,
                padding: *padding,
                spans_over: *spans_over,
                freeze_feature_encoder: *freeze_feature_encoder,
            };
            let learner = Contrastive::new(&config, gradient_checkpointing, first_weights, device);
            let mut learner = learner.map_err(because)?;
            checkpoint.map(|checkpoint| learner.load_checkpoint(checkpoint)).transpose().map_err(because)?;
            pretrain_learner(job, &training, seed, &trained_on, device, &mut learner, context)?;
            learner.weights()
        }
        Objective::PseudoLabels { hidden, spans_over, freeze_feature_encoder, overrides } => {
            let labels =
                labels.first().ok_or_else(|| refused("pretraining by pseudo-labels reads some: `labels`"))?;
            let labels = LabelledFrames::open(labels, &dataset)?;
            let config = PseudoLabelsConfig {
                encoder: overrides.of(encoder),
                normalise: card.normalise,
                clusters: labels.clusters().to_vec(),
                hidden: *hidden,
                spans_over: *spans_over,
                freeze_feature_encoder: *freeze_feature_encoder,
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
