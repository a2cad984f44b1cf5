//! Spectrogram images: spectrograms as input of networks that were trained on photographs.
//!
//! A fixed range of decibels, not each clip's own, is mapped to the colours, so that equal colours mean equal levels in
//! every image.

use affekt_spec::Spec;
use serde::{Deserialize, Serialize};

use crate::error::{FeatureError, at_least};
use crate::magma::magma;
use crate::resize::Resize;

/// The parameters of an image. The default suits mel spectrograms relative to their maximum, and networks of ImageNet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpectrogramImageConfig {
    /// Height and width in pixels.
    pub size: usize,
    /// The values that get the first and the last colour; values beyond are clipped.
    pub range_db: [f32; 2],
    /// The colour map.
    pub colours: ColourMap,
}

/// A colour map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum ColourMap {
    /// matplotlib's, from black over violet and red to a light yellow.
    Magma,
}

impl Default for SpectrogramImageConfig {
    fn default() -> Self {
        Self { size: 224, range_db: [-80.0, 0.0], colours: ColourMap::Magma }
    }
}

/// A renderer of matrices of one shape; created once.
pub struct SpectrogramImage {
    size: usize,
    lowest: f32,
    range: f32,
    colours: ColourMap,
    resize: Resize,
}

impl SpectrogramImage {
    /// Prepares rendering of features `[bands, frames]`.
    ///
    /// # Errors
    /// Fails if `config` is out of range or the shape is empty.
    pub fn new(config: &SpectrogramImageConfig, shape: [usize; 2]) -> Result<Self, FeatureError> {
        let SpectrogramImageConfig { size, range_db: [lowest, highest], colours } = *config;
        at_least("size", size, 1)?;
        at_least("bands", shape[0], 1)?;
        at_least("frames", shape[1], 1)?;
        let range = highest - lowest;
        if !(range > 0.0 && range.is_finite()) {
            return Err(FeatureError::Range { lowest: lowest.to_string(), highest: highest.to_string() });
        }
        Ok(Self { size, lowest, range, colours, resize: Resize::new(shape, [size, size]) })
    }

    /// Returns `[3, size, size]`: red, green, blue, each row-major from the top.
    #[must_use]
    pub const fn shape(&self) -> [usize; 3] {
        [3, self.size, self.size]
    }

    /// Renders a matrix `[bands, frames]`, row-major: the first band at the bottom, the first frame at the left.
    ///
    /// # Panics
    /// Panics if it is of another shape than prepared for.
    #[must_use]
    pub fn draw(&self, values: &[f32]) -> Vec<u8> {
        let share = |value: &f32| ((value - self.lowest) / self.range).clamp(0.0, 1.0);
        let shares = self.resize.apply(&values.iter().map(share).collect::<Vec<_>>());
        let mut pixels = vec![0; 3 * shares.len()];
        let from_the_top = shares.chunks_exact(self.size).rev().flatten();
        for (at, share) in from_the_top.enumerate() {
            for (channel, value) in self.colours.of(*share).into_iter().enumerate() {
                pixels[channel * shares.len() + at] = value;
            }
        }
        pixels
    }
}

impl ColourMap {
    /// Returns red, green and blue for a position in the range, from 0 to 1.
    #[must_use]
    pub fn of(self, share: f32) -> [u8; 3] {
        match self {
            Self::Magma => magma(share),
        }
    }
}

/// Converts an image from `[3, height, width]` to interleaved pixels, red, green and blue of each, as image files
/// store them.
///
/// # Panics
/// Panics if the number of values is not a multiple of 3.
#[must_use]
pub fn interleaved(pixels: &[u8]) -> Vec<u8> {
    assert!(pixels.len().is_multiple_of(3), "{} values are not three channels", pixels.len());
    let size = pixels.len() / 3;
    (0..size).flat_map(|at| [pixels[at], pixels[size + at], pixels[2 * size + at]]).collect()
}
