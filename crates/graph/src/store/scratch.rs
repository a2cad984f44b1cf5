//! Folders for what is being written, each held by whoever writes there: by a lock, so that a folder is known to be in use
//! however old it is, and to be left over as soon as its process has ended.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use tempfile::TempDir;

use super::lease::is_at;
use super::{Store, StoreError, failed};

/// The file in a scratch folder that its owner locks. No output is called so.
const HELD: &str = ".held";

/// A folder under `tmp/`, removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    /// Dropped after the folder is gone.
    _lock: File,
}

impl Scratch {
    /// Returns the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Store {
    /// Makes a new folder under `tmp/`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn scratch(&self) -> Result<Scratch, StoreError> {
        let tmp = self.root().join("tmp");
        loop {
            let folder = tempfile::Builder::new().prefix("node-").tempdir_in(&tmp);
            let folder = folder.map_err(failed("create a folder in", &tmp))?;
            let path = folder.path().join(HELD);
            let lock = match File::create(&path) {
                Ok(lock) => lock,
                Err(error) if error.kind() == io::ErrorKind::NotFound && tmp.is_dir() => continue,
                Err(error) => return Err(failed("create", &path)(error)),
            };
            match lock.try_lock() {
                Ok(()) if is_at(&lock, &path) => return Ok(Scratch { folder, _lock: lock }),
                // A `cache gc` saw it before it was locked.
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
            }
        }
    }
}

/// What is known of a folder or file under `tmp/`.
pub(super) enum Use {
    /// Its owner has ended. It stays locked as long as this is kept.
    Left { _lock: File },
    /// Somebody has held it since.
    Held { since: SystemTime },
    /// It has no lock: a file being written, or what a version of the program left that knew no locks.
    Unknown,
}

/// Returns whether somebody uses what lies at `path` under `tmp/`.
pub(super) fn use_of(path: &Path) -> Use {
    let path = path.join(HELD);
    let Ok(lock) = File::open(&path) else { return Use::Unknown };
    match lock.try_lock() {
        Ok(()) if is_at(&lock, &path) => Use::Left { _lock: lock },
        Ok(()) => Use::Unknown,
        // One that cannot be asked is taken for held.
        Err(_) => {
            let since = fs::metadata(&path).and_then(|metadata| metadata.modified());
            Use::Held { since: since.unwrap_or(SystemTime::UNIX_EPOCH) }
        }
    }
}
