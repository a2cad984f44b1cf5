//! What is remembered of files, so that audio is decoded for its digest once.
//!
//! A file with the same inode, size and time of change is taken to hold what it held. A wrong memory costs
//! nothing but time: whoever reads the audio checks its digest.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use affekt_corpus::{AudioFacts, Found};
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
    ) -> io::Result<()> {
        let mut is_new = false;
        for (found, measured) in files {
            is_new |= self.known.insert(seen(found), measured.clone()).as_ref() != Some(measured);
        }
        if !is_new {
            return Ok(());
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut text = Vec::new();
        for (seen, measured) in &self.known {
            serde_json::to_writer(&mut text, &(seen, measured))?;
            text.push(b'\n');
        }
        let aside = self.path.with_extension(format!("{}", std::process::id()));
        fs::File::create(&aside)?.write_all(&text)?;
        fs::rename(&aside, &self.path)
    }
}

fn seen(found: &Found) -> Seen {
    Seen { inode: found.inode, size: found.size, mtime_ns: found.mtime_ns }
}
