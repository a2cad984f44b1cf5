//! Networks, nothing else: no files, no data, no training.
//!
//! A [`NetworkConfig`] says which network; [`NetworkConfig::build`] makes it for an [`InputShape`] and a number of
//! outputs. A [`Network`] takes [`Inputs`], `[batch, bands, frames]`, pictures `[batch, 3, height, width]` or waveforms
//! `[batch, samples]` with their lengths, and gives `[batch, outputs]`: logits of classes, or values. Encoders of speech: [`wav2vec2`], and
//! an [`Embedder`] where one is not trained; [`wav2vec`], for the networks of [`states`].

mod adapt;
mod attentive_statistics;
mod bi_lstm;
mod blocks;
mod clip_head;
mod cnn;
mod conv1d;
mod dropout;
mod embedder;
mod embedding_cnn;
mod end2you;
mod fine_tuned;
pub mod flop;
#[cfg(test)]
mod generator;
mod inputs;
mod layer_mix;
mod loading;
mod lstm;
mod mlp;
mod network;
mod outputs;
mod parallel_cnn;
mod pooling;
mod speech_encoder;
pub mod states;
mod transformer;
mod two_cnns;
pub mod vgg16;
pub mod wav2vec;
pub mod wav2vec2;
pub mod whisper;

pub use embedder::{Embedder, Embedding};
pub use fine_tuned::{built_encoder, normalised};
pub use inputs::{ForwardError, InputShape, Inputs};
pub use layer_mix::learnt_weights;
pub use loading::{Accounting, EncoderError, WeightsError, replace, take_over};
pub use network::{BuildError, Network, ParameterCounts, WaveformModule, caught, freeze};
pub use speech_encoder::{Encoded, SpeechEncoder, speech_encoder};
