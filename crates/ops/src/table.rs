//! Stored objects as tables.

use std::ops::Range;
use std::sync::Arc;

use affekt_domain::Role;
use affekt_graph::{Failure, Job, Object, ObjectError};
use affekt_table::rows::{self, SplitRows};
use affekt_table::{Bytes, TableError, TableFile};

/// An object of the store, lent to the table readers block by verified block.
struct Stored(Object);

impl Bytes for Stored {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn verified(&self, range: Range<usize>) -> Result<&[u8], TableError> {
        self.0.bytes(range).map_err(|error| match error {
            ObjectError::Damaged { what, .. } => TableError::Damaged(what),
            ObjectError::Io { path, source } => TableError::Io { path, cause: source },
        })
    }
}

/// An object opened as a table.
///
/// # Errors
/// When it is no table, or damaged.
pub fn open(object: &Object) -> Result<TableFile, Failure> {
    TableFile::open(Arc::new(Stored(object.clone()))).map_err(|error| failure(object, error))
}

/// What `read` makes of the table in `object`.
///
/// # Errors
/// When it is not such a table, or damaged.
pub fn read<T>(
    object: &Object,
    read: impl FnOnce(&TableFile) -> Result<T, TableError>,
) -> Result<T, Failure> {
    read(&open(object)?).map_err(|error| failure(object, error))
}

/// What `read_table` makes of the table on a port that holds one.
///
/// # Errors
/// When the port holds no such table, or a damaged one.
pub fn read_port<T>(
    job: &Job,
    port: &str,
    read_table: impl FnOnce(&TableFile) -> Result<T, TableError>,
) -> Result<T, Failure> {
    read(&job.open_one(port)?, read_table)
}

/// Rows of role dev or test: those of role train are of another kind and refused.
///
/// # Errors
/// When they are of role train, no table of rows, or damaged.
pub fn read_predictable(object: &Object) -> Result<SplitRows, Failure> {
    read(object, |file| {
        let role = [Role::Dev, Role::Test].into_iter().find(|role| file.kind() == rows::kind(*role));
        rows::read(file, role.unwrap_or(Role::Test))
    })
}

/// A table error as the failure of a node: damage names its object, so that it is computed again.
#[must_use]
pub fn failure(object: &Object, error: TableError) -> Failure {
    match error {
        TableError::Damaged(what) => Failure::Damaged { digest: object.digest(), what },
        other => Failure::because(&other),
    }
}

/// A table that could not be written.
#[must_use]
pub fn unwritten(error: TableError) -> Failure {
    match error {
        TableError::Io { path, cause } => Failure::unwritten(&path, &cause),
        other => Failure::because(&other),
    }
}
