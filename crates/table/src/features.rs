//! `features`: frames of one shape, one row an utterance and copy.

use std::path::Path;

use arrow_array::types::Float32Type;

use crate::shaped::{Shaped, ShapedWriter};
use crate::{TableError, TableFile};

/// The kind of these tables.
pub const KIND: &str = "features";

/// The column of their values.
const COLUMN: &str = "frames";

/// A table of features being written. Without [`FeatureWriter::finish`] the file is no table.
pub struct FeatureWriter(ShapedWriter<Float32Type>);

impl FeatureWriter {
    /// Begins the file `path`, for features of this shape, such as `[128, 94]`.
    ///
    /// # Errors
    /// When it cannot be written, or the shape is empty.
    pub fn create(path: &Path, shape: &[usize]) -> Result<Self, TableError> {
        ShapedWriter::create(path, KIND, COLUMN, shape).map(Self)
    }

    /// Adds the features of an utterance, row by row of their shape. Copy 0 is the recording itself, 1 and up are
    /// augmented.
    ///
    /// # Errors
    /// When they are not of the table's shape, or cannot be written.
    pub fn push(&mut self, utterance: &str, copy: i32, frames: &[f32]) -> Result<(), TableError> {
        self.0.push(utterance, copy, frames)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<(), TableError> {
        self.0.finish()
    }
}

/// A table of features, read where it lies.
#[derive(Debug)]
pub struct Features(Shaped<Float32Type>);

impl Features {
    /// Opens it; reads next to nothing.
    ///
    /// # Errors
    /// When it is no table of features.
    pub fn open(file: TableFile) -> Result<Self, TableError> {
        Shaped::open(file, KIND, COLUMN).map(Self)
    }

    /// The shape of each row, such as `[128, 94]`.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The utterance of row `index`.
    ///
    /// # Errors
    /// When the row is damaged.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn utterance(&self, index: usize) -> Result<&str, TableError> {
        self.0.utterance(index)
    }

    /// Which copy of its utterance row `index` is: 0 for the recording itself.
    ///
    /// # Errors
    /// When the row is damaged.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn copy(&self, index: usize) -> Result<i32, TableError> {
        self.0.copy(index)
    }

    /// The features of row `index`, row by row of their shape.
    ///
    /// # Errors
    /// When the row is damaged.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn frames(&self, index: usize) -> Result<&[f32], TableError> {
        self.0.values(index)
    }
}
