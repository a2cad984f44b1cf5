//! `rows/train`, `rows/dev`, `rows/test`: the examples of one role of one fold.
//!
//! The role is part of the kind, so that test rows cannot be read where train rows are meant.

use std::path::Path;

use affekt_domain::{Role, Sex};
use arrow_schema::DataType;

use crate::columns::{json_list, optional, optional_texts, read_rows, required, sex, texts};
use crate::examples::check_classes;
use crate::writer::{schema, write_rows};
use crate::{TableError, TableFile};

/// The examples of one role of one fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// What they are for.
    pub role: Role,
    /// The fold, from 1.
    pub fold: u32,
    /// The classes, in the order that networks and tables use.
    pub classes: Vec<String>,
    /// The examples.
    pub rows: Vec<Row>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The utterance's id.
    pub utterance: String,
    /// Its class, one of [`Rows::classes`].
    pub class: String,
    /// Its corpus.
    pub corpus: String,
    /// Its speaker.
    pub speaker: String,
    /// Its session, where there are sessions.
    pub session: Option<String>,
    /// Its speaker's sex, where known.
    pub sex: Option<Sex>,
}

/// The kind of the tables for this role.
#[must_use]
pub const fn kind(role: Role) -> &'static str {
    match role {
        Role::Train => "rows/train",
        Role::Dev => "rows/dev",
        Role::Test => "rows/test",
    }
}

/// Writes rows to the file `path`.
///
/// # Errors
/// When a class is not among the classes, or the file cannot be written.
pub fn write(path: &Path, rows: &Rows) -> Result<(), TableError> {
    let fields = vec![
        required("utterance", DataType::Utf8),
        required("class", DataType::Utf8),
        required("corpus", DataType::Utf8),
        required("speaker", DataType::Utf8),
        optional("session", DataType::Utf8),
        optional("sex", DataType::Utf8),
    ];
    let metadata = [
        ("role", rows.role.name().to_owned()),
        ("fold", rows.fold.to_string()),
        ("classes", json_list(&rows.classes)),
    ];
    check_classes(&rows.classes, rows.rows.iter().map(|row| &row.class)).map_err(TableError::Unwritable)?;
    write_rows(path, &schema(kind(rows.role), fields, &metadata), &rows.rows, |rows| {
        Ok(vec![
            texts(rows.iter().map(|row| row.utterance.as_str())),
            texts(rows.iter().map(|row| row.class.as_str())),
            texts(rows.iter().map(|row| row.corpus.as_str())),
            texts(rows.iter().map(|row| row.speaker.as_str())),
            optional_texts(rows.iter().map(|row| row.session.as_deref())),
            optional_texts(rows.iter().map(|row| row.sex.map(Sex::name))),
        ])
    })
}

/// Reads the rows of this role.
///
/// # Errors
/// When they are of another role, no table of rows, or damaged.
pub fn read(file: &TableFile, role: Role) -> Result<Rows, TableError> {
    let rows = read_rows(file, kind(role), |columns| {
        let utterances = columns.text("utterance")?;
        let classes = columns.text("class")?;
        let corpora = columns.text("corpus")?;
        let speakers = columns.text("speaker")?;
        let sessions = columns.optional_text("session")?;
        let sexes = columns.optional_text("sex")?;
        let row = |row| {
            Ok(Row {
                utterance: utterances.value(row).to_owned(),
                class: classes.value(row).to_owned(),
                corpus: corpora.value(row).to_owned(),
                speaker: speakers.value(row).to_owned(),
                session: sessions.owned(row),
                sex: sex(sexes.value(row))?,
            })
        };
        columns.rows().map(row).collect()
    })?;
    let classes: Vec<String> = file.required_json("classes")?;
    check_classes(&classes, rows.iter().map(|row: &Row| &row.class)).map_err(TableError::Malformed)?;
    Ok(Rows { role, fold: file.required_json("fold")?, classes, rows })
}
