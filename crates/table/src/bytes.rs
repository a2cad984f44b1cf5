//! Sources of a table's bytes.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;

use crate::TableError;

/// The bytes of a file, verified on first access.
pub trait Bytes: Send + Sync {
    /// Returns the number of bytes.
    fn len(&self) -> usize;

    /// Returns whether there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes in `range`, which must lie within `0..len()`, after verifying that they are those that were
    /// written. Calls with the same range return the same memory.
    ///
    /// # Errors
    /// Fails with [`TableError::Damaged`] if they are not.
    fn verified(&self, range: Range<usize>) -> Result<&[u8], TableError>;
}

impl Bytes for Vec<u8> {
    fn len(&self) -> usize {
        self.len()
    }

    fn verified(&self, range: Range<usize>) -> Result<&[u8], TableError> {
        Ok(&self[range])
    }
}

/// A memory-mapped file that is not verified: for tables outside the store, such as those in a run folder.
#[derive(Debug)]
pub struct Mapped(Mmap);

impl Mapped {
    /// Maps the file at `path` into memory.
    ///
    /// # Errors
    /// Fails if it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let file = File::open(path).map_err(TableError::io(path))?;
        // SAFETY: the map is sound as long as nobody truncates or changes the file in place. This program never does
        // either: finished files are only ever replaced by renaming.
        let map = unsafe { Mmap::map(&file) }.map_err(TableError::io(path))?;
        Ok(Self(map))
    }
}

impl Bytes for Mapped {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn verified(&self, range: Range<usize>) -> Result<&[u8], TableError> {
        Ok(&self.0[range])
    }
}
