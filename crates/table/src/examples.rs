//! `examples`: the utterances of one or more corpora that a label scheme gave a class.

use std::path::Path;

use affekt_domain::Example;
use arrow_schema::DataType;

use crate::columns::{json_list, read_rows, required, texts};
use crate::writer::{schema, write_rows};
use crate::{TableError, TableFile, manifest};

/// The kind of these tables.
pub const KIND: &str = "examples";

/// Labelled utterances, and the scheme that labelled them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examples {
    /// The scheme's name.
    pub scheme: String,
    /// Its classes, in the order that networks and tables use.
    pub classes: Vec<String>,
    /// Its remark for reports.
    pub note: Option<String>,
    /// The utterances and their classes, each one of [`Examples::classes`].
    pub examples: Vec<Example>,
}

/// Writes examples to the file `path`.
///
/// # Errors
/// When a class is not among the classes, or the file cannot be written.
pub fn write(path: &Path, examples: &Examples) -> Result<(), TableError> {
    let mut fields = manifest::fields();
    fields.push(required("class", DataType::Utf8));
    let mut metadata = vec![("scheme", examples.scheme.clone()), ("classes", json_list(&examples.classes))];
    metadata.extend(examples.note.clone().map(|note| ("note", note)));
    check_classes(&examples.classes, examples.examples.iter().map(|row| &row.class))
        .map_err(TableError::Unwritable)?;
    write_rows(path, &schema(KIND, fields, &metadata), &examples.examples, |rows| {
        let mut columns = manifest::columns(&rows.iter().map(|row| &row.utterance).collect::<Vec<_>>());
        columns.push(texts(rows.iter().map(|row| row.class.as_str())));
        Ok(columns)
    })
}

/// Reads examples.
///
/// # Errors
/// When it is no table of examples, or damaged.
pub fn read(file: &TableFile) -> Result<Examples, TableError> {
    let examples = read_rows(file, KIND, |columns| {
        let classes = columns.text("class")?;
        let utterances = manifest::utterances(columns)?.into_iter();
        let example = |(row, utterance)| Example { utterance, class: classes.value(row).to_owned() };
        Ok(utterances.enumerate().map(example).collect())
    })?;
    let classes: Vec<String> = file.required_json("classes")?;
    check_classes(&classes, examples.iter().map(|row| &row.class)).map_err(TableError::Malformed)?;
    Ok(Examples {
        scheme: file.required("scheme")?.to_owned(),
        classes,
        note: file.metadata("note").map(str::to_owned),
        examples,
    })
}

/// Names the first class that is not among `classes`.
pub(crate) fn check_classes<'a>(
    classes: &[String],
    mut rows: impl Iterator<Item = &'a String>,
) -> Result<(), String> {
    let stranger = rows.find(|class| !classes.contains(class));
    stranger.map_or(Ok(()), |class| Err(format!("class `{class}` is not one of {}", classes.join(", "))))
}
