//! Shelves: folders of YAML files that are called by their file's stem, whatever its case.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::{list_names, nearest};

/// What was called for cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// No folder has a file of that name.
    #[error("unknown {kind} `{name}` in {}: {}", list_folders(folders), which_of(name, names))]
    Unknown {
        /// What it should have been: `corpus`, `label scheme`.
        kind: &'static str,
        /// The name that was called.
        name: String,
        /// Where it was looked for.
        folders: Vec<PathBuf>,
        /// The names that are there.
        names: Vec<String>,
    },
    /// The file cannot be read.
    #[error("cannot read {}: check that it is a readable text file", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file was read and is wrong: the diagnostics say where.
    #[error("{} is wrong, see the errors at its lines", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
    },
}

/// The names on all the shelves, in lower case, sorted, each once.
#[must_use]
pub fn names(folders: &[PathBuf]) -> Vec<String> {
    let mut names: Vec<String> = folders
        .iter()
        .flat_map(|folder| files(folder))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_lowercase()))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The file called `name` in the first folder that has it, and its text. `kind` is what messages call it.
///
/// # Errors
/// When no folder has it, or it cannot be read.
pub fn read(folders: &[PathBuf], kind: &'static str, name: &str) -> Result<(PathBuf, String), ShelfError> {
    let is_called = |path: &PathBuf| {
        path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| stem.eq_ignore_ascii_case(name))
    };
    let Some(path) = folders.iter().find_map(|folder| files(folder).into_iter().find(is_called)) else {
        let (name, folders, names) = (name.to_owned(), folders.to_vec(), names(folders));
        return Err(ShelfError::Unknown { kind, name, folders, names });
    };
    match fs::read_to_string(&path) {
        Ok(text) => Ok((path, text)),
        Err(source) => Err(ShelfError::Unreadable { path, source }),
    }
}

/// The YAML files of a folder, sorted; none where there is no such folder: not everyone has a shelf of their own.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_yaml =
        |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_yaml).collect();
    files.sort();
    files
}

fn list_folders(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn which_of(name: &str, names: &[String]) -> String {
    match nearest(&name.to_lowercase(), names.iter().map(String::as_str)) {
        _ if names.is_empty() => "there is none at all".to_owned(),
        Some(near) => format!("did you mean `{near}`? there are {}", list_names(names)),
        None => format!("there are {}", list_names(names)),
    }
}
