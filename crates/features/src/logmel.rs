//! The mel spectrogram in decibels.

use serde::{Deserialize, Serialize};

use crate::{Feature, FeatureError, MelFilterbank, PowerSpectrogram, Reference, power_to_db};

/// The parameters of a mel spectrogram, under librosa's names. The default is that of published systems on mel
/// spectrograms: 128 bands at 16 kHz, a frame every 16 ms, relative to the recording's maximum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogMelConfig {
    /// Sampling rate of the waveform in Hz.
    pub rate_hz: u32,
    /// Samples per frame.
    pub n_fft: usize,
    /// Hop between frames in samples.
    pub hop_length: usize,
    /// Number of mel bands.
    pub n_mels: usize,
    /// The power that is 0 dB.
    pub reference: Reference,
    /// The dynamic range in dB: lower values are clipped to `top_db` below the maximum. `None` disables clipping.
    pub top_db: Option<f32>,
}

impl Default for LogMelConfig {
    fn default() -> Self {
        Self {
            rate_hz: 16_000,
            n_fft: 2048,
            hop_length: 256,
            n_mels: 128,
            reference: Reference::Max,
            top_db: Some(80.0),
        }
    }
}

/// The computation of `librosa.feature.melspectrogram` followed by `librosa.power_to_db`; prepared once.
pub struct LogMel {
    spectrogram: PowerSpectrogram,
    mel: MelFilterbank,
    reference: Reference,
    top_db: Option<f32>,
}

impl LogMel {
    /// Prepares the computation for `config`.
    ///
    /// # Errors
    /// Fails if `config` is out of range.
    pub fn new(config: &LogMelConfig) -> Result<Self, FeatureError> {
        Ok(Self {
            spectrogram: PowerSpectrogram::new(config.n_fft, config.hop_length)?,
            mel: MelFilterbank::new(config.rate_hz, config.n_fft, config.n_mels)?,
            reference: config.reference,
            top_db: config.top_db,
        })
    }
}

impl Feature for LogMel {
    /// Returns `[n_mels, frames]`.
    fn shape(&self, n_samples: usize) -> [usize; 2] {
        [self.mel.n_mels(), self.spectrogram.frames(n_samples)]
    }

    fn compute(&self, samples: &[f32]) -> Vec<f32> {
        let mut bands = self.mel.spectrogram(&self.spectrogram, samples);
        power_to_db(&mut bands, self.reference, self.top_db);
        bands
    }
}
