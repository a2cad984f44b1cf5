//! What every training has, with labels or without: steps of an optimiser over batches.

use std::collections::BTreeMap;

use super::batching::{Batching, Crop};
use super::schedule::Schedule;
use crate::{LibraryDefaults, Spec};

/// Steps of an optimiser over batches.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Optimisation {
    /// Learning rate that the schedule changes. (B1's published one, 1e-2, was chosen by Hyperband.)
    #[spec(default = 1e-3, range = 1e-12..=10.0, free)]
    pub lr: f64,
    /// Optimiser, and what becomes of the weights' decay.
    #[spec(default = Optimiser::Adam)]
    pub optimiser: Optimiser,
    /// Whose epsilon Adam has, and where it is added.
    #[spec(default = LibraryDefaults::PyTorch, omit, free)]
    pub defaults: LibraryDefaults,
    /// The optimiser's weight decay.
    #[spec(default = 0.0, range = 0.0..=10.0, free)]
    pub weight_decay: f64,
    /// Examples in a batch, where `batching` does not fill it by seconds; the last batch of an epoch may be smaller.
    #[spec(default = 32, range = 1..=65_536)]
    pub batch_size: usize,
    /// Whether an epoch leaves out, at random, as many examples as would make a smaller batch.
    #[spec(default = false)]
    pub drop_last: bool,
    /// How batches are put together.
    #[spec(default = Batching::Shuffled)]
    pub batching: Batching,
    /// Number of micro-batches that a batch is computed in, to save memory; their gradients are added up. But for rounding
    /// and the masks of dropout it is the same training.
    #[spec(default = 1, range = 1..=65_536, key = "accumulate")]
    pub gradient_accumulation_steps: usize,
    /// What is taken of each training waveform, where not all of it.
    #[spec(none = "none")]
    pub crop: Option<Crop>,
    /// What numbers training computes with. The dev part is computed in fp32, as `predict` does.
    #[spec(default = Precision::Fp32)]
    pub precision: Precision,
    /// Whether a GPU computes the same bits every time, more slowly; operations that cannot are refused. (A CPU does, with as many
    /// threads.)
    #[spec(default = false, omit)]
    pub deterministic: bool,
    /// Whether cuDNN tries out its algorithms for each new shape and takes the fastest, which may be another each time; otherwise,
    /// and with `deterministic`, it chooses by rule. For inputs of one shape on a GPU.
    #[spec(default = false, omit)]
    pub cudnn_benchmark: bool,
    /// Whether activations are computed again in the backward pass rather than kept.
    #[spec(default = false)]
    pub gradient_checkpointing: bool,
    /// Norm of all gradients together that a step may have at most; larger ones are scaled down to it.
    #[spec(range = 1e-6..=1e6, free)]
    pub clip_norm: Option<f64>,
    /// How the learning rate goes from step to step.
    #[spec(default = Schedule::Constant, free)]
    pub schedule: Schedule,
    /// What the learning rate is multiplied by for parameters whose names begin so, by the longest beginning: `{ classifier: 10 }`.
    #[spec(default = BTreeMap::new(), noun = "beginnings of parameters' names", omit, free)]
    pub lr_factors: BTreeMap<String, f64>,
    /// What the learning rate of a transformer's layer is of that of the layer above it (Howard and Ruder, arXiv 1801.06146; Clark et
    /// al., arXiv 2003.10555): d^1 for the last layer, up to d^(layers + 1) for what is below them all.
    #[spec(default = 1.0, range = 0.01..=1.0, omit, free)]
    pub layer_decay: f64,
    /// Gradual unfreezing (Howard and Ruder): so many epochs in which only what reads the encoder is trained, then as many for each
    /// layer more, from the last one down.
    #[spec(range = 1..=100_000, omit, unit = "epochs")]
    pub unfreeze_every: Option<u32>,
}

/// Adam (Kingma and Ba, arXiv 1412.6980), with one of two weight decays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Optimiser {
    /// The decay is added to the gradients (L2).
    Adam,
    /// The decay, times the learning rate, is taken from the weights (Loshchilov and Hutter, arXiv 1711.05101).
    #[spec(name = "adamw")]
    AdamW,
}

/// What numbers training computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Precision {
    /// IEEE single precision, in products, convolutions and recurrent layers alike: a GPU's TF32 is off.
    Fp32,
    /// As fp32, but a GPU rounds the inputs of products, convolutions and recurrent layers to TF32, which keeps 10 bits of 23. A CPU
    /// has no TF32 and computes fp32.
    Tf32,
    /// bfloat16 where libtorch's autocast holds it for safe, fp32 for the rest, weights and losses too.
    Bf16,
    /// IEEE half precision where libtorch's autocast holds it for safe, fp32 for the rest, weights and losses too. Losses are scaled,
    /// so that small gradients do not vanish; steps whose gradients overflow are left out (Micikevicius et al., arXiv 1710.03740).
    /// Slow on a CPU.
    Fp16,
}
