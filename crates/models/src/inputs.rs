//! What networks read, and what they refuse.

use affekt_torch::TorchError;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::wav2vec2::InputError;

/// What every example of a data set is: `[128, 94]` or `"waveforms"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputShape {
    /// Samples, as many as there are: another number in every example.
    Waveforms,
    /// Features of so many bands and frames.
    #[serde(untagged)]
    Frames([usize; 2]),
}

impl std::fmt::Display for InputShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Waveforms => f.write_str("waveforms"),
            Self::Frames([bands, frames]) => write!(f, "{bands} bands × {frames} frames"),
        }
    }
}

/// A batch.
#[derive(Debug)]
pub struct Inputs {
    /// f32: `[batch, bands, frames]`, or waveforms `[batch, samples]` with zeros behind the shorter ones.
    pub xs: Tensor,
    /// Of waveforms, how many samples of each row are its own.
    pub lengths: Option<Vec<usize>>,
}

impl Inputs {
    /// Features `[batch, bands, frames]`.
    #[must_use]
    pub const fn frames(xs: Tensor) -> Self {
        Self { xs, lengths: None }
    }

    /// Waveforms `[batch, samples]` and how many samples of each row are its own.
    #[must_use]
    pub const fn waveforms(xs: Tensor, lengths: Vec<usize>) -> Self {
        Self { xs, lengths: Some(lengths) }
    }

    /// They and their lengths.
    ///
    /// # Errors
    /// When these are features.
    pub fn clips(&self) -> Result<(&Tensor, &[usize]), ForwardError> {
        let lengths = self.lengths.as_deref();
        let lengths = lengths.ok_or(ForwardError::Kind { found: "frames", expected: "waveforms" })?;
        Ok((&self.xs, lengths))
    }
}

/// A batch that a network does not take, or that libtorch cannot compute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForwardError {
    /// Not frames of the shape that it was built for.
    #[error("a batch of shape {found:?} where [batch, {bands}, {frames}] is expected", bands = expected[0], frames = expected[1])]
    Frames {
        /// The batch's shape.
        found: Vec<i64>,
        /// The network's bands and frames.
        expected: [usize; 2],
    },
    /// Waveforms for a network of frames, or frames for one of waveforms.
    #[error("a batch of {found} for a network that reads {expected}")]
    Kind {
        /// `frames` or `waveforms`.
        found: &'static str,
        /// The other.
        expected: &'static str,
    },
    /// Not waveforms that it can read.
    #[error(transparent)]
    Waveforms(#[from] InputError),
    /// libtorch refused; most often because memory is used up.
    #[error(transparent)]
    Torch(#[from] TorchError),
}
