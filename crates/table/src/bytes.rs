//! Where a table's bytes come from.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;

use crate::TableError;

/// The bytes of a file, checked when they are first asked for.
pub trait Bytes: Send + Sync {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes in `range`, which lies within `0..len()`, once they are known to be those that were written.
    /// Every call with the same range gives the same memory.
    ///
    /// # Errors
    /// [`TableError::Damaged`] when they are not.
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

/// A file mapped into memory as it is: for tables outside the store, such as those in a run folder.
#[derive(Debug)]
pub struct Mapped(Mmap);

impl Mapped {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let file = File::open(path).map_err(TableError::io(path))?;
        // SAFETY: the map is sound as long as nobody truncates or changes the file in place. This program never
        // does either: finished files are only ever replaced by renaming.
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
