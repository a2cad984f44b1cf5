//! `pictures`: spectrogram images of one size, one row per utterance and copy.
//!
//! One byte per value, `[channels, height, width]` row-major from the top, as networks take them.

use std::path::Path;

use arrow_array::types::UInt8Type;

use crate::shaped::{Shaped, ShapedWriter};
use crate::{TableError, TableFile};

/// The kind of these tables.
pub const KIND: &str = "pictures";

/// The column of the values.
const COLUMN: &str = "pixels";

/// A writer of a table of spectrogram images. The file is incomplete until [`SpectrogramImageWriter::finish`] is
/// called.
pub struct SpectrogramImageWriter(ShapedWriter<UInt8Type>);

impl SpectrogramImageWriter {
    /// Creates the file `path` for images of this shape: channels, height, width.
    ///
    /// # Errors
    /// Fails if the file cannot be written or a dimension is 0.
    pub fn create(path: &Path, shape: [usize; 3]) -> Result<Self, TableError> {
        ShapedWriter::create(path, KIND, COLUMN, &shape).map(Self)
    }

    /// Appends the image of an utterance. Copy 0 is of the recording itself; copies from 1 on are of augmented ones.
    ///
    /// # Errors
    /// Fails if it is not of the table's shape or cannot be written.
    pub fn push(&mut self, utterance: &str, copy: i32, pixels: &[u8]) -> Result<(), TableError> {
        self.0.push(utterance, copy, pixels)
    }

    /// Completes the file.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub fn finish(self) -> Result<(), TableError> {
        self.0.finish()
    }
}

/// A memory-mapped table of spectrogram images.
#[derive(Debug)]
pub struct SpectrogramImages {
    shape: [usize; 3],
    rows: Shaped<UInt8Type>,
}

impl SpectrogramImages {
    /// Opens the table; reads only its metadata.
    ///
    /// # Errors
    /// Fails if the table is of another kind.
    pub fn open(file: TableFile) -> Result<Self, TableError> {
        let rows = Shaped::open(file, KIND, COLUMN)?;
        let Ok(shape) = rows.shape().try_into() else {
            let why = format!("{:?} is not an image shape: expected channels, height, width", rows.shape());
            return Err(TableError::Malformed(why));
        };
        Ok(Self { shape, rows })
    }

    /// Returns the shape of each image: channels, height, width.
    #[must_use]
    pub const fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Returns the number of images.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there are no images.
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
        self.rows.utterance(index)
    }

    /// Returns the copy number of row `index`: 0 for the recording itself.
    ///
    /// # Errors
    /// Fails if the row is damaged.
    ///
    /// # Panics
    /// Panics if there is no such row.
    pub fn copy(&self, index: usize) -> Result<i32, TableError> {
        self.rows.copy(index)
    }

    /// Returns the pixels of row `index`, `[channels, height, width]` row-major from the top.
    ///
    /// # Errors
    /// Fails if the row is damaged.
    ///
    /// # Panics
    /// Panics if there is no such row.
    pub fn pixels(&self, index: usize) -> Result<&[u8], TableError> {
        self.rows.values(index)
    }
}
