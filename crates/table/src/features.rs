//! `features`: frames of one shape, one row an utterance and copy.

use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{Array, FixedSizeListArray, Float32Array, Int32Array, StringArray};
use arrow_schema::{DataType, Field};

use crate::columns::{Columns, numbers, required, texts};
use crate::lazy::{BATCH_ROWS, BATCH_ROWS_KEY, Lazy};
use crate::writer::{Writer, schema};
use crate::{TableError, TableFile};

/// The kind of these tables.
pub const KIND: &str = "features";

/// A table of features being written. Without [`FeatureWriter::finish`] the file is no table.
pub struct FeatureWriter {
    writer: Writer,
    size: i32,
    utterances: Vec<String>,
    copies: Vec<i32>,
    frames: Vec<f32>,
}

impl FeatureWriter {
    /// Begins the file `path`, for features of this shape, such as `[128, 94]`.
    ///
    /// # Errors
    /// When it cannot be written, or the shape is empty.
    pub fn create(path: &Path, shape: &[usize]) -> Result<Self, TableError> {
        let no_shape = || TableError::Unwritable(format!("{shape:?} is not a shape of features"));
        let size = list_size(shape).ok_or_else(no_shape)?;
        let fields = vec![
            required("utterance", DataType::Utf8),
            required("copy", DataType::Int32),
            required("frames", DataType::FixedSizeList(Arc::new(item()), size)),
        ];
        let shape = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let metadata = [("shape", shape), (BATCH_ROWS_KEY, BATCH_ROWS.to_string())];
        let writer = Writer::create(path, &schema(KIND, fields, &metadata))?;
        Ok(Self { writer, size, utterances: vec![], copies: vec![], frames: vec![] })
    }

    /// Adds the features of an utterance, row by row of their shape. Copy 0 is the recording itself, 1 and up are
    /// augmented.
    ///
    /// # Errors
    /// When they are not of the table's shape, or cannot be written.
    pub fn push(&mut self, utterance: &str, copy: i32, frames: &[f32]) -> Result<(), TableError> {
        if frames.len() != self.size as usize {
            let (found, expected) = (frames.len(), self.size);
            let why = format!("`{utterance}` has {found} values where the table's shape has {expected}");
            return Err(TableError::Unwritable(why));
        }
        self.utterances.push(utterance.to_owned());
        self.copies.push(copy);
        self.frames.extend_from_slice(frames);
        if self.utterances.len() == BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<(), TableError> {
        if !self.utterances.is_empty() {
            self.flush()?;
        }
        self.writer.finish()
    }

    fn flush(&mut self) -> Result<(), TableError> {
        let frames = Float32Array::from(std::mem::take(&mut self.frames));
        let columns = vec![
            texts(self.utterances.iter().map(String::as_str)),
            numbers::<Int32Type>(self.copies.drain(..)),
            Arc::new(FixedSizeListArray::new(Arc::new(item()), self.size, Arc::new(frames), None)),
        ];
        self.utterances.clear();
        self.writer.push(columns)
    }
}

/// A table of features, read where it lies.
#[derive(Debug)]
pub struct Features {
    shape: Vec<usize>,
    rows: Lazy<Batch>,
}

#[derive(Debug)]
struct Batch {
    utterances: StringArray,
    copies: Int32Array,
    size: usize,
    values: Float32Array,
}

impl Features {
    /// Opens it; reads next to nothing.
    ///
    /// # Errors
    /// When it is no table of features.
    pub fn open(file: TableFile) -> Result<Self, TableError> {
        file.expect_kind(KIND)?;
        let text = file.required("shape")?;
        let shape: Option<Vec<usize>> = text.split(',').map(|part| part.parse().ok()).collect();
        let Some(shape) = shape.filter(|shape| list_size(shape).is_some()) else {
            return Err(TableError::Malformed(format!("`{text}` is not a shape")));
        };
        Ok(Self { shape, rows: Lazy::open(file)? })
    }

    /// The shape of each row, such as `[128, 94]`.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many rows there are.
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
        let (batch, row) = self.row(index)?;
        Ok(batch.utterances.value(row))
    }

    /// Which copy of its utterance row `index` is: 0 for the recording itself.
    ///
    /// # Errors
    /// When the row is damaged.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn copy(&self, index: usize) -> Result<i32, TableError> {
        let (batch, row) = self.row(index)?;
        Ok(batch.copies.value(row))
    }

    /// The features of row `index`, row by row of their shape.
    ///
    /// # Errors
    /// When the row is damaged.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn frames(&self, index: usize) -> Result<&[f32], TableError> {
        let (batch, row) = self.row(index)?;
        Ok(&batch.values.values()[row * batch.size..][..batch.size])
    }

    fn row(&self, index: usize) -> Result<(&Batch, usize), TableError> {
        self.rows.row(index, |columns| Batch::decode(columns, self.shape.iter().product()))
    }
}

impl Batch {
    fn decode(columns: &Columns, size: usize) -> Result<Self, TableError> {
        let frames = columns.full::<FixedSizeListArray>("frames")?;
        if frames.value_length() as usize != size {
            let found = frames.value_length();
            let why = format!("column `frames` holds {found} values a row where the shape has {size}");
            return Err(TableError::Malformed(why));
        }
        let values = frames.values().as_any().downcast_ref::<Float32Array>();
        let Some(values) =
            values.filter(|values| values.null_count() == 0 && values.len() >= frames.len() * size)
        else {
            return Err(TableError::Malformed("column `frames` does not hold f32 throughout".into()));
        };
        Ok(Self {
            utterances: columns.text("utterance")?.clone(),
            copies: columns.number::<Int32Type>("copy")?.clone(),
            size,
            values: values.clone(),
        })
    }
}

/// How many values a shape has, unless it has none or too many for a row.
fn list_size(shape: &[usize]) -> Option<i32> {
    let size = shape.iter().try_fold(1_usize, |size, side| size.checked_mul(*side))?;
    i32::try_from(size).ok().filter(|size| *size > 0 && !shape.is_empty())
}

fn item() -> Field {
    required("item", DataType::Float32)
}
