//! Networks, nothing else: no files, no data, no training.
//!
//! A [`NetworkConfig`] says which network; [`NetworkConfig::build`] makes it for a shape of input and a number
//! of classes. Every network takes `[batch, bands, frames]` and gives logits `[batch, classes]`.
//! Encoders of speech take waveforms: [`wav2vec2`].

mod blocks;
mod cnn;
mod dropout;
mod network;
mod parallel_cnn;
mod transformer;
mod two_cnns;
pub mod wav2vec2;

pub use blocks::{CnnConfig, NormAxis};
pub use network::{BuildError, Network, NetworkConfig, ParameterCounts, WeightsError};
pub use parallel_cnn::ParallelCnnConfig;
pub use transformer::{Positions, TransformerConfig};
