//! What can be wrong with a table.

use std::io;
use std::path::{Path, PathBuf};

use affekt_atomic::AtomicError;
use arrow_schema::ArrowError;

/// A table cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file system refused.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// These bytes are no Arrow IPC file.
    #[error("not an Arrow IPC file: {0}")]
    NotArrow(String),
    /// An Arrow file, but not the table that was asked for.
    #[error("expected a table of kind `{expected}`, found {found}")]
    Kind {
        /// The kind asked for.
        expected: String,
        /// The kind found, in words.
        found: String,
    },
    /// Written by a newer version of the program.
    #[error(
        "the table has format version {found}, and this version of affekt reads up to {}: use a newer one",
        crate::VERSION
    )]
    Newer {
        /// The table's version.
        found: u32,
    },
    /// The bytes are not those that were written, or contradict each other.
    #[error("damaged table: {0}")]
    Damaged(String),
    /// Sound Arrow, but columns, metadata or values are not those of its kind.
    #[error("malformed table: {0}")]
    Malformed(String),
    /// The rows handed in do not fit the table's schema.
    #[error("these rows cannot be written: {0}")]
    Unwritable(String),
}

impl From<AtomicError> for TableError {
    fn from(AtomicError { path, source }: AtomicError) -> Self {
        Self::Io { path, cause: source }
    }
}

impl TableError {
    /// The file system refused something about `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { path: path.to_owned(), cause }
    }

    /// Writing to `path` failed.
    pub(crate) fn writing(path: &Path) -> impl FnOnce(ArrowError) -> Self {
        move |error| match error {
            ArrowError::IoError(_, cause) => Self::Io { path: path.to_owned(), cause },
            other => Self::Unwritable(other.to_string()),
        }
    }
}
