//! Decoded audio at the file's own rate.

use std::borrow::Cow;

/// Decoded audio at the file's own rate: at least one frame of at least one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    pub(crate) samples: Vec<f32>,
    pub(crate) rate: u32,
    pub(crate) channels: u16,
    pub(crate) truncated: Option<Truncated>,
}

/// Marks audio that ends, or is damaged, before the end declared in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncated {
    /// The number of frames declared in the header, if the format has it.
    pub expected_frames: Option<u64>,
}

impl Decoded {
    /// Returns the interleaved samples; full scale is `-1.0..=1.0` for integer formats.
    #[must_use]
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// Returns the sampling rate in Hz.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// Returns the number of channels.
    #[must_use]
    pub const fn channels(&self) -> u16 {
        self.channels
    }

    /// Returns the number of samples per channel.
    #[must_use]
    pub const fn frames(&self) -> usize {
        self.samples.len() / self.channels as usize
    }

    /// Returns whether, and how, the audio is truncated.
    #[must_use]
    pub const fn truncated(&self) -> Option<Truncated> {
        self.truncated
    }

    /// Returns whether every sample is 0.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.samples.iter().all(|sample| *sample == 0.0)
    }

    /// Finds the first sample that is infinite or not a number, with the index of its frame.
    #[must_use]
    pub fn first_not_finite(&self) -> Option<(usize, f32)> {
        // Asked of all samples at once, which the compiler makes SIMD of, unlike a search.
        if self.samples.iter().fold(true, |finite, sample| finite & sample.is_finite()) {
            return None;
        }
        let at = self.samples.iter().position(|sample| !sample.is_finite())?;
        Some((at / usize::from(self.channels), self.samples[at]))
    }

    /// Returns the average of the channels.
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
