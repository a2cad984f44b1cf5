//! The identity of a checkpoint: the bytes of its files, without interpretation.

use std::io;
use std::path::Path;

use crate::EncoderError;
use crate::folder;
use crate::weights::map;

/// Computes BLAKE3 over the files that [`crate::read`] would read. Their location and names are not included, nor are
/// other files of the folder.
///
/// # Errors
/// Fails if there is no checkpoint, or it is of another architecture, or a file cannot be read.
pub fn fingerprint(path: &Path) -> Result<[u8; 32], EncoderError> {
    fingerprint_by(path, file_digest)
}

/// Computes the same where `digest` gives the digests of files, as [`file_digest`] does.
///
/// # Errors
/// Those of [`fingerprint`].
pub fn fingerprint_by(
    path: &Path,
    digest: impl Fn(&Path) -> io::Result<[u8; 32]>,
) -> Result<[u8; 32], EncoderError> {
    let is_folder = std::fs::metadata(path).map_err(EncoderError::io(path))?.is_dir();
    if is_folder {
        folder::check(path)?;
    }
    let files = if is_folder { folder::files_read(path)? } else { vec![("weights", path.to_owned())] };
    let mut digests = Vec::new();
    for (what, file) in files {
        digests.push((what, digest(&file).map_err(EncoderError::io(&file))?));
    }
    digests.sort_unstable();
    let mut whole = blake3::Hasher::new();
    for (what, digest) in digests {
        whole.update(&(what.len() as u64).to_le_bytes()).update(what.as_bytes()).update(&digest);
    }
    Ok(*whole.finalize().as_bytes())
}

/// Computes BLAKE3 of what a file holds.
///
/// # Errors
/// When it cannot be read.
pub fn file_digest(path: &Path) -> io::Result<[u8; 32]> {
    Ok(*blake3::hash(&map(path)?).as_bytes())
}
