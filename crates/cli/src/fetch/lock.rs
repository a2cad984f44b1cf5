//! One fetch of a thing at a time: a lock that the kernel gives back when its holder dies.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

/// Takes the lock; waits for it, and says so, where another process has it. Held until it is dropped.
///
/// `huggingface_hub` takes locks of the same kind (`flock`) on the same files.
pub fn take(path: &Path, say: &dyn Fn(&str)) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            say("another process is fetching this; waiting for it");
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(file)
}
