//! Lookup of YAML files by their stem, whatever its case, in the first of several folders that has one.

use std::borrow::Cow;
use std::io;

use crate::{Folder, TextFile, list_names, nearest};

/// A file was not found by its name, or is of no use.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// No folder has a file of that name.
    #[error("unknown {kind} `{name}` in {}: {}", list_folders(folders), which_of(name, names))]
    Unknown {
        /// What it should have been: `corpus`, `label scheme`.
        kind: &'static str,
        /// The name that was called.
        name: String,
        /// Where it was looked for.
        folders: Vec<Folder>,
        /// The names that are there.
        names: Vec<String>,
    },
    /// The file cannot be read.
    #[error("cannot read {file}: check that it is a readable text file")]
    Unreadable {
        /// The file.
        file: TextFile,
        /// Why.
        source: io::Error,
    },
    /// The file was read and is wrong: the diagnostics say where.
    #[error("{file} is wrong, see the errors at its lines")]
    Wrong {
        /// The file.
        file: TextFile,
    },
}

/// Lists the names of the YAML files in all folders: in lower case, sorted, each once.
#[must_use]
pub fn names(folders: &[Folder]) -> Vec<String> {
    let mut names: Vec<String> =
        folders.iter().flat_map(Folder::yaml_files).map(|file| file.stem().to_lowercase()).collect();
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    names
}

/// Reads the file called `name` in the first folder that has it. `kind` is what messages call it.
///
/// # Errors
/// When no folder has it, or it cannot be read.
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
    match nearest(&name.to_lowercase(), names.iter().map(String::as_str)) {
        _ if names.is_empty() => "there is none at all".to_owned(),
        Some(near) => format!("did you mean `{near}`? there are {}", list_names(names)),
        None => format!("there are {}", list_names(names)),
    }
}
