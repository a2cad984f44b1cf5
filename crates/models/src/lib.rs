//! Networks, nothing else: no files, no data, no training.
//!
//! A [`NetworkConfig`] says which network; [`NetworkConfig::build`] makes it for a shape of input and a number
//! of classes. Every network takes `[batch, bands, frames]` and gives logits `[batch, classes]`.

mod cnn;
mod network;

pub use cnn::{Cnn, CnnConfig, NormAxis};
pub use network::{BuildError, Network, NetworkConfig, ParameterCounts, WeightsError};
