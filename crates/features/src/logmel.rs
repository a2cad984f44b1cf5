//! The mel spectrogram in decibels.

use serde::{Deserialize, Serialize};

use crate::{Feature, FeatureError, MelFilterbank, PowerSpectrogram, Reference, power_to_db};

/// What a mel spectrogram is computed with, under librosa's names. The default is what the published systems on mel
/// spectrograms used: 128 bands at 16 kHz, a frame every 16 ms, relative to the recording's maximum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogMelConfig {
    /// Sampling rate of the waveform in Hz.
    pub rate_hz: u32,
    /// Samples per frame.
    pub n_fft: usize,
    /// Samples from frame to frame.
    pub hop_length: usize,
    /// Mel bands.
    pub n_mels: usize,
    /// What is 0 dB.
    pub reference: Reference,
    /// The range in dB: what is further below the maximum is raised to there. `None` keeps everything.
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

/// A plan for `librosa.feature.melspectrogram` followed by `librosa.power_to_db`.
pub struct LogMel {
    spectrogram: PowerSpectrogram,
    mel: MelFilterbank,
    reference: Reference,
    top_db: Option<f32>,
}

impl LogMel {
    /// Plans for `config`.
    ///
    /// # Errors
    /// When nothing can be computed with `config`.
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
    /// `[n_mels, frames]`.
    fn shape(&self, n_samples: usize) -> [usize; 2] {
        [self.mel.n_mels(), self.spectrogram.frames(n_samples)]
    }

    fn compute(&self, samples: &[f32]) -> Vec<f32> {
        let mut bands = self.mel.spectrogram(&self.spectrogram, samples);
        power_to_db(&mut bands, self.reference, self.top_db);
        bands
    }
}
