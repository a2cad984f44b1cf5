//! Random access to the rows of a large table; each record batch is verified and decoded once, when first needed.

use std::sync::OnceLock;

use crate::columns::Columns;
use crate::{TableError, TableFile};

/// Rows per record batch of a large table: a few MiB of audio or features.
pub(crate) const BATCH_ROWS: usize = 32;

/// The metadata key of the number of rows per record batch.
pub(crate) const BATCH_ROWS_KEY: &str = "affekt.batch_rows";

/// A large table whose record batches decode to `T`.
#[derive(Debug)]
pub(crate) struct Lazy<T> {
    file: TableFile,
    per_batch: usize,
    len: usize,
    batches: Vec<OnceLock<T>>,
}

impl<T> Lazy<T> {
    pub(crate) fn open(file: TableFile) -> Result<Self, TableError> {
        let per_batch: usize = file.required_json(BATCH_ROWS_KEY)?;
        let last = file.batch_count().checked_sub(1);
        let rest = last.map_or(Ok(0), |last| file.batch_rows(last))?;
        let len = last.unwrap_or(0).checked_mul(per_batch).and_then(|len| len.checked_add(rest));
        let Some(len) = len.filter(|_| per_batch > 0 && rest <= per_batch) else {
            return Err(TableError::Malformed(format!("{rest} rows per record batch")));
        };
        let batches = std::iter::repeat_with(OnceLock::new).take(file.batch_count()).collect();
        Ok(Self { file, per_batch, len, batches })
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Returns the record batch that holds `row`, and the row's index within it. Panics if there is no such row.
    pub(crate) fn row(
        &self,
        row: usize,
        decode: impl FnOnce(&Columns) -> Result<T, TableError>,
    ) -> Result<(&T, usize), TableError> {
        assert!(row < self.len, "row {row} of a table with {} rows", self.len);
        let (index, within) = (row / self.per_batch, row % self.per_batch);
        if let Some(batch) = self.batches[index].get() {
            return Ok((batch, within));
        }
        let batch = self.file.batch(index)?;
        let expected = self.per_batch.min(self.len - index * self.per_batch);
        if batch.num_rows() != expected {
            let found = batch.num_rows();
            let why = format!("record batch {index} has {found} rows, expected {expected}");
            return Err(TableError::Malformed(why));
        }
        let decoded = decode(&Columns(&batch))?;
        // Another thread may have been faster: its batch is equal.
        Ok((self.batches[index].get_or_init(|| decoded), within))
    }
}
