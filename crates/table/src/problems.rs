//! `problems`: the defects found in a corpus.

use std::path::Path;
use std::sync::Arc;

use affekt_domain::Problem;
use arrow_array::BooleanArray;
use arrow_schema::DataType;

use crate::columns::{read_rows, required, texts};
use crate::writer::{schema, write_rows};
use crate::{TableError, TableFile};

/// The kind of these tables.
pub const KIND: &str = "problems";

/// Writes a list of problems to the file `path`.
///
/// # Errors
/// Fails if the file cannot be written.
pub fn write(path: &Path, problems: &[Problem]) -> Result<(), TableError> {
    let fields = vec![
        required("corpus", DataType::Utf8),
        required("path", DataType::Utf8),
        required("kind", DataType::Utf8),
        required("message", DataType::Utf8),
        required("dropped", DataType::Boolean),
    ];
    write_rows(path, &schema(KIND, fields, &[]), problems, |rows| {
        Ok(vec![
            texts(rows.iter().map(|row| row.corpus.as_str())),
            texts(rows.iter().map(|row| row.path.as_str())),
            texts(rows.iter().map(|row| row.kind.as_str())),
            texts(rows.iter().map(|row| row.message.as_str())),
            Arc::new(BooleanArray::from_iter(rows.iter().map(|row| Some(row.dropped)))),
        ])
    })
}

/// Reads a list of problems.
///
/// # Errors
/// Fails if the table is of another kind or damaged.
pub fn read(file: &TableFile) -> Result<Vec<Problem>, TableError> {
    read_rows(file, KIND, |columns| {
        let corpus = columns.text("corpus")?;
        let path = columns.text("path")?;
        let kind = columns.text("kind")?;
        let message = columns.text("message")?;
        let dropped = columns.flag("dropped")?;
        let problem = |row| Problem {
            corpus: corpus.value(row).to_owned(),
            path: path.value(row).to_owned(),
            kind: kind.value(row).to_owned(),
            message: message.value(row).to_owned(),
            dropped: dropped.value(row),
        };
        Ok(columns.rows().map(problem).collect())
    })
}
