//! Writing of WAV files.

use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::error::{AudioError, AudioFault};

/// Writes mono samples as 16-bit PCM; samples beyond full scale are clipped.
///
/// # Errors
/// Fails if the file cannot be written.
pub fn write_wav_i16(path: &Path, samples: &[f32], rate_hz: u32) -> Result<(), AudioError> {
    let write = || {
        let spec = WavSpec {
            channels: 1,
            sample_rate: rate_hz,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let mut writer = WavWriter::create(path, spec)?;
        for sample in samples {
            // A cast to i16 saturates: full scale is clipped, not wrapped.
            writer.write_sample((sample * 32_768.0).round() as i16)?;
        }
        writer.finalize()
    };
    write().map_err(|error| {
        let fault = match error {
            hound::Error::IoError(error) => AudioFault::Io(error),
            error => AudioFault::Unsupported(error.to_string()),
        };
        AudioError::new(path, fault)
    })
}
