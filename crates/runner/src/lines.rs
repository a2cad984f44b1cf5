//! Files of what is remembered: a line each, which begins with a digest of the rest, for what is remembered is believed unseen.

use std::fs;
use std::path::Path;

use affekt_atomic::write_atomically;
use affekt_graph::hash_bytes;
use affekt_table::TableError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads the lines of a file; none where there is no file. Those that are damaged or hold something else are passed over.
pub fn read<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    let bytes = fs::read(path).unwrap_or_default();
    bytes.split(|byte| *byte == b'\n').filter_map(parse).collect()
}

/// Writes a file of such lines, and the folders it lies in.
///
/// # Errors
/// When it cannot be written.
pub fn write<T: Serialize>(path: &Path, lines: impl IntoIterator<Item = T>) -> Result<(), TableError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |cause| TableError::Io { path, cause }
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(io(folder))?;
    if path.is_dir() {
        // Somebody's, or of a disk that failed; no run is to fail for it.
        let aside = path.with_extension(format!("{}.in-the-way", std::process::id()));
        fs::rename(path, aside).map_err(io(path))?;
    }
    let mut text = Vec::new();
    for line in lines {
        let line = serde_json::to_string(&line).map_err(|error| io(path)(error.into()))?;
        text.extend_from_slice(format!("[\"{}\",{line}]\n", hash_bytes(line.as_bytes()).short()).as_bytes());
    }
    write_atomically(path, |aside| fs::write(aside, &text).map_err(io(aside)))
}

/// Reads a line; `None` where it is damaged. Lines were written without a digest once.
fn parse<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    let Some(line) = line.strip_prefix(b"[\"") else { return serde_json::from_slice(line).ok() };
    let (digest, rest) = line.split_at_checked(line.iter().position(|byte| *byte == b'"')?)?;
    let line = rest.strip_prefix(b"\",")?.strip_suffix(b"]")?;
    let is_whole = hash_bytes(line).short().as_bytes() == digest;
    is_whole.then(|| serde_json::from_slice(line).ok()).flatten()
}
