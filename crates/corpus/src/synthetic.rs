//! A synthetic corpus in RAVDESS' format: for tests, demonstrations and machines without corpora.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use affekt_atomic::{AtomicError, make_folder_atomically};
use affekt_audio::voice::{Delivery, Emotion, Speaker, synthesise};
use affekt_audio::{AudioError, write_wav_i16};
use rayon::prelude::*;

/// The size of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntheticConfig {
    /// Number of speakers, 1 to 99. Odd ones are male, as in RAVDESS.
    pub actors: u32,
    /// Number of sentences, 1 to 99. RAVDESS has 2.
    pub statements: u32,
    /// Number of takes of each sentence, emotion and intensity, 1 to 99. RAVDESS has 2.
    pub repetitions: u32,
    /// The seed of the voices.
    pub seed: u64,
    /// Sampling rate of the files in Hz, 8000 to 192 000.
    pub rate_hz: u32,
}

/// Returns as many statements and takes as RAVDESS has, of eight actors at 16 kHz.
impl Default for SyntheticConfig {
    fn default() -> Self {
        Self { actors: 8, statements: 2, repetitions: 2, seed: 0, rate_hz: 16_000 }
    }
}

/// An error of generating a corpus.
#[derive(Debug, thiserror::Error)]
pub enum SyntheticError {
    /// A number is out of range.
    #[error("invalid size {0:?}: actors, statements and repetitions must be 1 to 99, rate_hz 8000 to 192000")]
    Config(SyntheticConfig),
    /// The sampling rate is out of range.
    #[error("invalid sampling rate {0} Hz: it must be 8000 to 48000 Hz")]
    Rate(u32),
    /// The corpus exists already.
    #[error("{} exists already: move it away, or choose another folder", .0.display())]
    Exists(PathBuf),
    /// A folder cannot be created or moved.
    #[error("failed to write {}: check its permissions and the free space", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A recording cannot be written.
    #[error("failed to write a recording: check the free space")]
    Audio(#[from] AudioError),
}

impl From<AtomicError> for SyntheticError {
    fn from(AtomicError { path, source }: AtomicError) -> Self {
        Self::Io { path, source }
    }
}

impl SyntheticError {
    /// Wraps an error of the file system at `path`.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Generates `folder/RAVDESS`, completely or not at all, and returns its path. The same arguments give the same
/// bytes. Neutral is acted at normal intensity only, the other seven emotions at normal and strong, so that an actor
/// has 15 × statements × repetitions recordings.
///
/// # Errors
/// Fails if the corpus exists already, or cannot be written, or a number is out of range.
pub fn generate(folder: &Path, config: &SyntheticConfig) -> Result<PathBuf, SyntheticError> {
    let SyntheticConfig { actors, statements, repetitions, rate_hz, .. } = *config;
    let fits_name = [actors, statements, repetitions].iter().all(|number| (1..=99).contains(number));
    if !fits_name || !(8_000..=192_000).contains(&rate_hz) {
        return Err(SyntheticError::Config(config.clone()));
    }
    whole_or_not_at_all(folder, "RAVDESS", |whole| {
        for actor in 1..=actors {
            let actor = whole.join(actor_name(actor));
            fs::create_dir_all(&actor).map_err(SyntheticError::at(&actor))?;
        }
        let recordings = recordings(config);
        recordings.into_par_iter().try_for_each(|(actor, delivery)| {
            let samples = synthesise(&Speaker::new(actor, config.seed), &delivery, rate_hz);
            write_wav_i16(&whole.join(actor_name(actor)).join(file_name(actor, &delivery)), &samples, rate_hz)
        })?;
        Ok(())
    })
}

/// Creates `folder/name` by letting `fill` fill a temporary folder first, and returns its path.
///
/// # Errors
/// Fails if it exists already, or cannot be written, or `fill` fails.
pub(crate) fn whole_or_not_at_all(
    folder: &Path,
    name: &str,
    fill: impl FnOnce(&Path) -> Result<(), SyntheticError>,
) -> Result<PathBuf, SyntheticError> {
    let corpus = folder.join(name);
    if corpus.exists() {
        return Err(SyntheticError::Exists(corpus));
    }
    fs::create_dir_all(folder).map_err(SyntheticError::at(folder))?;
    make_folder_atomically(&corpus, fill)?;
    Ok(corpus)
}

fn recordings(config: &SyntheticConfig) -> Vec<(u32, Delivery)> {
    let mut recordings = Vec::new();
    for actor in 1..=config.actors {
        for emotion in Emotion::ALL {
            // RAVDESS has no strong neutral.
            let intensities = if emotion == Emotion::Neutral { &[false][..] } else { &[false, true] };
            for &strong in intensities {
                for sentence in 1..=config.statements {
                    recordings.extend(
                        (1..=config.repetitions)
                            .map(|repetition| (actor, Delivery { emotion, strong, sentence, repetition })),
                    );
                }
            }
        }
    }
    recordings
}

fn actor_name(actor: u32) -> String {
    format!("Actor_{actor:02}")
}

fn file_name(actor: u32, delivery: &Delivery) -> String {
    let Delivery { emotion, strong, sentence, repetition } = *delivery;
    // Emotions and intensities are in RAVDESS' order and count from 1 in names.
    let (emotion, intensity) = (emotion as u32 + 1, u32::from(strong) + 1);
    format!("03-01-{emotion:02}-{intensity:02}-{sentence:02}-{repetition:02}-{actor:02}.wav")
}
