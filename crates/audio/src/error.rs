//! What can be wrong with an audio file.

use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// The rates, in Hz, that the crate reads and resamples between.
pub(crate) const RATES_HZ: RangeInclusive<u32> = 1_000..=768_000;

/// A file that gives no samples.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {fault}", path.display())]
pub struct AudioError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: AudioFault,
}

impl AudioError {
    pub(crate) fn new(path: &Path, fault: impl Into<AudioFault>) -> Self {
        Self { path: path.to_owned(), fault: fault.into() }
    }
}

/// What is wrong with an audio file.
#[derive(Debug, thiserror::Error)]
pub enum AudioFault {
    /// The file system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Zero bytes.
    #[error("the file is empty; fetch it again")]
    Empty,
    /// The first bytes belong to no format that is read.
    #[error(
        "not an audio file: it begins with {0}; expected WAV, AIFF, FLAC, OGG or MP3 data (names do not matter)"
    )]
    NotAudio(String),
    /// A known container with content that is not read.
    #[error("cannot be read ({0}); convert it to 16-bit PCM WAV or FLAC")]
    Unsupported(String),
    /// A known container whose content contradicts itself.
    #[error("damaged ({0}); fetch it again")]
    Damaged(String),
    /// A well-formed file of length zero.
    #[error("it holds no samples")]
    NoSamples,
    /// Its rate is not one that is handled.
    #[error(transparent)]
    Rate(#[from] RateError),
}

/// A sampling rate outside what is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sampling rate {hz} Hz is out of range: expected {} to {} Hz", RATES_HZ.start(), RATES_HZ.end())]
pub struct RateError {
    /// The rate.
    pub hz: u32,
}

impl RateError {
    pub(crate) fn check(hz: u32) -> Result<u32, Self> {
        if RATES_HZ.contains(&hz) { Ok(hz) } else { Err(Self { hz }) }
    }
}
