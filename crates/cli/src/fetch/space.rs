//! Whether a disk has room.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::download::size;

/// What is left free.
const MARGIN: u64 = 100_000_000;

/// Checks that the file system of `folder`, which need not exist yet, has room for `needed` bytes.
///
/// # Errors
/// A message that says how much is free and how much is needed.
pub fn check(folder: &Path, needed: u64) -> Result<(), String> {
    let there = there(folder);
    // A file system that does not tell is no reason not to try.
    let Ok(free) = free(there) else { return Ok(()) };
    if free >= needed.saturating_add(MARGIN) {
        return Ok(());
    }
    Err(format!(
        "{} has {} free, and {} are needed\nhint: free some space, or name another folder",
        there.display(),
        size(free),
        size(needed.saturating_add(MARGIN))
    ))
}

/// Returns how many bytes are free in the file system of `folder`, which need not exist yet, where it tells.
pub fn free_space(folder: &Path) -> Option<u64> {
    free(there(folder)).ok()
}

/// The nearest folder above that exists.
fn there(folder: &Path) -> &Path {
    let there = folder.ancestors().find(|path| path.exists());
    there.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn free(path: &Path) -> io::Result<u64> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut stat = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: `path` ends in a zero byte and `stat` has room for what is written.
    if unsafe { libc::statvfs(path.as_ptr(), stat.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so it is filled.
    let stat = unsafe { stat.assume_init() };
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(check(&folder.path().join("not/yet"), 1), Ok(()));
        let told = check(folder.path(), u64::MAX).unwrap_err();
        assert!(told.contains("free, and") && told.contains("needed"), "{told}");
    }
}
