//! What is given bad input.

use std::path::{Path, PathBuf};

use affekt_domain::SplitMix64;

use crate::{audio, exchange, hub, labels, mutate, tables, weights, yaml};

/// A reader of what others wrote.
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Prepares it in an empty folder, which is the current one.
    pub prepare: fn(&Path) -> Subject,
}

/// All targets.
pub const TARGETS: [Target; 19] = [
    Target { name: "experiment", prepare: yaml::experiment },
    Target { name: "pipeline", prepare: yaml::pipeline },
    Target { name: "card", prepare: yaml::card },
    Target { name: "pcm", prepare: audio::pcm },
    Target { name: "flac", prepare: audio::flac },
    Target { name: "mp3", prepare: audio::mp3 },
    Target { name: "ogg", prepare: audio::ogg },
    Target { name: "mp4", prepare: audio::mp4 },
    Target { name: "caf", prepare: audio::caf },
    Target { name: "arrow", prepare: tables::arrow },
    Target { name: "safetensors", prepare: weights::safetensors },
    Target { name: "pickle", prepare: weights::pickle },
    Target { name: "export", prepare: weights::export },
    Target { name: "labels", prepare: labels::label_files },
    Target { name: "split", prepare: labels::split },
    Target { name: "protocol", prepare: exchange::protocol },
    Target { name: "journal", prepare: exchange::journal },
    Target { name: "records", prepare: exchange::records },
    Target { name: "hub", prepare: hub::hub },
];

/// A target that is ready for inputs.
pub struct Subject {
    /// Sound inputs, from which bad ones are made.
    pub pool: Vec<Vec<u8>>,
    /// Words of the format.
    pub words: Vec<String>,
    /// How many bytes of memory it may take for each byte of input, beside [`crate::watch::MEMORY`].
    pub bytes_per_byte: usize,
    /// Whether it catches panics, as those of third-party decoders.
    pub catches_panics: bool,
    /// Makes the checksums of an input right, so that it comes further; for every second one.
    pub repair: fn(&mut [u8]),
    /// Gives it an input. Panics if what comes of it must not be.
    pub read: Reader,
}

/// What an input is given to.
type Reader = Box<dyn FnMut(&[u8])>;

impl Subject {
    /// A reader without oddities.
    pub fn new(pool: Vec<Vec<u8>>, words: &[&str], read: impl FnMut(&[u8]) + 'static) -> Self {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Self { pool, words, bytes_per_byte: 64, catches_panics: false, repair: |_| (), read: Box::new(read) }
    }

    /// Returns input `number` of a seed. The first are the sound ones.
    #[must_use]
    pub fn input(&self, seed: u64, number: u64) -> Vec<u8> {
        if let Some(sound) = usize::try_from(number).ok().and_then(|number| self.pool.get(number)) {
            return sound.clone();
        }
        let mut random = SplitMix64(SplitMix64::mix(seed ^ SplitMix64::mix(number)));
        let mut input = mutate::mutated(&mut random, &self.pool, &self.words);
        if random.below(2) == 0 {
            (self.repair)(&mut input);
        }
        input
    }
}

/// Returns the path of a file or folder of the repository.
pub fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Reads the files with one of these endings in some folders of the repository and below.
pub fn files(folders: &[&str], endings: &[&str]) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut left: Vec<PathBuf> = folders.iter().map(|folder| in_repository(folder)).collect();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            left.extend(entries.map(|entry| entry.path()));
        } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
            found.extend(std::fs::read(&path).map(|bytes| (path, bytes)));
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no files in {folders:?}");
    found
}
