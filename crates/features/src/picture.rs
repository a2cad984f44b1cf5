//! Spectrograms as pictures: what a network made for photographs can look at.
//!
//! A fixed range of decibels, not each clip's own, is laid over the colour map, so that equal colours are equal levels in
//! every picture.

use affekt_spec::Spec;
use serde::{Deserialize, Serialize};

use crate::error::{FeatureError, at_least};
use crate::magma::magma;
use crate::resize::Resize;

/// How a picture is drawn. The default is what suits mel spectrograms relative to their maximum, and networks of ImageNet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PictureConfig {
    /// Height and width in pixels.
    pub size: usize,
    /// The values that get the first colour and the last. What lies beyond gets the same.
    pub range_db: [f32; 2],
    /// The colours between.
    pub colours: Colours,
}

/// A colour map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Colours {
    /// matplotlib's, from black over violet and red to a light yellow.
    Magma,
}

impl Default for PictureConfig {
    fn default() -> Self {
        Self { size: 224, range_db: [-80.0, 0.0], colours: Colours::Magma }
    }
}

/// A plan for pictures of matrices of one shape.
pub struct Picture {
    size: usize,
    lowest: f32,
    range: f32,
    colours: Colours,
    resize: Resize,
}

impl Picture {
    /// Plans for features `[bands, frames]`.
    ///
    /// # Errors
    /// When nothing can be drawn with `config`, or there is nothing to draw.
    pub fn new(config: &PictureConfig, shape: [usize; 2]) -> Result<Self, FeatureError> {
        let PictureConfig { size, range_db: [lowest, highest], colours } = *config;
        at_least("size", size, 1)?;
        at_least("bands", shape[0], 1)?;
        at_least("frames", shape[1], 1)?;
        let range = highest - lowest;
        if !(range > 0.0 && range.is_finite()) {
            return Err(FeatureError::Range { lowest: lowest.to_string(), highest: highest.to_string() });
        }
        Ok(Self { size, lowest, range, colours, resize: Resize::new(shape, [size, size]) })
    }

    /// `[3, size, size]`: red, green and blue, each row by row from the top.
    #[must_use]
    pub const fn shape(&self) -> [usize; 3] {
        [3, self.size, self.size]
    }

    /// The picture of a matrix `[bands, frames]`, row-major: the first band at the bottom, the first frame at the left.
    ///
    /// # Panics
    /// When it is of another shape than planned for.
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

impl Colours {
    /// Red, green and blue of a share of the range.
    #[must_use]
    pub fn of(self, share: f32) -> [u8; 3] {
        match self {
            Self::Magma => magma(share),
        }
    }
}

/// A picture's pixels one after the other, red, green and blue of each, as files of pictures hold them.
///
/// # Panics
/// When they are not three channels of one size.
#[must_use]
pub fn interleaved(pixels: &[u8]) -> Vec<u8> {
    assert!(pixels.len().is_multiple_of(3), "{} values are not three channels", pixels.len());
    let size = pixels.len() / 3;
    (0..size).flat_map(|at| [pixels[at], pixels[size + at], pixels[2 * size + at]]).collect()
}
