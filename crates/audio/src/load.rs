//! From a file to a mono waveform.

use std::borrow::Cow;
use std::path::Path;

use crate::error::AudioError;
use crate::{decode, resample};

/// The file's samples: the average of its channels, at `rate_hz`.
///
/// # Errors
/// When the file gives no samples or a rate is out of range.
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
