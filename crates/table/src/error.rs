//! Errors of reading and writing tables.

use std::io;
use std::path::{Path, PathBuf};

use affekt_atomic::AtomicError;
use arrow_schema::ArrowError;

/// An error of reading or writing a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A file operation failed.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// The bytes are not an Arrow IPC file.
    #[error("not an Arrow IPC file: {0}")]
    NotArrow(String),
    /// An Arrow file, but a table of another kind than expected.
    #[error("expected a table of kind `{expected}`, found {found}")]
    Kind {
        /// The expected kind.
        expected: String,
        /// The kind found, in words.
        found: String,
    },
    /// The table was written by a newer version of the program.
    #[error(
        "the table has format version {found}, but this version of affekt reads up to {}: use a newer one",
        crate::VERSION
    )]
    Newer {
        /// The format version of the table.
        found: u32,
    },
    /// The bytes are not those that were written, or contradict each other.
    #[error("damaged table: {0}")]
    Damaged(String),
    /// Valid Arrow, but the columns, metadata or values are not those of the kind.
    #[error("malformed table: {0}")]
    Malformed(String),
    /// The rows to write do not fit the table's schema.
    #[error("invalid rows: {0}")]
    InvalidRows(String),
}

impl From<AtomicError> for TableError {
    fn from(AtomicError { path, source }: AtomicError) -> Self {
        Self::Io { path, cause: source }
    }
}

impl TableError {
    /// Wraps an error of the file system about `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { path: path.to_owned(), cause }
    }

    /// Wraps an error of writing to `path`.
    pub(crate) fn writing(path: &Path) -> impl FnOnce(ArrowError) -> Self {
        move |error| match error {
            ArrowError::IoError(_, cause) => Self::Io { path: path.to_owned(), cause },
            other => Self::InvalidRows(other.to_string()),
        }
    }
}
