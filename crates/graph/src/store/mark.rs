//! What marks a folder as a store. Only such a folder is filled and tidied up.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::{StoreError, failed};

/// The file that marks a store.
const MARK: &str = "affekt-store.json";
const TEXT: &str = "{\"format\": \"affekt-store\", \"version\": 1}\n";
/// What a store has that was made before stores were marked.
const FOLDERS: [&str; 4] = ["objects", "results", "work", "tmp"];
/// What the system puts into folders by itself.
const SYSTEM: [&str; 1] = ["lost+found"];

/// Makes `root` where it is not, and marks it where nothing is in it or it was a store before.
///
/// # Errors
/// When it cannot be made, or holds something else.
pub fn claim(root: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(root).map_err(failed("create", root))?;
    if is_marked(root) {
        return Ok(());
    }
    // Marked before anything else is made in it: where somebody else makes it meanwhile, the mark is there by now.
    let may_be = looks_like_a_store(root) || is_empty(root)? || is_marked(root);
    if !may_be {
        let why = "it holds other files and is no store of results; name an empty folder, or one that is not there yet";
        return Err(failed("use", root)(io::Error::other(why)));
    }
    let path = root.join(MARK);
    match File::create_new(&path).and_then(|mut file| file.write_all(TEXT.as_bytes())) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // A store of old that others look after is read without a mark.
        Err(_) if looks_like_a_store(root) => Ok(()),
        Err(error) => Err(failed("write", &path)(error)),
    }
}

/// Returns whether a folder is marked as a store.
pub fn is_marked(root: &Path) -> bool {
    root.join(MARK).is_file()
}

/// Returns whether a folder has what stores were made of before they were marked.
pub fn looks_like_a_store(root: &Path) -> bool {
    FOLDERS.iter().all(|folder| root.join(folder).is_dir())
}

/// Whether nothing that anybody put there is in the folder.
fn is_empty(root: &Path) -> Result<bool, StoreError> {
    let entries = fs::read_dir(root).map_err(failed("list", root))?;
    let is_ours = |name: &str| !name.starts_with('.') && !SYSTEM.contains(&name);
    Ok(!entries.flatten().any(|entry| is_ours(&entry.file_name().to_string_lossy())))
}
