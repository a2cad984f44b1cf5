//! `examples`: the utterances of one or more corpora with the targets that a label scheme assigns.

use std::path::Path;

use affekt_domain::{Example, Task};

use crate::columns::read_rows;
use crate::targets::EXAMPLES as COLUMN;
use crate::writer::{schema, write_rows};
use crate::{TableError, TableFile, further, manifest, stated, targets};

/// The kind of these tables.
pub const KIND: &str = "examples";

/// Labelled utterances and the label scheme that was applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    /// The name of the scheme.
    pub scheme: String,
    /// The task.
    pub task: Task,
    /// The scheme's remark for reports.
    pub note: Option<String>,
    /// The utterances with their targets, which fit [`Examples::task`].
    pub examples: Vec<Example>,
}

/// Writes examples to the file `path`.
///
/// # Errors
/// Fails if a target does not fit the task, or if the file cannot be written.
pub fn write(path: &Path, examples: &Examples) -> Result<(), TableError> {
    check(&examples.task, &examples.examples).map_err(TableError::InvalidRows)?;
    let names = stated::names(examples.examples.iter().map(|row| &row.utterance.values));
    let further = further::names(examples.examples.iter().map(|row| &row.utterance.metadata));
    let mut fields = manifest::fields(&further);
    fields.push(targets::field(&examples.task, &COLUMN, true));
    let mut metadata = vec![
        ("scheme", examples.scheme.clone()),
        targets::metadata(&examples.task),
        stated::metadata(&names),
    ];
    metadata.extend(examples.note.clone().map(|note| ("note", note)));
    write_rows(path, &schema(KIND, fields, &metadata), &examples.examples, |rows| {
        let utterances: Vec<_> = rows.iter().map(|row| &row.utterance).collect();
        let mut columns = manifest::columns(&utterances, &names, &further);
        columns.push(targets::column(&examples.task, rows.iter().map(|row| row.target.as_ref())));
        Ok(columns)
    })
}

/// Reads examples.
///
/// # Errors
/// Fails if the table is of another kind or damaged.
pub fn read(file: &TableFile) -> Result<Examples, TableError> {
    file.expect_kind(KIND)?;
    let (task, names) = (targets::task(file)?, stated::read_names(file)?);
    let examples = read_rows(file, KIND, |columns| {
        let targets = targets::Reader::new(columns, &task, &COLUMN)?;
        let utterances = manifest::utterances(columns, &names)?.into_iter();
        let example = |(row, utterance)| Ok(Example { utterance, target: targets.target(row)? });
        utterances.enumerate().map(example).collect()
    })?;
    check(&task, &examples).map_err(TableError::Malformed)?;
    Ok(Examples {
        scheme: file.required("scheme")?.to_owned(),
        task,
        note: file.metadata("note").map(str::to_owned),
        examples,
    })
}

fn check(task: &Task, examples: &[Example]) -> Result<(), String> {
    let rows = examples.iter().map(|row| (row.utterance.id.as_str(), row.target.as_ref()));
    targets::check(task, rows, true)
}
