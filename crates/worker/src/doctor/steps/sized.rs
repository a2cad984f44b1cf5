//! A stage at the size that a device is given.

use affekt_domain::Task;
use affekt_models::InputShape;
use affekt_models::flop::{PretrainingHeads, Step, pretraining_flop, training_flop};
use affekt_models::wav2vec2::Spans;
use affekt_ops::doctor::{Stage, StageLearner, StageSize};
use affekt_ops::{pretrain, train};
use affekt_spec::encoder::EncoderConfig;
use affekt_spec::network::{EncoderLayer, NetworkConfig};
use affekt_spec::training::{Batching, Loss, Objective, Optimisation, Refit, Stopping};
use affekt_torch::Random;
use affekt_train::pretraining::{
    Contrastive, ContrastiveConfig, Pretraining, PretrainingLearner, PseudoLabels, PseudoLabelsConfig,
    pretrain,
};
use affekt_train::{Listener, Precision, TrainError, Training, TrainingPart, train};
use tch::{Device, Kind};

use super::noise::{Noise, NoiseLabels, RATE, Targets};
use super::readings::STEPS;
use crate::doctor::outcome::Error;

/// A stage that trains on as much as a device is given, for as many steps as are timed.
pub struct SizedStage {
    learner: StageLearner,
    size: StageSize,
    /// The stage's own.
    whole: StageSize,
}

/// Whatever the published one is.
const SEED: u64 = 1;

impl SizedStage {
    pub fn new(stage: &Stage, device: Device) -> Self {
        let size = if device.is_cuda() { stage.size } else { stage.on_cpu };
        let mut learner = stage.learner.clone();
        match &mut learner {
            StageLearner::Train { params, .. } => shrink_training(params, size),
            StageLearner::Pretrain { params, encoder, .. } => {
                encoder.num_hidden_layers = size.layers;
                // Long enough for the schedule, short enough to be drawn up at once.
                params.training.steps = params.training.steps.min(1000);
                params.training.held_out = 0.0;
                shrink(&mut params.training.optimisation, size);
            }
        }
        Self { learner, size, whole: stage.size }
    }

    /// Describes a step's batch: `2 of 64 clips of 2 of 10 s, 4 of 12 layers, fp32`.
    pub fn described(&self) -> String {
        let (size, whole) = (self.size, self.whole);
        let of = |is: f64, whole: f64| if is == whole { is.to_string() } else { format!("{is} of {whole}") };
        let rows = of(size.rows as f64, whole.rows as f64);
        let precision = match self.precision() {
            Precision::Fp32 => "fp32",
            Precision::Tf32 => "tf32",
            Precision::Bf16 => "bf16",
            Precision::Fp16 => "fp16",
        };
        if size.seconds == 0.0 {
            return format!("{rows} examples, {precision}");
        }
        let seconds = of(size.seconds, whole.seconds);
        let layers = of(size.layers as f64, whole.layers as f64);
        format!("{rows} clips of {seconds} s, {layers} layers, {precision}")
    }

    pub const fn precision(&self) -> Precision {
        self.optimisation().precision
    }

    const fn optimisation(&self) -> &Optimisation {
        match &self.learner {
            StageLearner::Train { params, .. } => &params.training.optimisation,
            StageLearner::Pretrain { params, .. } => &params.training.optimisation,
        }
    }

    fn samples(&self) -> usize {
        (self.size.seconds * f64::from(RATE)).round() as usize
    }

    /// Counts the operations of a step.
    ///
    /// # Errors
    /// When the stage's configuration makes no network.
    pub fn flop(&self) -> Result<u64, Error> {
        let (rows, samples) = (self.size.rows, self.samples());
        let gradient_checkpointing = self.optimisation().gradient_checkpointing;
        let step = Step { rows, samples, gradient_checkpointing };
        match &self.learner {
            StageLearner::Train { params, outputs, frames } => {
                let input = frames.map_or(InputShape::Waveforms, InputShape::Frames);
                Ok(training_flop(&params.network, &input, *outputs, step)?)
            }
            StageLearner::Pretrain { params, encoder, clusters } => Ok(match &params.objective {
                Objective::Contrastive(objective) => {
                    let heads = PretrainingHeads::Contrastive;
                    pretraining_flop(encoder, objective.freeze_feature_encoder, heads, step)
                }
                Objective::PseudoLabels(objective) => {
                    let frames = encoder.frames(samples) as i64;
                    let spans = Spans::of_frames(&objective.overrides.of(encoder));
                    let mut random = Random::new(SEED, "masks of steps");
                    let masked = spans.mask(&vec![frames; rows], frames, objective.spans_over, &mut random);
                    let masked = masked.f_sum(Kind::Int64)?.f_int64_value(&[])? as usize;
                    let heads = PretrainingHeads::PseudoLabels { hidden: objective.hidden, clusters, masked };
                    pretraining_flop(encoder, objective.freeze_feature_encoder, heads, step)
                }
            }),
        }
    }

    /// Trains until `progress` breaks it off.
    ///
    /// # Errors
    /// The training's.
    pub fn train(&self, device: Device, progress: &mut Listener<'_>) -> Result<(), Error> {
        // Memory may be used up in the first.
        let rows = self.size.rows * (STEPS + 4);
        let trained = match &self.learner {
            StageLearner::Train { params, outputs, frames } => {
                let (task, targets) = task(params.training.loss, *outputs);
                let noise = match frames {
                    Some(shape) => Noise::frames(*shape, rows, targets),
                    None => Noise::clips(self.samples(), rows, targets),
                };
                let training = Training {
                    network: &params.network,
                    config: &params.training,
                    encoder: None,
                    task: &task,
                    seed: SEED,
                    trained_on: &TrainingPart::of(&noise),
                    selected_on: None,
                    refitted_on: None,
                    standardiser: None,
                    device,
                    resume: None,
                };
                train(&training, progress).map(drop)
            }
            StageLearner::Pretrain { params, encoder, clusters } => {
                self.pretrain(params, encoder, clusters, rows, device, progress)
            }
        };
        match trained {
            Ok(()) | Err(TrainError::Cancelled(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn pretrain(
        &self,
        params: &pretrain::Params,
        encoder: &EncoderConfig,
        clusters: &[usize],
        rows: usize,
        device: Device,
        progress: &mut Listener<'_>,
    ) -> Result<(), TrainError> {
        let noise = Noise::clips(self.samples(), rows, Targets::Classes(2));
        let checkpointing = params.training.optimisation.gradient_checkpointing;
        match &params.objective {
            Objective::Contrastive(objective) => {
                let objective = objective.clone();
                let config = ContrastiveConfig { encoder: encoder.clone(), normalise: false, objective };
                let mut learner = Contrastive::new(&config, checkpointing, SEED, device)?;
                go(params, &noise, &mut learner, device, progress)
            }
            Objective::PseudoLabels(objective) => {
                let labels = NoiseLabels::new(encoder.frames(self.samples()), clusters);
                let config = PseudoLabelsConfig {
                    encoder: encoder.clone(),
                    normalise: false,
                    clusters: clusters.to_vec(),
                    objective: objective.clone(),
                };
                let mut learner = PseudoLabels::new(&config, &labels, checkpointing, SEED, device)?;
                go(params, &noise, &mut learner, device, progress)
            }
        }
    }
}

fn go(
    params: &pretrain::Params,
    noise: &Noise,
    learner: &mut impl PretrainingLearner,
    device: Device,
    progress: &mut Listener<'_>,
) -> Result<(), TrainError> {
    let trained_on = &TrainingPart::of(noise);
    let config = &params.training;
    let pretraining = Pretraining { config, seed: SEED, trained_on, device, resume: None };
    pretrain(&pretraining, learner, progress).map(drop)
}

/// Brings a training to a size. What chooses its last epoch has no say: there is one.
fn shrink_training(params: &mut train::Params, size: StageSize) {
    if let NetworkConfig::Wav2Vec2(network) = &mut params.network {
        match &mut network.layer {
            EncoderLayer::Nth(layer) => *layer = size.layers,
            EncoderLayer::Last | EncoderLayer::Weighted => {
                network.encoder = network.encoder.clone().with_layers(size.layers);
            }
            EncoderLayer::Several(layers) => {
                layers.retain(|layer| *layer < size.layers);
                layers.push(size.layers);
            }
        }
    }
    let training = &mut params.training;
    (training.max_epochs, training.stopping, training.refit) = (1, Stopping::Fixed, Refit::None);
    shrink(&mut training.optimisation, size);
}

fn shrink(optimisation: &mut Optimisation, size: StageSize) {
    optimisation.batch_size = size.rows;
    if let Batching::Bucketed { seconds: Some(seconds), .. } = &mut optimisation.batching {
        *seconds = size.rows as f64 * size.seconds;
    }
}

/// Returns what is asked of rows: classes, or values where the loss is of such.
fn task(loss: Loss, outputs: usize) -> (Task, Targets) {
    let names = (1..=outputs).map(|number| number.to_string()).collect();
    match loss {
        Loss::CrossEntropy | Loss::Focal | Loss::Ordinal => (Task::Classes(names), Targets::Classes(outputs)),
        Loss::Ccc | Loss::Mse => (Task::Outputs(names), Targets::Values(outputs)),
    }
}
