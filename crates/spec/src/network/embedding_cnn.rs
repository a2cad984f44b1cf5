//! System A: a CNN over the matrix that a frozen encoder makes of a clip.

use crate::Spec;

/// Convolutions with max pools between them, and two linear layers.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct EmbeddingCnnConfig {
    /// Channels after each convolution.
    #[spec(default = vec![32, 32, 64, 64, 128, 128, 256, 256], range = 1..=65_536)]
    pub channels: Vec<usize>,
    /// Number of convolutions from one max pool to the next.
    #[spec(default = 2, range = 1..=64)]
    pub pool_every: usize,
    /// Side of each max pool, which is its stride too.
    #[spec(default = 2, range = 1..=64)]
    pub pool: usize,
    /// Share of activations dropped in training behind the last convolution and its pool.
    #[spec(default = 0.3, range = 0.0..1.0)]
    pub dropout: f64,
    /// Units between the two linear layers.
    #[spec(default = 128, range = 1..=65_536, unit = "units")]
    pub hidden: usize,
}
