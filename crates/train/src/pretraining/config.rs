//! How to pretrain: what a pipeline's `pretraining` section says.

use affekt_domain::Monitor;
use serde::{Deserialize, Serialize};

use crate::check::check_numbers;
use crate::{Batching, Crop, Optimiser, Precision, Schedule, Stopping, TrainConfig, TrainError};

/// Adam on batches of waveforms, for a number of steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainConfig {
    /// How many steps.
    pub steps: u64,
    /// Adam's learning rate, which the schedule changes.
    pub lr: f64,
    /// What becomes of the weights' decay.
    pub optimiser: Optimiser,
    /// The optimiser's weight decay.
    pub weight_decay: f64,
    /// Waveforms in a batch, where `batching` does not fill it by seconds.
    pub batch_size: usize,
    /// Whether an epoch leaves out, at random, as many waveforms as would make a smaller batch.
    pub drop_last: bool,
    /// How batches are put together.
    pub batching: Batching,
    /// What is taken of each waveform, where not all of it.
    pub crop: Option<Crop>,
    /// What numbers are computed with.
    pub precision: Precision,
    /// Whether activations are computed anew in the backward pass rather than kept.
    pub gradient_checkpointing: bool,
    /// How the learning rate goes from step to step.
    pub schedule: Schedule,
    /// The share of the training part, drawn at random, that is not trained on but chooses the epoch whose weights are
    /// kept: that of the smallest loss. With 0 those of the last step are.
    pub held_out: f64,
}

impl PretrainConfig {
    /// Returns what the training loop calls the same: epochs are judged by the loss of what is held out, where something is,
    /// and none ends the training before its last step.
    pub(super) fn of_loop(&self, is_held_out: bool) -> TrainConfig {
        TrainConfig {
            lr: self.lr,
            optimiser: self.optimiser,
            weight_decay: self.weight_decay,
            batch_size: self.batch_size,
            drop_last: self.drop_last,
            batching: self.batching,
            crop: self.crop,
            precision: self.precision,
            gradient_checkpointing: self.gradient_checkpointing,
            schedule: self.schedule,
            stopping: match is_held_out {
                true => Stopping::Early { monitor: Monitor::DevLoss, patience: u32::MAX },
                false => Stopping::Fixed,
            },
            accumulate: 1,
            clip_norm: None,
            ..TrainConfig::default()
        }
    }

    /// Complains of the first number that makes no pretraining.
    pub(super) fn check(&self) -> Result<(), TrainError> {
        let bad = |name, value: String, expected| Err(TrainError::Config { name, value, expected });
        check_numbers(&self.of_loop(false))?;
        if self.steps == 0 {
            return bad("steps", "0".into(), "at least 1");
        }
        if !(0.0..1.0).contains(&self.held_out) {
            return bad("held_out", self.held_out.to_string(), "a share from 0, below 1");
        }
        self.schedule.check(self.steps)
    }
}
