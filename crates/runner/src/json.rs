//! Artefacts that are JSON files.

use std::path::Path;

use affekt_graph::Failure;
use serde::Serialize;

/// Writes an artefact that is a JSON file.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| Failure::because(&error))?;
    bytes.push(b'\n');
    std::fs::write(path, bytes).map_err(|error| Failure::unwritten(path, &error))
}
