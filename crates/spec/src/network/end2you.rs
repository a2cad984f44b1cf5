//! The end-to-end baseline of the vocal bursts challenge: convolutions over raw audio, then an LSTM.

use super::parts::LstmConfig;
use super::pooling::{Pooling, PoolingAttention};
use crate::Spec;

/// Convolutions over chunks of samples, and an LSTM over the chunks.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct End2YouConfig {
    /// Length of a chunk.
    #[spec(default = 1600, range = 1..=160_000, unit = "samples")]
    pub chunk: usize,
    /// Channels after each block.
    #[spec(default = vec![64, 128, 256], range = 1..=65_536)]
    pub channels: Vec<usize>,
    /// Kernel of each block's convolution.
    #[spec(default = vec![8, 6, 6], range = 1..=65_536)]
    pub kernels: Vec<usize>,
    /// Length of each block's max pool, which is its stride too.
    #[spec(default = vec![10, 8, 8], range = 1..=65_536)]
    pub pools: Vec<usize>,
    /// What reads the chunks.
    #[spec(default = LstmConfig::default(), defaults(hidden = 256))]
    pub lstm: LstmConfig,
    /// How the outputs at each chunk become those of the clip.
    #[spec(default = Pooling::Last)]
    pub pooling: Pooling,
    /// Settings of the poolings that attend.
    #[spec(default = PoolingAttention::default(), omit)]
    pub attention: PoolingAttention,
}
