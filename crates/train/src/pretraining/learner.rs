//! What is pretrained: a network and the loss that it learns by.

use affekt_models::Inputs;
use affekt_torch::{NamedTensors, Random};
use tch::Tensor;

use crate::TrainError;

/// A network and the loss that it learns by.
pub trait Learner {
    /// All its tensors, its own and not copies. Those that learn require gradients.
    fn tensors(&self) -> NamedTensors;

    /// All its tensors, without gradients.
    fn weights(&self) -> NamedTensors {
        self.tensors().into_iter().map(|(name, tensor)| (name, tensor.detach())).collect()
    }

    /// Those that learn.
    fn trainable(&self) -> NamedTensors {
        self.tensors().into_iter().filter(|(_, tensor)| tensor.requires_grad()).collect()
    }

    /// What decides what is learnt beside the settings of pretraining: a state kept under others is not gone on from.
    fn settings(&self) -> serde_json::Value;

    /// How many samples make a frame.
    fn least_samples(&self) -> usize;

    /// How many samples one frame begins after the other. Pieces of waveforms begin at multiples of it.
    fn hop(&self) -> usize;

    /// Whether all clips of a batch have to be of one length: they are then cut to its shortest.
    fn wants_one_length(&self) -> bool {
        false
    }

    /// The mean loss of a batch, with gradients; `None` where it holds nothing to learn from. Whatever it draws comes from
    /// `random`, or from libtorch's generator, which is seeded before. Not in training (`train` is false), it is what chooses.
    ///
    /// # Errors
    /// When the clips do not fit, or libtorch refuses.
    fn loss(&self, clips: &Clips, random: &mut Random, train: bool) -> Result<Option<Learnt>, TrainError>;
}

/// Some waveforms, or pieces of them.
#[derive(Debug)]
pub struct Clips<'c> {
    /// Their numbers in the examples.
    pub rows: &'c [usize],
    /// Where each piece begins in its waveform, in samples.
    pub starts: &'c [usize],
    /// `[clips, samples]` with their lengths, on the device.
    pub inputs: &'c Inputs,
    /// What is to be said of each, `[clips]` or `[clips, outputs]`.
    pub targets: &'c Tensor,
}

/// What a batch says.
#[derive(Debug)]
pub struct Learnt {
    /// The mean loss: one number.
    pub loss: Tensor,
    /// How much it weighs in a mean of losses: how many frames, or clips.
    pub weight: f64,
}
