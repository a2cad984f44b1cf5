//! The right to compute a key, and the place to keep unfinished work on it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::{Store, StoreError, failed};
use crate::Key;

/// Held while a key is computed: no other run computes it meanwhile. The kernel gives it back when the
/// process ends, however it ends; the state stays for whoever comes next.
#[derive(Debug)]
pub struct Lease {
    folder: PathBuf,
    _lock: File,
}

impl Store {
    /// Takes the lease of `key`; `None` while another run holds it.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn lease(&self, key: Key) -> Result<Option<Lease>, StoreError> {
        let folder = self.root().join("work").join(key.to_string());
        loop {
            fs::create_dir_all(folder.join("state")).map_err(failed("create", &folder))?;
            let path = folder.join("lease");
            let lock = File::create(&path).map_err(failed("create", &path))?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
            }
            // Whoever held it before may have removed the file between our opening and locking it.
            if same_file(&lock, &path) {
                return Ok(Some(Lease { folder, _lock: lock }));
            }
        }
    }
}

impl Lease {
    /// Returns the folder for resumable state.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Gives the lease back and drops the state: the work is done.
    pub fn finish(self) {
        // What cannot be removed is a few files that `cache gc` finds again.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn same_file(open: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (open.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}
