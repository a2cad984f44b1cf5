//! Lookup of YAML files by name (their stem, in any case) in several folders; the first that has one takes precedence.

use std::borrow::Cow;
use std::io;

use crate::{Folder, TextFile, diagnostic};

/// An error of looking up a file by name.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// No folder has a file with that name.
    #[error("unknown {kind} `{name}` in {}: {}", list_folders(folders), which_of(name, names))]
    Unknown {
        /// The kind of file: `corpus`, `label scheme`.
        kind: &'static str,
        /// The name that was looked up.
        name: String,
        /// The folders that were searched.
        folders: Vec<Folder>,
        /// The names that exist.
        names: Vec<String>,
    },
    /// The file cannot be read.
    #[error("failed to read {file}: check that it is a readable text file")]
    Unreadable {
        /// The file.
        file: TextFile,
        /// The cause.
        source: io::Error,
    },
    /// The file has mistakes, which are in the diagnostics.
    #[error("{file} has errors, which are listed by line")]
    Wrong {
        /// The file.
        file: TextFile,
    },
}

/// Returns the names of the YAML files in all folders, in lower case, sorted, without duplicates.
#[must_use]
pub fn names(folders: &[Folder]) -> Vec<String> {
    let mut names: Vec<String> =
        folders.iter().flat_map(Folder::yaml_files).map(|file| file.stem().to_lowercase()).collect();
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    names
}

/// Reads the file called `name` in the first folder that has it. Messages call it a `kind`.
///
/// # Errors
/// Fails if no folder has it, or if it cannot be read.
pub fn read(
    folders: &[Folder],
    kind: &'static str,
    name: &str,
) -> Result<(TextFile, Cow<'static, str>), LookupError> {
    let is_called = |file: &TextFile| file.stem().eq_ignore_ascii_case(name);
    let Some(file) = folders.iter().find_map(|folder| folder.yaml_files().into_iter().find(is_called)) else {
        let (name, folders, names) = (name.to_owned(), folders.to_vec(), names(folders));
        return Err(LookupError::Unknown { kind, name, folders, names });
    };
    match file.read() {
        Ok(text) => Ok((file, text)),
        Err(source) => Err(LookupError::Unreadable { file, source }),
    }
}

fn list_folders(folders: &[Folder]) -> String {
    folders.iter().map(Folder::to_string).collect::<Vec<_>>().join(", ")
}

fn which_of(name: &str, names: &[String]) -> String {
    diagnostic::which_of(&name.to_lowercase(), "there are", names)
}
