//! `pretrain`: an encoder goes on learning from the training rows' recordings.

use affekt_domain::Role;
use affekt_graph::{Context, Failure, Job};
use affekt_ops::feature_set::FeatureSet;
use affekt_ops::table;
use affekt_spec::network::{Overrides, SpansOver};
use affekt_table::rows;
use affekt_torch::NamedTensors;
use affekt_train::pretraining::{
    Contrastive, ContrastiveConfig, Learner, PaddedClips, PretrainConfig, PseudoLabels, PseudoLabelsConfig,
};
use affekt_train::{TrainError, TrainingPart};
use serde::Deserialize;
use tch::{Device, Tensor};

use super::failed;
use super::feature_dataset::FeatureDataset;
use super::labels::LabelledFrames;
use super::stepping::step_by_step;
use crate::encoder;

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
    let (card, checkpoint) = encoder::read(&job.open_one("encoder")?)?;
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
    let go_on = |learner: &mut dyn Learner, context: &mut dyn Context| {
        learn(job, &training, seed, &TrainingPart::of(&dataset), device, learner, context)
    };
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
            go_on(&mut learner, context)?
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
            go_on(&mut learner, context)?
        }
    };
    let card = card.pretrained_further(objective.name(), train_rows.fold);
    let path = job.output("encoder")?;
    std::fs::write(path, encoder::to_bytes(&card, weights)?).map_err(|error| Failure::unwritten(path, &error))
}

/// Pretrains, and writes the history. The weights are those to keep, under transformers' names.
fn learn(
    job: &Job,
    config: &PretrainConfig,
    seed: u64,
    trained_on: &TrainingPart<'_>,
    device: Device,
    learner: &mut dyn Learner,
    context: &mut dyn Context,
) -> Result<NamedTensors, Failure> {
    step_by_step(job, config, seed, trained_on, device, learner, context)?;
    let on_cpu = |(name, tensor): (String, Tensor)| {
        let name = name.strip_prefix("wav2vec2.").map(str::to_owned).unwrap_or(name);
        (name, tensor.to_device(Device::Cpu))
    };
    // The heads that tell clusters belong to these clusters alone.
    let is_kept = |name: &String| !name.starts_with("heads.");
    Ok(learner.weights().into_iter().filter(|(name, _)| is_kept(name)).map(on_cpu).collect())
}

fn refused(why: &str) -> Failure {
    Failure::Failed { message: why.to_owned() }
}
