//! What is remembered of files, so that audio is decoded for its digest once.
//!
//! A file with the same inode, size and times of change is taken to hold what it held: its own time, and the one that the
//! file system notes, which whoever restores the first cannot set. Whoever reads the audio checks its digest, and a memory
//! that turns out wrong is forgotten ([`Hints::forget`]). What another version of `ingest` remembered is passed over: it may
//! have seen other things in the same bytes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use affekt_corpus::{AudioFacts, Found};
use affekt_domain::Digest;
use affekt_ops::Operation;
use affekt_table::TableError;
use serde::{Deserialize, Serialize};

use crate::{lines, places};

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
    ctime_ns: i128,
    /// What of the file is meant if it is not all: bits of start and end in seconds, and the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    excerpt: Option<(u64, u64, Option<u16>)>,
}

/// The version of `ingest` that read the file, the file, and what it held.
#[derive(Deserialize)]
struct Line(u32, Seen, Option<AudioFacts>);

const VERSION: u32 = affekt_ops::ingest::Ingest::VERSION;

impl Hints {
    /// Reads the memory at `path`; an empty one where there is none. Lines that cannot be read are passed over.
    pub fn open(path: &Path) -> Self {
        let known = lines::read(path)
            .into_iter()
            .filter(|Line(version, ..)| *version == VERSION)
            .map(|Line(_, seen, measured)| (seen, measured))
            .collect();
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
        lines::write(&self.path, self.known.iter().map(|(seen, measured)| (VERSION, seen, measured)))
    }
}

fn seen(found: &Found) -> Seen {
    let Found { inode, size, mtime_ns, ctime_ns, .. } = *found;
    let excerpt = found.segment.as_ref().map(|segment| places::bits(segment.excerpt));
    Seen { inode, size, mtime_ns, ctime_ns, excerpt }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use affekt_corpus::Fields;

    use super::*;

    fn found(inode: u64) -> Found {
        let fields = Fields {
            speaker: Some("1".into()),
            sex: None,
            text: None,
            intensity: None,
            style: None,
            session: None,
            part: None,
            label: Some("sad".into()),
            recording: "1".into(),
            metadata: [].into(),
            rows: Vec::new(),
        };
        let (path, relative, emotion) = ("/c/1.wav".into(), "1.wav".into(), Some("sad".into()));
        let (transcript, values, ratings) = (None, [].into(), Vec::new());
        let (size, mtime_ns, ctime_ns) = (60, 7, 8);
        Found {
            name: "1".into(),
            segment: None,
            path,
            relative,
            size,
            mtime_ns,
            ctime_ns,
            inode,
            fields,
            emotion,
            transcript,
            values,
            ratings,
        }
    }

    #[test]
    fn what_is_remembered_comes_back_until_it_is_forgotten_or_another_version_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hints/audio.jsonl");
        let digest = Digest::from_bytes([3; 32]);
        let facts = AudioFacts {
            digest,
            samples: 8,
            rate: 16_000,
            channels: 1,
            silent: false,
            truncated: true,
            promised: Some(9),
        };
        let files = [(found(1), Some(facts.clone())), (found(2), None)];
        let mut hints = Hints::open(&path);
        hints.remember(files.iter().map(|(found, facts)| (found, facts))).unwrap();

        let mut hints = Hints::open(&path);
        assert_eq!(hints.measured(&found(1)), Some(&Some(facts)));
        assert_eq!(hints.measured(&found(2)), Some(&None));
        assert_eq!(hints.measured(&found(3)), None);

        // Its time restored by whoever overwrote it.
        let overwritten = Found { ctime_ns: 9, ..found(2) };
        assert_eq!(Hints::open(&path).measured(&overwritten), None);

        // As lines were once, and as those of another version were.
        let text = fs::read_to_string(&path).unwrap();
        let plain =
            text.lines().map(|line| format!("{}\n", &line["[\"0123456789ab\",".len()..line.len() - 1]));
        let plain: String = plain.collect();
        let [mine, other] = [VERSION, VERSION + 1].map(|version| format!("[{version},"));
        for (text, expected) in [(plain.clone(), Some(&None)), (plain.replace(&mine, &other), None)] {
            fs::write(&path, text).unwrap();
            assert_eq!(Hints::open(&path).measured(&found(2)), expected);
        }

        hints.forget(digest).unwrap();
        assert_eq!(Hints::open(&path).measured(&found(1)), None);
        assert_eq!(Hints::open(&path).measured(&found(2)), Some(&None));
    }

    #[test]
    fn a_flipped_bit_is_forgotten_and_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hints/audio.jsonl");
        fs::create_dir_all(path.join("of somebody")).unwrap();
        let facts = AudioFacts {
            digest: Digest::from_bytes([3; 32]),
            samples: 8,
            rate: 16_000,
            channels: 1,
            silent: false,
            truncated: false,
            promised: None,
        };
        Hints::open(&path).remember([(&found(1), &Some(facts.clone()))]).unwrap();
        let whole = fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, flipped).unwrap();
            let hints = Hints::open(&path);
            let is_true = hints.known.values().all(|measured| *measured == Some(facts.clone()));
            assert!(is_true && hints.known.keys().all(|key| *key == seen(&found(1))), "bit {bit}");
        }
    }
}
