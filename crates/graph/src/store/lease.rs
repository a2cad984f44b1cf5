//! The right to compute a key, and the place to keep unfinished work on it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::holder::Holder;
use super::{Store, StoreError, failed};
use crate::Key;

/// How often at most a folder is made again that goes while it is being made, or removed again that is filled meanwhile.
const ATTEMPTS: usize = 1000;

/// Held while a key is computed: no other run computes it meanwhile. The kernel gives it back when the
/// process ends, however it ends, or other machines take it when nothing is heard of it any more ([`Holder`]); the state stays
/// for whoever comes next.
#[derive(Debug)]
pub struct Lease {
    store: Store,
    folder: PathBuf,
    /// Given back before the lock.
    _holder: Holder,
    _lock: File,
}

impl Store {
    /// Takes the lease of `key`; `None` while another run holds it.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn lease(&self, key: Key) -> Result<Option<Lease>, StoreError> {
        let folder = self.work_folder(key);
        let path = folder.join("lease");
        let mut attempts = 0;
        loop {
            attempts += 1;
            match lock_in(&folder, &path) {
                Ok(Some((lock, holder))) => {
                    return Ok(Some(Lease { store: self.clone(), folder, _holder: holder, _lock: lock }));
                }
                Ok(None) => return Ok(None),
                // Whoever held it before moved the folder away meanwhile.
                Err(error) if went_away(&error) && attempts < ATTEMPTS => {}
                Err(error) => return Err(failed("create", &path)(error)),
            }
        }
    }

    /// Returns the folder of unfinished work on `key`.
    pub(super) fn work_folder(&self, key: Key) -> PathBuf {
        self.root().join("work").join(key.to_string())
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
        // Moved away whole: removed in place, what the next holder makes in it would be removed with it. What cannot
        // be moved is a few files that `cache gc` finds again.
        let Ok(aside) = self.store.scratch() else { return };
        let moved = aside.path().join("work");
        let _ = fs::rename(&self.folder, &moved);
        // Whoever had found the folder before it was moved may still make a file in it.
        let not_empty = |error: &io::Error| error.kind() == io::ErrorKind::DirectoryNotEmpty;
        let is_left = |_: &usize| fs::remove_dir_all(&moved).is_err_and(|error| not_empty(&error));
        let _ = (0..ATTEMPTS).take_while(is_left).count();
    }
}

/// Makes the folder and locks the file in it; `None` where another holds it. Not found where the folder went meanwhile.
fn lock_in(folder: &Path, path: &Path) -> io::Result<Option<(File, Holder)>> {
    fs::create_dir_all(folder)?;
    let lock = File::create(path)?;
    let has_lock = match lock.try_lock() {
        Ok(()) if is_at(&lock, path) => true,
        Ok(()) => return Err(io::ErrorKind::NotFound.into()),
        Err(TryLockError::WouldBlock) => return Ok(None),
        // A file system without locks.
        Err(TryLockError::Error(error)) if has_no_locks(&error) => false,
        Err(TryLockError::Error(error)) => return Err(error),
    };
    let Some(holder) = Holder::take(folder, has_lock)? else { return Ok(None) };
    // Only now is the folder ours, and stays.
    fs::create_dir_all(folder.join("state"))?;
    Ok(Some((lock, holder)))
}

fn has_no_locks(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::ENOLCK | libc::EOPNOTSUPP))
}

/// Whether an error may come of a folder that went while it was being made.
fn went_away(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists)
}

/// Whether an open file is the one of that name.
pub(super) fn is_at(open: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (open.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}
