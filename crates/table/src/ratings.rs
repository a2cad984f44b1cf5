//! `ratings`: the judgements of single raters.

use std::path::Path;
use std::sync::Arc;

use affekt_domain::Rating;
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray};
use arrow_schema::{DataType, Field};

use crate::columns::{optional, optional_texts, read_rows, required, texts};
use crate::writer::{schema, write_rows};
use crate::{TableError, TableFile, stated};

/// The kind of these tables.
pub const KIND: &str = "ratings";

/// Writes ratings to the file `path`.
///
/// # Errors
/// Fails if the file cannot be written.
pub fn write(path: &Path, ratings: &[Rating]) -> Result<(), TableError> {
    let fields = vec![
        required("utterance", DataType::Utf8),
        required("rater", DataType::Utf8),
        required("labels", DataType::List(Arc::new(label()))),
        stated::field(),
        optional("comment", DataType::Utf8),
    ];
    let names = stated::names(ratings.iter().map(|row| &row.values));
    write_rows(path, &schema(KIND, fields, &[stated::metadata(&names)]), ratings, |rows| {
        Ok(vec![
            texts(rows.iter().map(|row| row.utterance.as_str())),
            texts(rows.iter().map(|row| row.rater.as_str())),
            labels(rows),
            stated::column(rows.iter().map(|row| &row.values), &names),
            optional_texts(rows.iter().map(|row| row.comment.as_deref())),
        ])
    })
}

/// Reads ratings.
///
/// # Errors
/// Fails if the table is of another kind or damaged.
pub fn read(file: &TableFile) -> Result<Vec<Rating>, TableError> {
    file.expect_kind(KIND)?;
    let names = stated::read_names(file)?;
    read_rows(file, KIND, |columns| {
        let utterances = columns.text("utterance")?;
        let raters = columns.text("rater")?;
        let labels = columns.full::<ListArray>("labels")?;
        let values = stated::Reader::new(columns, &names)?;
        let comments = columns.optional_text("comment")?;
        let rating = |row| {
            Ok(Rating {
                utterance: utterances.value(row).to_owned(),
                rater: raters.value(row).to_owned(),
                labels: read_labels(labels, row)?,
                values: values.values(row)?,
                comment: comments.owned(row),
            })
        };
        columns.rows().map(rating).collect()
    })
}

/// Returns the field of one of a row's labels.
fn label() -> Field {
    required("item", DataType::Utf8)
}

fn labels(rows: &[Rating]) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(label());
    for row in rows {
        row.labels.iter().for_each(|label| lists.values().append_value(label));
        lists.append(true);
    }
    Arc::new(lists.finish())
}

fn read_labels(lists: &ListArray, row: usize) -> Result<Vec<String>, TableError> {
    let labels = lists.value(row);
    match labels.as_string_opt::<i32>() {
        Some(texts) if texts.null_count() == 0 => Ok(texts.iter().flatten().map(str::to_owned).collect()),
        _ => Err(TableError::Malformed("column `labels` contains values that are not text".into())),
    }
}
