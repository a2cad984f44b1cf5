//! Digests of large files, remembered: a checkpoint is hashed once and not by every process.
//!
//! A file of the same device, inode, size and times of change (the kernel's own too, which nobody can set) holds what it held. A
//! file that was changed just now is not remembered: it could be changed once more without a trace.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use affekt_domain::Digest;
use serde::{Deserialize, Serialize};

use crate::lines;

/// The digests, in one file of the store.
pub struct FileDigests {
    path: PathBuf,
    /// Whether to hash every file whatever is remembered.
    paranoid: bool,
    known: Mutex<HashMap<FileState, Digest>>,
}

/// What a file looks like from outside.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct FileState {
    device: u64,
    inode: u64,
    size: u64,
    mtime_ns: i128,
    ctime_ns: i128,
}

/// Coarser than any clock that changes are noted by.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

impl FileDigests {
    /// Reads what is remembered at `path`. `paranoid` distrusts it.
    pub fn open(path: &Path, paranoid: bool) -> Self {
        let known = Mutex::new(lines::read(path).into_iter().collect());
        Self { path: path.to_owned(), paranoid, known }
    }

    /// Returns the digest of what a file holds.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn digest(&self, file: &Path) -> io::Result<Digest> {
        self.digest_by(file, SystemTime::now(), affekt_encoders::file_digest)
    }

    fn digest_by(
        &self,
        file: &Path,
        now: SystemTime,
        hash: impl FnOnce(&Path) -> io::Result<[u8; 32]>,
    ) -> io::Result<Digest> {
        let state = FileState::of(&fs::metadata(file)?);
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = known().get(&state).copied();
        if let Some(digest) = remembered.filter(|_| !self.paranoid) {
            return Ok(digest);
        }
        let digest = Digest::from_bytes(hash(file)?);
        if state.is_settled(now) && FileState::of(&fs::metadata(file)?) == state {
            let mut known = known();
            if known.insert(state, digest) != Some(digest) {
                // Two runs that do this at once lose one's at worst, and a store that cannot be written says so elsewhere.
                let _ = lines::write(&self.path, known.iter());
            }
        }
        Ok(digest)
    }
}

impl FileState {
    fn of(metadata: &Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            mtime_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn is_settled(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128);
        now - self.ctime_ns.max(self.mtime_ns) > SETTLED_AFTER.as_nanos() as i128
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_file_is_hashed_once_for_all_processes() {
        let folder = tempfile::tempdir().unwrap();
        let (file, memory) = (folder.path().join("weights"), folder.path().join("hints/files.jsonl"));
        fs::write(&file, "weights").unwrap();
        let hashed = Cell::new(0);
        let hash = |path: &Path| {
            hashed.set(hashed.get() + 1);
            affekt_encoders::file_digest(path)
        };
        let later = SystemTime::now() + Duration::from_secs(60);
        let process = |paranoid, now| {
            let digests = FileDigests::open(&memory, paranoid);
            (digests.digest_by(&file, now, hash).unwrap(), digests.digest_by(&file, now, hash).unwrap())
        };
        let digest = affekt_graph::hash_bytes(b"weights");
        assert_eq!(process(false, SystemTime::now()), (digest, digest));
        assert_eq!(hashed.replace(0), 2, "it was changed just now");
        for expected in [1, 0, 0] {
            assert_eq!(process(false, later), (digest, digest));
            assert_eq!(hashed.replace(0), expected);
        }
        assert_eq!(process(true, later), (digest, digest));
        assert_eq!(hashed.replace(0), 2, "who trusts nothing hashes every time");

        // Of the same size.
        fs::write(&file, "WEIGHTS").unwrap();
        let digest = affekt_graph::hash_bytes(b"WEIGHTS");
        assert_eq!(process(false, later), (digest, digest));
        fs::copy(&file, folder.path().join("copy")).unwrap();
        fs::rename(folder.path().join("copy"), &file).unwrap();
        hashed.set(0);
        assert_eq!(process(false, later), (digest, digest));
        assert_eq!(hashed.get(), 1, "another file in its place");
    }

    #[test]
    fn a_file_that_changes_while_it_is_hashed_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let (file, memory) = (folder.path().join("weights"), folder.path().join("files.jsonl"));
        fs::write(&file, "weights").unwrap();
        let later = SystemTime::now() + Duration::from_secs(60);
        let hash = |path: &Path| {
            let digest = affekt_encoders::file_digest(path);
            fs::write(path, "longer weights").unwrap();
            digest
        };
        FileDigests::open(&memory, false).digest_by(&file, later, hash).unwrap();
        assert!(lines::read::<(FileState, Digest)>(&memory).is_empty());
    }
}
