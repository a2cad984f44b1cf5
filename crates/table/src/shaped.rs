//! Tables of values of one shape, one row per utterance and copy: the common part of `features` and `pictures`.
//!
//! Columns: `utterance`, `copy` and a fixed-size list of numbers without nulls, row-major. Metadata: `shape`, the
//! dimensions separated by commas.

use std::path::Path;
use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, Int32Type};
use arrow_array::{Array, FixedSizeListArray, Int32Array, PrimitiveArray, StringArray};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType, Field};

use crate::columns::{Columns, numbers, required, texts};
use crate::lazy::{BATCH_ROWS, BATCH_ROWS_KEY, Lazy};
use crate::writer::{Writer, schema};
use crate::{TableError, TableFile};

/// A writer of such a table.
pub(crate) struct ShapedWriter<T: ArrowPrimitiveType> {
    writer: Writer,
    size: i32,
    utterances: Vec<String>,
    copies: Vec<i32>,
    values: Vec<T::Native>,
}

impl<T: ArrowPrimitiveType> ShapedWriter<T> {
    /// Creates a file of kind `kind` whose column `column` holds the values. Fails if the shape is empty.
    pub(crate) fn create(path: &Path, kind: &str, column: &str, shape: &[usize]) -> Result<Self, TableError> {
        let no_shape = || TableError::InvalidRows(format!("{shape:?} is not a shape of {kind}"));
        let size = list_size(shape).ok_or_else(no_shape)?;
        let fields = vec![
            required("utterance", DataType::Utf8),
            required("copy", DataType::Int32),
            required(column, DataType::FixedSizeList(Arc::new(item::<T>()), size)),
        ];
        let shape = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let metadata = [("shape", shape), (BATCH_ROWS_KEY, BATCH_ROWS.to_string())];
        let writer = Writer::create(path, &schema(kind, fields, &metadata))?;
        Ok(Self { writer, size, utterances: vec![], copies: vec![], values: vec![] })
    }

    /// Appends a row. Fails if the values are not of the table's shape.
    pub(crate) fn push(
        &mut self,
        utterance: &str,
        copy: i32,
        values: &[T::Native],
    ) -> Result<(), TableError> {
        if values.len() != self.size as usize {
            let (found, expected) = (values.len(), self.size);
            let why = format!("`{utterance}` has {found} values, but the table's shape has {expected}");
            return Err(TableError::InvalidRows(why));
        }
        self.utterances.push(utterance.to_owned());
        self.copies.push(copy);
        self.values.extend_from_slice(values);
        if self.utterances.len() == BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    /// Completes the file.
    pub(crate) fn finish(mut self) -> Result<(), TableError> {
        if !self.utterances.is_empty() {
            self.flush()?;
        }
        self.writer.finish()
    }

    fn flush(&mut self) -> Result<(), TableError> {
        let values = ScalarBuffer::from(std::mem::take(&mut self.values));
        let values = PrimitiveArray::<T>::new(values, None);
        let columns = vec![
            texts(self.utterances.iter().map(String::as_str)),
            numbers::<Int32Type>(self.copies.drain(..)),
            Arc::new(FixedSizeListArray::new(Arc::new(item::<T>()), self.size, Arc::new(values), None)),
        ];
        self.utterances.clear();
        self.writer.push(columns)
    }
}

/// A memory-mapped table of this form. Access to rows beyond its length panics.
#[derive(Debug)]
pub(crate) struct Shaped<T: ArrowPrimitiveType> {
    column: &'static str,
    shape: Vec<usize>,
    rows: Lazy<Batch<T>>,
}

#[derive(Debug)]
struct Batch<T: ArrowPrimitiveType> {
    utterances: StringArray,
    copies: Int32Array,
    size: usize,
    values: PrimitiveArray<T>,
}

impl<T: ArrowPrimitiveType> Shaped<T> {
    /// Opens a table of kind `kind` whose values are in `column`; reads only its metadata.
    pub(crate) fn open(file: TableFile, kind: &str, column: &'static str) -> Result<Self, TableError> {
        file.expect_kind(kind)?;
        let text = file.required("shape")?;
        let shape: Option<Vec<usize>> = text.split(',').map(|part| part.parse().ok()).collect();
        let Some(shape) = shape.filter(|shape| list_size(shape).is_some()) else {
            return Err(TableError::Malformed(format!("`{text}` is not a shape")));
        };
        Ok(Self { column, shape, rows: Lazy::open(file)? })
    }

    /// Returns the shape of each row.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the number of rows.
    pub(crate) const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the utterance of a row.
    pub(crate) fn utterance(&self, index: usize) -> Result<&str, TableError> {
        let (batch, row) = self.row(index)?;
        Ok(batch.utterances.value(row))
    }

    /// Returns the copy number of a row.
    pub(crate) fn copy(&self, index: usize) -> Result<i32, TableError> {
        let (batch, row) = self.row(index)?;
        Ok(batch.copies.value(row))
    }

    /// Returns the values of a row.
    pub(crate) fn values(&self, index: usize) -> Result<&[T::Native], TableError> {
        let (batch, row) = self.row(index)?;
        Ok(&batch.values.values()[row * batch.size..][..batch.size])
    }

    fn row(&self, index: usize) -> Result<(&Batch<T>, usize), TableError> {
        self.rows.row(index, |columns| Batch::decode(columns, self.column, self.shape.iter().product()))
    }
}

impl<T: ArrowPrimitiveType> Batch<T> {
    fn decode(columns: &Columns, column: &str, size: usize) -> Result<Self, TableError> {
        let lists = columns.full::<FixedSizeListArray>(column)?;
        if lists.value_length() as usize != size {
            let found = lists.value_length();
            let why = format!("column `{column}` has {found} values per row, but the shape has {size}");
            return Err(TableError::Malformed(why));
        }
        let values = lists.values().as_any().downcast_ref::<PrimitiveArray<T>>();
        let Some(values) =
            values.filter(|values| values.null_count() == 0 && values.len() >= lists.len() * size)
        else {
            let why = format!("column `{column}` contains values that are not {}", T::DATA_TYPE);
            return Err(TableError::Malformed(why));
        };
        Ok(Self {
            utterances: columns.text("utterance")?.clone(),
            copies: columns.number::<Int32Type>("copy")?.clone(),
            size,
            values: values.clone(),
        })
    }
}

/// Returns the number of values of a shape, or `None` if it is empty or too large for a row.
fn list_size(shape: &[usize]) -> Option<i32> {
    let size = shape.iter().try_fold(1_usize, |size, side| size.checked_mul(*side))?;
    i32::try_from(size).ok().filter(|size| *size > 0 && !shape.is_empty())
}

fn item<T: ArrowPrimitiveType>() -> Field {
    required("item", T::DATA_TYPE)
}
