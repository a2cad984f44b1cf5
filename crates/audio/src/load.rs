//! Loading of audio files as mono waveforms.

use std::borrow::Cow;
use std::path::Path;

use crate::error::AudioError;
use crate::{decode, resample};

/// Loads the average of a file's channels, resampled to `rate_hz`.
///
/// # Errors
/// Fails if no samples can be decoded or a rate is out of range.
pub fn load(path: &Path, rate_hz: u32) -> Result<Vec<f32>, AudioError> {
    let decoded = decode(path)?;
    if decoded.rate() == rate_hz {
        return Ok(match decoded.mono() {
            Cow::Owned(mono) => mono,
            Cow::Borrowed(_) => decoded.samples,
        });
    }
    resample(&decoded.mono(), decoded.rate(), rate_hz).map_err(|error| AudioError::new(path, error))
}
