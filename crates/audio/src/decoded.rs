//! Samples as the file holds them.

use std::borrow::Cow;

/// The content of an audio file at its own rate: at least one frame of at least one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    pub(crate) samples: Vec<f32>,
    pub(crate) rate: u32,
    pub(crate) channels: u16,
    pub(crate) truncated: Option<Truncated>,
}

/// The file ends, or is damaged, before what its header promises; what could be decoded was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncated {
    /// How many frames the header promises, where the format says.
    pub expected_frames: Option<u64>,
}

impl Decoded {
    /// Interleaved samples; full scale is `-1.0..=1.0` for integer formats.
    #[must_use]
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// Sampling rate in Hz.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// Number of channels.
    #[must_use]
    pub const fn channels(&self) -> u16 {
        self.channels
    }

    /// Samples per channel.
    #[must_use]
    pub const fn frames(&self) -> usize {
        self.samples.len() / self.channels as usize
    }

    /// Whether frames are missing.
    #[must_use]
    pub const fn truncated(&self) -> Option<Truncated> {
        self.truncated
    }

    /// The average of the channels.
    #[must_use]
    pub fn mono(&self) -> Cow<'_, [f32]> {
        match self.channels {
            1 => Cow::Borrowed(&self.samples),
            2 => self.samples.chunks_exact(2).map(|frame| (frame[0] + frame[1]) / 2.0).collect(),
            n => self
                .samples
                .chunks_exact(usize::from(n))
                .map(|frame| frame.iter().sum::<f32>() / f32::from(n))
                .collect(),
        }
    }
}
