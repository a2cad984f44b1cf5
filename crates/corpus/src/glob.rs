//! Glob patterns for paths: `Session*/dialog/EmoEvaluation/*.txt`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::spelling::normalised;

/// Returns the paths in `folder` that match `pattern`, sorted, with forward slashes. A `*` matches any part of one
/// name; hidden files (such as the `._*` that macOS leaves on other file systems) never match.
///
/// # Errors
/// Fails with the folder that cannot be listed, and the cause.
pub(crate) fn paths(folder: &Path, pattern: &str) -> Result<Vec<String>, (PathBuf, io::Error)> {
    let mut found = vec![String::new()];
    for part in pattern.split('/') {
        let mut longer = Vec::new();
        for path in found {
            let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            if part.contains('*') {
                let parent = folder.join(&path);
                if parent.is_dir() {
                    let names = names(&parent, part).map_err(|error| (parent.clone(), error))?;
                    longer.extend(names.iter().map(|name| join(name)));
                }
            } else if folder.join(join(part)).exists() {
                longer.push(join(part));
            } else if !part.is_ascii() && folder.join(&path).is_dir() {
                // The card's spelling is not the file system's.
                let parent = folder.join(&path);
                let names = names(&parent, part).map_err(|error| (parent.clone(), error))?;
                longer.extend(names.iter().map(|name| join(name)));
            }
        }
        found = longer;
    }
    found.sort_unstable();
    Ok(found)
}

/// Returns the expression for a pattern.
pub(crate) fn expression(pattern: &str) -> Result<Regex, regex::Error> {
    let literals: Vec<String> = pattern.split('*').map(regex::escape).collect();
    Regex::new(&format!("^(?s:{})$", literals.join("[^/]*")))
}

/// Returns the names in `folder` that match `pattern`.
fn names(folder: &Path, pattern: &str) -> io::Result<Vec<String>> {
    let pattern = expression(pattern).map_err(io::Error::other)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && pattern.is_match(&normalised(&name)) {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_within_one_name() {
        let folder = tempfile::tempdir().unwrap();
        for path in
            ["B2/e/x.txt", "B1/e/y.txt", "B1/e/._y.txt", "B1/e/deeper/z.txt", "B1/e/y.txt.old", "B3.txt"]
        {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = |pattern| paths(folder.path(), pattern).unwrap();
        assert_eq!(found("B*/e/*.txt"), ["B1/e/y.txt", "B2/e/x.txt"]);
        assert_eq!(found("B1/e/y.txt"), ["B1/e/y.txt"]);
        assert_eq!(found("B*1/*/y*t"), ["B1/e/y.txt"]);
        let decomposed = folder.path().join("Grosse Ra\u{308}ume");
        fs::create_dir_all(&decomposed).unwrap();
        fs::write(decomposed.join("a\u{308}.csv"), "").unwrap();
        assert_eq!(found("Grosse Räume/ä.csv"), ["Grosse Ra\u{308}ume/a\u{308}.csv"]);
        assert_eq!(found("Grosse R*/ä*"), ["Grosse Ra\u{308}ume/a\u{308}.csv"]);
        for nothing in ["B1/e/n.txt", "N*/e/*.txt", "B1/f/*.txt", "B3.txt/*"] {
            assert_eq!(found(nothing), [""; 0]);
        }
    }
}
