//! `features`: frames of one shape, one row per utterance and copy.

use std::path::Path;

use arrow_array::types::Float32Type;

use crate::shaped::{Shaped, ShapedWriter};
use crate::{TableError, TableFile};

/// The kind of these tables.
pub const KIND: &str = "features";

/// The column of the values.
const COLUMN: &str = "frames";

/// A writer of a table of features. The file is incomplete until [`FeatureWriter::finish`] is called.
pub struct FeatureWriter(ShapedWriter<Float32Type>);

impl FeatureWriter {
    /// Creates the file `path` for features of this shape, such as `[128, 94]`.
    ///
    /// # Errors
    /// Fails if the file cannot be written or the shape is empty.
    pub fn create(path: &Path, shape: &[usize]) -> Result<Self, TableError> {
        ShapedWriter::create(path, KIND, COLUMN, shape).map(Self)
    }

    /// Appends the features of an utterance, row-major. Copy 0 is the recording itself; copies from 1 on are augmented.
    ///
    /// # Errors
    /// Fails if they are not of the table's shape or cannot be written.
    pub fn push(&mut self, utterance: &str, copy: i32, frames: &[f32]) -> Result<(), TableError> {
        self.0.push(utterance, copy, frames)
    }

    /// Completes the file.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub fn finish(self) -> Result<(), TableError> {
        self.0.finish()
    }
}

/// A memory-mapped table of features.
#[derive(Debug)]
pub struct Features(Shaped<Float32Type>);

impl Features {
    /// Opens the table; reads only its metadata.
    ///
    /// # Errors
    /// Fails if the table is of another kind.
    pub fn open(file: TableFile) -> Result<Self, TableError> {
        Shaped::open(file, KIND, COLUMN).map(Self)
    }

    /// Returns the shape of each row, such as `[128, 94]`.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    /// Returns the number of rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the id of the utterance of row `index`.
    ///
    /// # Errors
    /// Fails if the row is damaged.
    ///
    /// # Panics
    /// Panics if there is no such row.
    pub fn utterance(&self, index: usize) -> Result<&str, TableError> {
        self.0.utterance(index)
    }

    /// Returns the copy number of row `index`: 0 for the recording itself.
    ///
    /// # Errors
    /// Fails if the row is damaged.
    ///
    /// # Panics
    /// Panics if there is no such row.
    pub fn copy(&self, index: usize) -> Result<i32, TableError> {
        self.0.copy(index)
    }

    /// Returns the features of row `index`, row-major.
    ///
    /// # Errors
    /// Fails if the row is damaged.
    ///
    /// # Panics
    /// Panics if there is no such row.
    pub fn frames(&self, index: usize) -> Result<&[f32], TableError> {
        self.0.values(index)
    }
}
