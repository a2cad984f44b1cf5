//! What is remembered of files, so that audio is decoded for its digest once.
//!
//! A file with the same inode, size and time of change is taken to hold what it held. Whoever reads the audio checks
//! its digest, and a memory that turns out wrong is forgotten ([`Hints::forget`]).

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use affekt_corpus::{AudioFacts, Found};
use affekt_domain::Digest;
use affekt_table::{TableError, write_atomically};
use serde::{Deserialize, Serialize};

/// The memory, in one file of the store.
pub struct Hints {
    path: PathBuf,
    known: HashMap<Seen, Option<AudioFacts>>,
}

#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Seen {
    inode: u64,
    size: u64,
    mtime_ns: i128,
}

#[derive(Serialize, Deserialize)]
struct Line(Seen, Option<AudioFacts>);

impl Hints {
    /// Reads the memory at `path`; an empty one where there is none. Lines that cannot be read are passed over.
    pub fn open(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        let known = lines.map(|Line(seen, measured)| (seen, measured)).collect();
        Self { path: path.to_owned(), known }
    }

    /// What the file held when it was last read, if it looks the same; `Some(None)` where it held no audio.
    pub fn measured(&self, found: &Found) -> Option<&Option<AudioFacts>> {
        self.known.get(&seen(found))
    }

    /// Remembers what files hold. Two runs that do this at once lose one's memories at worst.
    ///
    /// # Errors
    /// When they cannot be written down.
    pub fn remember<'a>(
        &mut self,
        files: impl IntoIterator<Item = (&'a Found, &'a Option<AudioFacts>)>,
    ) -> Result<(), TableError> {
        let mut is_new = false;
        for (found, measured) in files {
            is_new |= self.known.insert(seen(found), measured.clone()).as_ref() != Some(measured);
        }
        if !is_new {
            return Ok(());
        }
        self.write()
    }

    /// Forgets every file that was thought to hold this audio: one of them holds something else.
    ///
    /// # Errors
    /// When that cannot be written down.
    pub fn forget(&mut self, audio: Digest) -> Result<(), TableError> {
        self.known.retain(|_, facts| facts.as_ref().is_none_or(|facts| facts.digest != audio));
        self.write()
    }

    fn write(&self) -> Result<(), TableError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |cause| TableError::Io { path, cause }
        };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(io(folder))?;
        let mut text = Vec::new();
        for line in &self.known {
            serde_json::to_writer(&mut text, &line).map_err(|error| io(&self.path)(error.into()))?;
            text.push(b'\n');
        }
        write_atomically(&self.path, |aside| fs::write(aside, &text).map_err(io(aside)))
    }
}

fn seen(found: &Found) -> Seen {
    Seen { inode: found.inode, size: found.size, mtime_ns: found.mtime_ns }
}
