//! Where recordings lie, as whoever read a corpus last found them: for processes that read none themselves. Whoever reads a
//! recording checks its digest, so that a place that is out of date is noticed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use affekt_audio::Excerpt;
use affekt_domain::Digest;
use affekt_table::TableError;

use crate::lines;

/// Where a recording lies: the file, and what of it is meant if it is not all.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    pub path: PathBuf,
    pub excerpt: Option<Excerpt>,
}

/// A recording, its file, and what of it is meant: bits of start and end in seconds, and the channel.
type Line = (Digest, PathBuf, Option<(u64, u64, Option<u16>)>);

/// The places of recordings, in a folder of the store: a file a corpus.
pub struct Places {
    folder: PathBuf,
    read: OnceLock<HashMap<Digest, Located>>,
}

impl Places {
    /// Returns those in this folder, which need not exist.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), read: OnceLock::new() }
    }

    /// Returns where a recording was found. The files are read when this is first asked.
    pub fn find(&self, audio: Digest) -> Option<Located> {
        let read = self.read.get_or_init(|| {
            let files = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
            let lines = files.flat_map(|file| lines::read::<Line>(&file.path()));
            lines
                .map(|(audio, path, excerpt)| (audio, Located { path, excerpt: excerpt.and_then(of_bits) }))
                .collect()
        });
        read.get(&audio).cloned()
    }

    /// Remembers where the recordings of a corpus are, where that is new.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn remember(
        &self,
        corpus: &str,
        places: impl Iterator<Item = (Digest, Located)>,
    ) -> Result<(), TableError> {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let places: Vec<Line> = places
            .map(|(audio, Located { path, excerpt })| (audio, absolute(path), excerpt.map(bits)))
            .collect();
        let file = self.folder.join(format!("{corpus}.jsonl"));
        if lines::read::<Line>(&file) == places {
            return Ok(());
        }
        lines::write(&file, places)
    }
}

/// Returns the exact bits of an excerpt.
pub fn bits(excerpt: Excerpt) -> (u64, u64, Option<u16>) {
    (excerpt.start().to_bits(), excerpt.end().to_bits(), excerpt.channel())
}

fn of_bits((start, end, channel): (u64, u64, Option<u16>)) -> Option<Excerpt> {
    Excerpt::new(f64::from_bits(start), f64::from_bits(end), channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_another_process_until_others_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = [1, 2].map(|byte| Digest::from_bytes([byte; 32]));
        let excerpt = Excerpt::new(0.1, 0.3, Some(2));
        let at = |path: &str| Located { path: path.into(), excerpt };
        let remember = |places: &[(Digest, &str)]| {
            let places = places.iter().map(|(audio, path)| (*audio, at(path)));
            Places::new(folder.path()).remember("RAVDESS", places).unwrap();
        };
        remember(&[(a, "/data/a.wav")]);
        assert_eq!(Places::new(folder.path()).find(a), Some(at("/data/a.wav")));
        assert_eq!(Places::new(folder.path()).find(b), None);
        remember(&[(b, "/data/b.wav")]);
        assert_eq!(Places::new(folder.path()).find(a), None);
        assert_eq!(Places::new(folder.path()).find(b), Some(at("/data/b.wav")));
    }
}
