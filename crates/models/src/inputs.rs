//! What networks read, and what they refuse.

use affekt_torch::TorchError;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::wav2vec2::InputError;

/// What every example of a data set is: `[128, 94]`, `{"pictures": [3, 224, 224]}` or `"waveforms"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputShape {
    /// Samples, as many as there are: another number in every example.
    Waveforms,
    /// Pictures of so many channels, rows and columns.
    Pictures([usize; 3]),
    /// Features of so many bands and frames.
    #[serde(untagged)]
    Frames([usize; 2]),
}

impl std::fmt::Display for InputShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Waveforms => f.write_str("waveforms"),
            Self::Pictures([channels, height, width]) => {
                write!(f, "pictures of {channels} × {height} × {width}")
            }
            Self::Frames([bands, frames]) => write!(f, "{bands} bands × {frames} frames"),
        }
    }
}

/// A batch.
#[derive(Debug)]
pub struct Inputs {
    /// f32: `[batch, bands, frames]`, or waveforms `[batch, samples]` with zeros behind the shorter ones; u8 or f32 in 0..255:
    /// pictures `[batch, channels, height, width]`.
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

    /// Pictures `[batch, channels, height, width]`, u8 or f32 in 0..255.
    #[must_use]
    pub const fn pictures(xs: Tensor) -> Self {
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
    /// When these are features or pictures.
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
    /// Not pictures of the size that it was built for.
    #[error(
        "a batch of shape {found:?} where [batch, {}, {}, {}] is expected", expected[0], expected[1], expected[2]
    )]
    Pictures {
        /// The batch's shape.
        found: Vec<i64>,
        /// The network's channels, rows and columns.
        expected: [usize; 3],
    },
    /// Waveforms for a network of something else, or something else for one of waveforms.
    #[error("a batch of {found} for a network that reads {expected}")]
    Kind {
        /// `frames`, `pictures` or `waveforms`.
        found: &'static str,
        /// Another one.
        expected: &'static str,
    },
    /// Not waveforms that it can read.
    #[error(transparent)]
    Waveforms(#[from] InputError),
    /// libtorch refused; most often because memory is used up.
    #[error(transparent)]
    Torch(#[from] TorchError),
}
