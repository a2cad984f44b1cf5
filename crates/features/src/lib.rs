//! Acoustic features of waveforms: pure functions by librosa's definitions.
//!
//! Each layer is prepared once and used from any thread: [`PowerSpectrogram`] (Hann window, real FFT, power),
//! [`MelFilterbank`] (Slaney bands), [`power_to_db`], [`Dct`] (orthonormal, type II). A [`Feature`] is a short
//! composition of them with its config beside it: [`LogMel`], [`Mfcc`].
//!
//! A [`SpectrogramImage`] maps such a matrix to colours.
//!
//! All matrices are row-major with time as the last axis: `[bins, frames]`.

mod dct;
mod decibel;
mod error;
mod feature;
mod logmel;
mod magma;
mod mel;
mod mfcc;
mod resize;
mod spectrogram;
mod spectrogram_image;
mod standardise;

pub use dct::Dct;
pub use decibel::{Reference, power_to_db};
pub use error::FeatureError;
pub use feature::Feature;
pub use logmel::{LogMel, LogMelConfig};
pub use mel::MelFilterbank;
pub use mfcc::{Mfcc, MfccConfig};
pub use resize::Resize;
pub use spectrogram::PowerSpectrogram;
pub use spectrogram_image::{ColourMap, SpectrogramImage, SpectrogramImageConfig, interleaved};
pub use standardise::{Scale, StandardiseError, Standardiser};
