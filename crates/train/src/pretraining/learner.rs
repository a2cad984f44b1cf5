//! What is pretrained: a learner of waveforms.

use crate::Learner;

/// Learns from the waveforms of a training part, and keeps weights that a later training begins with.
pub trait PretrainingLearner: Learner {
    /// Returns what decides what is learnt beside the settings of pretraining: a state kept under others is not gone on from.
    fn settings(&self) -> serde_json::Value;

    /// Returns how many samples make a frame.
    fn least_samples(&self) -> usize;
}
