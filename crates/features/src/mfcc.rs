//! Mel-frequency cepstral coefficients.

use serde::{Deserialize, Serialize};

use crate::{Dct, Feature, FeatureError, MelFilterbank, PowerSpectrogram, Reference, power_to_db};

/// The parameters of MFCC, under librosa's names. The default is that of the published single-CNN system: 128
/// coefficients of 128 bands at 16 kHz.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MfccConfig {
    /// Sampling rate of the waveform in Hz.
    pub rate_hz: u32,
    /// Samples per frame.
    pub n_fft: usize,
    /// Hop between frames in samples.
    pub hop_length: usize,
    /// Number of mel bands.
    pub n_mels: usize,
    /// Number of coefficients to keep, at most `n_mels`.
    pub n_mfcc: usize,
}

impl Default for MfccConfig {
    fn default() -> Self {
        Self { rate_hz: 16_000, n_fft: 2048, hop_length: 512, n_mels: 128, n_mfcc: 128 }
    }
}

/// The computation of `librosa.feature.mfcc`: power spectrogram → mel bands → decibels → DCT; prepared once.
pub struct Mfcc {
    spectrogram: PowerSpectrogram,
    mel: MelFilterbank,
    dct: Dct,
    n_mfcc: usize,
}

impl Mfcc {
    /// Prepares the computation for `config`.
    ///
    /// # Errors
    /// Fails if `config` is out of range.
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
    /// Returns `[n_mfcc, frames]`.
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
