//! Writing of a table; the same rows give the same bytes.
//!
//! Schema metadata is written sorted by key, nothing is compressed, and every buffer starts at a multiple of 64
//! bytes, so that slices of a mapped file are aligned.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{Field, Metadata, Schema};

use crate::TableError;
use crate::file::{KIND_KEY, VERSION, VERSION_KEY};

/// Rows per record batch of a small table, far below where text offsets overflow.
const ROWS: usize = 1 << 14;

/// Creates the schema of a table.
pub(crate) fn schema(kind: &str, fields: Vec<Field>, metadata: &[(&str, String)]) -> Schema {
    let own = [(KIND_KEY, kind.to_owned()), (VERSION_KEY, VERSION.to_string())];
    let metadata: Metadata = own.iter().chain(metadata).map(|(key, value)| (*key, value.clone())).collect();
    Schema::new_with_metadata(fields, metadata)
}

/// Writes a small table at once.
pub(crate) fn write_rows<T>(
    path: &Path,
    schema: &Schema,
    rows: &[T],
    columns: impl Fn(&[T]) -> Result<Vec<ArrayRef>, TableError>,
) -> Result<(), TableError> {
    let mut writer = Writer::create(path, schema)?;
    for rows in rows.chunks(ROWS) {
        writer.push(columns(rows)?)?;
    }
    writer.finish()
}

/// A table being written, one record batch at a time.
pub(crate) struct Writer {
    path: PathBuf,
    file: FileWriter<BufWriter<File>>,
}

impl Writer {
    pub(crate) fn create(path: &Path, schema: &Schema) -> Result<Self, TableError> {
        let file = File::create(path).map_err(TableError::io(path))?;
        let file = FileWriter::try_new_buffered(file, schema).map_err(TableError::writing(path))?;
        Ok(Self { path: path.to_owned(), file })
    }

    pub(crate) fn push(&mut self, columns: Vec<ArrayRef>) -> Result<(), TableError> {
        let schema = Arc::clone(self.file.schema());
        RecordBatch::try_new(schema, columns)
            .and_then(|batch| self.file.write(&batch))
            .map_err(TableError::writing(&self.path))
    }

    /// Writes the footer, without which the file is incomplete.
    pub(crate) fn finish(mut self) -> Result<(), TableError> {
        self.file.finish().map_err(TableError::writing(&self.path))
    }
}
