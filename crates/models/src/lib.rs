//! Networks, nothing else: no files, no data, no training.
//!
//! A [`NetworkConfig`] says which network; [`NetworkConfig::build`] makes it for an [`InputShape`] and a number of
//! outputs. A [`Network`] takes [`Inputs`], `[batch, bands, frames]` or waveforms `[batch, samples]` with their lengths,
//! and gives `[batch, outputs]`: logits of classes, or values. Encoders of speech: [`wav2vec2`].

mod blocks;
mod cnn;
mod dropout;
mod inputs;
mod loading;
mod network;
mod parallel_cnn;
mod transformer;
mod two_cnns;
pub mod wav2vec2;

pub use blocks::{CnnConfig, NormAxis};
pub use inputs::{ForwardError, InputShape, Inputs};
pub use loading::{Accounting, EncoderError, WeightsError};
pub use network::{BuildError, Network, NetworkConfig, ParameterCounts, WaveformModule};
pub use parallel_cnn::ParallelCnnConfig;
pub use transformer::{Positions, TransformerConfig};
