//! The network of states, the first stage of P-TAPT (Chen and Rudnicky, arXiv 2110.06309): frames that are to tell emotions
//! apart, for a clustering to make pseudo-labels of.
//!
//! ```text
//!                                                          ┌─ of every frame ── linear ─ tanh ─ linear
//! waveforms ─ trunk ─ ReLU ─ states, a frame every 20 ms ──┤
//! 16 kHz                                                   └─ LSTM both ways ─ mean ─ ReLU ─ linear ─ tanh ─ linear
//! ```
//!
//! Both heads answer for the clip's label, and are of no further use when the network is trained.

mod config;
mod heads;
mod masks;
mod network;
mod trunk;

pub use config::{StatesConfig, TrunkConfig, Wav2Vec2Trunk, Wav2VecTrunk};
pub use network::{StatesNetwork, StatesOutputs};
