//! Mel-frequency cepstral coefficients.

use serde::{Deserialize, Serialize};

use crate::{Dct, Feature, FeatureError, MelFilterbank, PowerSpectrogram, Reference, power_to_db};

/// What MFCC are computed with, under librosa's names. The default is what the published single-CNN system
/// used: 128 coefficients of 128 bands at 16 kHz.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MfccConfig {
    /// Sampling rate of the waveform in Hz.
    pub rate_hz: u32,
    /// Samples per frame.
    pub n_fft: usize,
    /// Samples from frame to frame.
    pub hop_length: usize,
    /// Mel bands.
    pub n_mels: usize,
    /// Coefficients kept, at most `n_mels`.
    pub n_mfcc: usize,
}

impl Default for MfccConfig {
    fn default() -> Self {
        Self { rate_hz: 16_000, n_fft: 2048, hop_length: 512, n_mels: 128, n_mfcc: 128 }
    }
}

/// A plan for `librosa.feature.mfcc`: power spectrogram → mel bands → decibels → DCT.
pub struct Mfcc {
    spectrogram: PowerSpectrogram,
    mel: MelFilterbank,
    dct: Dct,
    n_mfcc: usize,
}

impl Mfcc {
    /// Plans for `config`.
    ///
    /// # Errors
    /// When nothing can be computed with `config`.
    pub fn new(config: &MfccConfig) -> Result<Self, FeatureError> {
        Ok(Self {
            spectrogram: PowerSpectrogram::new(config.n_fft, config.hop_length)?,
            mel: MelFilterbank::new(config.rate_hz, config.n_fft, config.n_mels)?,
            dct: Dct::new(config.n_mels, config.n_mfcc)?,
            n_mfcc: config.n_mfcc,
        })
    }
}

impl Feature for Mfcc {
    /// `[n_mfcc, frames]`.
    fn shape(&self, n_samples: usize) -> [usize; 2] {
        [self.n_mfcc, self.spectrogram.frames(n_samples)]
    }

    fn compute(&self, samples: &[f32]) -> Vec<f32> {
        let frames = self.spectrogram.frames(samples.len());
        let mut bands = self.mel.spectrogram(&self.spectrogram, samples); // [n_mels, frames]
        power_to_db(&mut bands, Reference::One, Some(80.0));
        self.dct.columns(&bands, frames)
    }
}
