//! `folds`: the train, dev and test parts of every fold of a protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use affekt_domain::{Fold, Role};
use arrow_array::types::Int32Type;
use arrow_schema::DataType;

use crate::columns::{self, fold, fold_number, json_list, read_rows, required, role, texts};
use crate::writer::{schema, write_rows};
use crate::{TableError, TableFile};

/// The kind of these tables.
pub const KIND: &str = "folds";

/// The folds of a protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folds {
    /// The protocol that created them, as JSON.
    pub protocol: String,
    /// Remarks that every table of results must show about them: `speakers shared`.
    pub stamps: Vec<String>,
    /// The folds, ordered by number; empty folds are not stored.
    pub folds: Vec<Fold>,
}

/// Writes folds to the file `path`.
///
/// # Errors
/// Fails if the file cannot be written.
pub fn write(path: &Path, folds: &Folds) -> Result<(), TableError> {
    let fields = vec![
        required("fold", DataType::Int32),
        required("utterance", DataType::Utf8),
        required("role", DataType::Utf8),
    ];
    let metadata = [("protocol", folds.protocol.clone()), ("stamps", json_list(&folds.stamps))];
    let mut rows: Vec<(i32, &str, Role)> = Vec::new();
    for fold in &folds.folds {
        let number = fold_number(fold.number())?;
        rows.extend(fold.rows().map(|(utterance, role)| (number, utterance, role)));
    }
    write_rows(path, &schema(KIND, fields, &metadata), &rows, |rows| {
        Ok(vec![
            columns::numbers::<Int32Type>(rows.iter().map(|row| row.0)),
            texts(rows.iter().map(|row| row.1)),
            texts(rows.iter().map(|row| row.2.name())),
        ])
    })
}

/// Returns the numbers of the folds, in order, without reading their rows.
///
/// # Errors
/// Fails if the table is of another kind or damaged.
pub fn numbers(file: &TableFile) -> Result<BTreeSet<u32>, TableError> {
    let of_rows = read_rows(file, KIND, |columns| {
        let folds = columns.number::<Int32Type>("fold")?;
        columns.rows().map(|row| fold(folds.value(row))).collect()
    })?;
    Ok(of_rows.into_iter().collect())
}

/// Reads folds.
///
/// # Errors
/// Fails if the table is of another kind, damaged, or assigns two roles to an utterance in one fold.
pub fn read(file: &TableFile) -> Result<Folds, TableError> {
    let rows = read_rows(file, KIND, |columns| {
        let folds = columns.number::<Int32Type>("fold")?;
        let utterances = columns.text("utterance")?;
        let roles = columns.text("role")?;
        let row =
            |row| Ok((fold(folds.value(row))?, utterances.value(row).to_owned(), role(roles.value(row))?));
        columns.rows().map(row).collect()
    })?;
    let mut folds: BTreeMap<u32, Vec<(String, Role)>> = BTreeMap::new();
    for (number, utterance, role) in rows {
        folds.entry(number).or_default().push((utterance, role));
    }
    let folds = folds.into_iter().map(|(number, rows)| Fold::new(number, rows));
    Ok(Folds {
        protocol: file.required("protocol")?.to_owned(),
        stamps: file.required_json("stamps")?,
        folds: folds.collect::<Result<_, _>>().map_err(|error| TableError::Malformed(error.to_string()))?,
    })
}
