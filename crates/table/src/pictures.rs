//! `pictures`: pixels of one size, one row an utterance and copy.
//!
//! A byte a value, channel by channel, each row by row from the top: `[channels, height, width]`, as networks take them.

use std::path::Path;

use arrow_array::types::UInt8Type;

use crate::shaped::{Shaped, ShapedWriter};
use crate::{TableError, TableFile};

/// The kind of these tables.
pub const KIND: &str = "pictures";

/// The column of their values.
const COLUMN: &str = "pixels";

/// A table of pictures being written. Without [`PictureWriter::finish`] the file is no table.
pub struct PictureWriter(ShapedWriter<UInt8Type>);

impl PictureWriter {
    /// Begins the file `path`, for pictures of this shape: channels, height, width.
    ///
    /// # Errors
    /// When it cannot be written, or a side is 0.
    pub fn create(path: &Path, shape: [usize; 3]) -> Result<Self, TableError> {
        ShapedWriter::create(path, KIND, COLUMN, &shape).map(Self)
    }

    /// Adds the picture of an utterance. Copy 0 is of the recording itself, 1 and up of augmented ones.
    ///
    /// # Errors
    /// When it is not of the table's shape, or cannot be written.
    pub fn push(&mut self, utterance: &str, copy: i32, pixels: &[u8]) -> Result<(), TableError> {
        self.0.push(utterance, copy, pixels)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<(), TableError> {
        self.0.finish()
    }
}

/// A table of pictures, read where it lies.
#[derive(Debug)]
pub struct Pictures {
    shape: [usize; 3],
    rows: Shaped<UInt8Type>,
}

impl Pictures {
    /// Opens it; reads next to nothing.
    ///
    /// # Errors
    /// When it is no table of pictures.
    pub fn open(file: TableFile) -> Result<Self, TableError> {
        let rows = Shaped::open(file, KIND, COLUMN)?;
        let Ok(shape) = rows.shape().try_into() else {
            let why = format!("{:?} is no picture's shape: channels, height and width", rows.shape());
            return Err(TableError::Malformed(why));
        };
        Ok(Self { shape, rows })
    }

    /// The shape of each picture: channels, height, width.
    #[must_use]
    pub const fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// How many pictures there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
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
        self.rows.utterance(index)
    }

    /// Which copy of its utterance row `index` is of: 0 for the recording itself.
    ///
    /// # Errors
    /// When the row is damaged.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn copy(&self, index: usize) -> Result<i32, TableError> {
        self.rows.copy(index)
    }

    /// The pixels of row `index`, channel by channel, each from its top row down.
    ///
    /// # Errors
    /// When the row is damaged.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn pixels(&self, index: usize) -> Result<&[u8], TableError> {
        self.rows.values(index)
    }
}
