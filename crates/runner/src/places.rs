//! Where recordings lie, as whoever read a corpus last found them: for processes that read none themselves. Whoever reads a
//! recording checks its digest, so that a place that is out of date is noticed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use affekt_domain::Digest;
use affekt_table::TableError;

use crate::lines;

/// The places of recordings, in a folder of the store: a file a corpus.
pub struct Places {
    folder: PathBuf,
    read: OnceLock<HashMap<Digest, PathBuf>>,
}

impl Places {
    /// Returns those in this folder, which need not exist.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), read: OnceLock::new() }
    }

    /// Returns where a recording was found. The files are read when this is first asked.
    pub fn find(&self, audio: Digest) -> Option<PathBuf> {
        let read = self.read.get_or_init(|| {
            let files = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
            files.flat_map(|file| lines::read::<(Digest, PathBuf)>(&file.path())).collect()
        });
        read.get(&audio).cloned()
    }

    /// Remembers where the recordings of a corpus are, where that is new.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn remember<'p>(
        &self,
        corpus: &str,
        places: impl Iterator<Item = (Digest, &'p Path)>,
    ) -> Result<(), TableError> {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let places: Vec<(Digest, PathBuf)> = places.map(|(audio, path)| (audio, absolute(path))).collect();
        let file = self.folder.join(format!("{corpus}.jsonl"));
        if lines::read::<(Digest, PathBuf)>(&file) == places {
            return Ok(());
        }
        lines::write(&file, places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_another_process_until_others_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = [1, 2].map(|byte| Digest::from_bytes([byte; 32]));
        let remember = |places: &[(Digest, &str)]| {
            let places = places.iter().map(|(audio, path)| (*audio, Path::new(*path)));
            Places::new(folder.path()).remember("RAVDESS", places).unwrap();
        };
        remember(&[(a, "/data/a.wav")]);
        assert_eq!(Places::new(folder.path()).find(a), Some("/data/a.wav".into()));
        assert_eq!(Places::new(folder.path()).find(b), None);
        remember(&[(b, "/data/b.wav")]);
        assert_eq!(Places::new(folder.path()).find(a), None);
        assert_eq!(Places::new(folder.path()).find(b), Some("/data/b.wav".into()));
    }
}
