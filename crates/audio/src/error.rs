//! Errors of reading audio files. Their text is stored in the `problems` of a corpus: changing it changes artefacts.

use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// The supported sampling rates in Hz.
pub(crate) const RATES_HZ: RangeInclusive<u32> = 1_000..=768_000;

/// An error for a file from which no samples can be decoded.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {fault}", path.display())]
pub struct AudioError {
    /// The file.
    pub path: PathBuf,
    /// The cause.
    pub fault: AudioFault,
}

impl AudioError {
    pub(crate) fn new(path: &Path, fault: impl Into<AudioFault>) -> Self {
        Self { path: path.to_owned(), fault: fault.into() }
    }
}

/// The cause of an [`AudioError`].
#[derive(Debug, thiserror::Error)]
pub enum AudioFault {
    /// A file operation failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is empty.
    #[error("the file is empty; fetch it again")]
    Empty,
    /// The first bytes are of no supported format.
    #[error(
        "not an audio file: it begins with {0}; expected WAV, AIFF, FLAC, OGG or MP3 data (names do not matter)"
    )]
    NotAudio(String),
    /// Audio of a kind that is not supported.
    #[error("unsupported ({0}); convert it: `ffmpeg -i FILE FILE.flac`")]
    Foreign(String),
    /// A supported container with unsupported content.
    #[error("cannot be read ({0}); convert it to 16-bit PCM WAV or FLAC")]
    Unsupported(String),
    /// A supported container with contradictory content.
    #[error("damaged ({0}); fetch it again")]
    Damaged(String),
    /// More audio than is granted for a file of its size.
    #[error(
        "decodes to more than {mib} MiB and {} times its size; where that is meant, set {variable} to more MiB",
        crate::DECODED_BYTES_PER_BYTE
    )]
    TooLong {
        /// How many MiB are granted whatever the size.
        mib: usize,
        /// The variable that says so.
        variable: &'static str,
    },
    /// A well-formed file without samples.
    #[error("it holds no samples")]
    NoSamples,
    /// An unsupported sampling rate.
    #[error(transparent)]
    Rate(#[from] RateError),
}

/// An error for an unsupported sampling rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sampling rate {hz} Hz is out of range: expected {} to {} Hz", RATES_HZ.start(), RATES_HZ.end())]
pub struct RateError {
    /// The rate in Hz.
    pub hz: u32,
}

impl RateError {
    pub(crate) fn check(hz: u32) -> Result<u32, Self> {
        if RATES_HZ.contains(&hz) { Ok(hz) } else { Err(Self { hz }) }
    }
}
