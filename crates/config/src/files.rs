//! Folders of text files: on disk, or built into the program.

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::text::decode;

/// The root under which messages show built-in files.
const ROOT: &str = "<built-in>";

/// Files built into the program, as pairs of a path with `/` as separator and its text.
pub type BuiltIn = &'static [(&'static str, &'static str)];

/// A folder of text files.
#[derive(Debug, Clone)]
pub enum Folder {
    /// A folder on disk, which need not exist.
    Disk(PathBuf),
    /// The built-in files whose paths start with `below`.
    BuiltIn {
        /// All built-in files.
        files: BuiltIn,
        /// Empty, or a path that ends in `/`.
        below: String,
    },
}

/// A text file, on disk or built in. Displays as the path that messages show.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TextFile {
    /// A file on disk.
    Disk(PathBuf),
    /// A built-in file.
    BuiltIn {
        /// The path, with `/` as separator.
        path: &'static str,
        /// The text.
        text: &'static str,
    },
}

impl Folder {
    /// Returns the folder of all built-in files.
    #[must_use]
    pub fn built_in(files: BuiltIn) -> Self {
        Self::BuiltIn { files, below: String::new() }
    }

    /// Returns the folder called `name` in this one.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        match self {
            Self::Disk(path) => Self::Disk(path.join(name)),
            Self::BuiltIn { files, below } => Self::BuiltIn { files, below: format!("{below}{name}/") },
        }
    }

    /// Returns the file at a relative path, if there is one.
    #[must_use]
    pub fn file(&self, relative: &str) -> Option<TextFile> {
        match self {
            Self::Disk(path) => {
                let path = path.join(relative);
                path.is_file().then_some(TextFile::Disk(path))
            }
            Self::BuiltIn { files, below } => {
                let wanted = format!("{below}{}", relative.strip_prefix("./").unwrap_or(relative));
                let (path, text) = files.iter().find(|(path, _)| *path == wanted)?;
                Some(TextFile::BuiltIn { path, text })
            }
        }
    }

    /// Lists the YAML files of the folder, sorted by path; none if the folder does not exist.
    #[must_use]
    pub fn yaml_files(&self) -> Vec<TextFile> {
        let mut files: Vec<TextFile> = match self {
            Self::Disk(path) => {
                let entries = fs::read_dir(path).into_iter().flatten().flatten();
                entries.map(|entry| TextFile::Disk(entry.path())).collect()
            }
            Self::BuiltIn { files, below } => {
                let is_in = |path: &str| path.strip_prefix(below).is_some_and(|name| !name.contains('/'));
                let files = files.iter().filter(|(path, _)| is_in(path));
                files.map(|(path, text)| TextFile::BuiltIn { path, text }).collect()
            }
        };
        let is_yaml = |file: &TextFile| {
            file.path().extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
        };
        files.retain(is_yaml);
        files.sort_by(|one, other| one.path().cmp(other.path()));
        files
    }
}

impl From<PathBuf> for Folder {
    fn from(path: PathBuf) -> Self {
        Self::Disk(path)
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(path) => path.display().fmt(f),
            Self::BuiltIn { below, .. } => write!(f, "{ROOT}/{}", below.trim_end_matches('/')),
        }
    }
}

impl TextFile {
    /// Returns the path: on disk, or among the built-in files.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Disk(path) => path,
            Self::BuiltIn { path, .. } => Path::new(path),
        }
    }

    /// Returns the name without its extension; empty if it is not UTF-8.
    #[must_use]
    pub fn stem(&self) -> &str {
        self.path().file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
    }

    /// Reads the text, in UTF-8 or UTF-16.
    ///
    /// # Errors
    /// Fails if a file on disk cannot be read, or is no text in these encodings.
    pub fn read(&self) -> io::Result<Cow<'static, str>> {
        match self {
            Self::Disk(path) => {
                let text = decode(fs::read(path)?);
                text.map(Cow::Owned).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
            }
            Self::BuiltIn { text, .. } => Ok(Cow::Borrowed(text)),
        }
    }
}

impl fmt::Display for TextFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(path) => path.display().fmt(f),
            Self::BuiltIn { path, .. } => write!(f, "{ROOT}/{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: BuiltIn = &[("a/b/two.yaml", "2"), ("a/one.yml", "1"), ("a/readme.md", "0")];

    #[test]
    fn built_in_files_are_found_like_those_on_disk() {
        let disk = tempfile::tempdir().unwrap();
        fs::create_dir_all(disk.path().join("a/b")).unwrap();
        for (path, text) in FILES {
            fs::write(disk.path().join(path), text).unwrap();
        }
        for root in [Folder::built_in(FILES), Folder::from(disk.path().to_owned())] {
            let shown = |file: &TextFile| file.to_string().replace(&disk.path().display().to_string(), ROOT);
            let names: Vec<String> = root.join("a").yaml_files().iter().map(shown).collect();
            assert_eq!(names, ["<built-in>/a/one.yml"]);
            let file = root.join("a").file("b/two.yaml").unwrap();
            assert_eq!((file.stem(), file.read().unwrap().as_ref()), ("two", "2"));
            assert!(root.file("./a/one.yml").is_some());
            assert_eq!((root.file("a"), root.file("one.yml")), (None, None));
            assert!(root.join("c").yaml_files().is_empty());
        }
        assert_eq!(Folder::built_in(FILES).join("a").join("b").to_string(), "<built-in>/a/b");
    }
}
