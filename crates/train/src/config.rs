//! How to train: what a pipeline's `train` section says.

use affekt_domain::Monitor;
use serde::{Deserialize, Serialize};

use crate::{Augment, Batching, ClassWeights, Crop, Schedule};

/// Adam on mini-batches. The defaults suit the networks trained from scratch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Adam's learning rate, which the schedule changes. (B1's published one, 1e-2, was chosen by Hyperband.)
    pub lr: f64,
    /// What becomes of the weights' decay.
    pub optimiser: Optimiser,
    /// The optimiser's weight decay.
    pub weight_decay: f64,
    /// What is minimised.
    pub loss: Loss,
    /// Examples in a batch; the last one of an epoch may be smaller.
    pub batch_size: usize,
    /// Whether an epoch leaves out, at random, as many examples as would make a smaller batch.
    pub drop_last: bool,
    /// How batches are put together.
    pub batching: Batching,
    /// In how many parts a batch is computed, to save memory; their gradients are added up. But for rounding and the masks
    /// of dropout it is the same training.
    pub accumulate: usize,
    /// What is taken of each training waveform, where not all of it.
    pub crop: Option<Crop>,
    /// What becomes of training pictures, where they are not taken as they are.
    pub augment: Option<Augment>,
    /// What numbers training computes with. The dev part is computed in f32, as `predict` does.
    pub precision: Precision,
    /// Whether activations are computed anew in the backward pass rather than kept.
    pub gradient_checkpointing: bool,
    /// Epochs, at the most.
    pub max_epochs: u32,
    /// When to stop before that, and which epoch's weights to keep.
    pub stopping: Stopping,
    /// How much the examples of each class weigh in the loss.
    pub class_weights: ClassWeights,
    /// The norm of all gradients together that a step may have at most; larger ones are scaled down to it.
    pub clip_norm: Option<f64>,
    /// How the learning rate goes from step to step.
    pub schedule: Schedule,
    /// What follows early stopping.
    pub refit: Refit,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            optimiser: Optimiser::Adam,
            weight_decay: 0.0,
            loss: Loss::CrossEntropy,
            batch_size: 32,
            drop_last: false,
            batching: Batching::Shuffled,
            accumulate: 1,
            crop: None,
            augment: None,
            precision: Precision::Fp32,
            gradient_checkpointing: false,
            max_epochs: 100,
            stopping: Stopping::Early { monitor: Monitor::DevLoss, patience: 10 },
            class_weights: ClassWeights::None,
            clip_norm: None,
            schedule: Schedule::Constant,
            refit: Refit::None,
        }
    }
}

/// Adam, with one of two weight decays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimiser {
    /// The decay is added to the gradients (L2).
    Adam,
    /// The decay, times the learning rate, is taken from the weights (Loshchilov and Hutter, arXiv 1711.05101).
    #[serde(rename = "adamw")]
    AdamW,
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Cross-entropy of classes.
    CrossEntropy,
    /// 1 − the concordance correlation coefficient (Lin, 1989) of each output over the batch, averaged over outputs.
    Ccc,
    /// The mean squared error of all outputs.
    Mse,
}

/// What numbers training computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// f32.
    Fp32,
    /// bfloat16 where libtorch's autocast holds it for safe, f32 for the rest, weights and losses too.
    Bf16,
}

/// When training ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Stopping {
    /// After `patience` epochs without a better figure on the dev part. The best epoch's weights are kept.
    Early {
        /// The figure.
        monitor: Monitor,
        /// How many epochs may pass without a better one.
        patience: u32,
    },
    /// After `max_epochs`. The last epoch's weights are kept, whatever a dev part says.
    Fixed,
}

/// Training anew, once early stopping has found how many epochs are best: from the seed, for exactly that many, with
/// nothing chosen any more. It is the training that `stopping: fixed` with so many `max_epochs` would be, so a schedule
/// is laid over these epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refit {
    /// The best epoch's weights are kept as they are.
    None,
    /// On the training part. Under a constant or stepped learning rate this is the search's own path to the best epoch,
    /// and gives its weights once more.
    BestEpochs,
    /// On the training and dev parts together.
    BestEpochsWithDev,
}
