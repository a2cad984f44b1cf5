//! `rows/train`, `rows/dev`, `rows/test`: the examples of one role of one fold.
//!
//! The role is part of the kind, so that test rows cannot be read where train rows are meant. Test rows alone may lack
//! a target, where a corpus keeps the truth of its test part to itself.

use std::path::Path;

use affekt_domain::{Role, Sex, Target, Task};
use arrow_schema::DataType;

use crate::columns::{optional, optional_texts, read_rows, required, sex, texts};
use crate::targets::EXAMPLES as COLUMN;
use crate::writer::{schema, write_rows};
use crate::{TableError, TableFile, targets};

/// The examples of one role of one fold.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// What they are for.
    pub role: Role,
    /// The fold, from 1.
    pub fold: u32,
    /// What is predicted.
    pub task: Task,
    /// The examples.
    pub rows: Vec<Row>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The utterance's id.
    pub utterance: String,
    /// What it is, one of [`Rows::task`]; `None` only of test rows, where the corpus withholds it.
    pub target: Option<Target>,
    /// Its corpus.
    pub corpus: String,
    /// Its speaker.
    pub speaker: String,
    /// Its session, where there are sessions.
    pub session: Option<String>,
    /// Its speaker's sex, where known.
    pub sex: Option<Sex>,
    /// How its speech came about, where the corpus has several ways.
    pub style: Option<String>,
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
/// When a target is none of the task's, or lacks where it must not, or the file cannot be written.
pub fn write(path: &Path, rows: &Rows) -> Result<(), TableError> {
    let fields = vec![
        required("utterance", DataType::Utf8),
        targets::field(&rows.task, &COLUMN, may_lack(rows.role)),
        required("corpus", DataType::Utf8),
        required("speaker", DataType::Utf8),
        optional("session", DataType::Utf8),
        optional("sex", DataType::Utf8),
        optional("style", DataType::Utf8),
    ];
    let metadata = [
        ("role", rows.role.name().to_owned()),
        ("fold", rows.fold.to_string()),
        targets::metadata(&rows.task),
    ];
    check(rows.role, &rows.task, &rows.rows).map_err(TableError::Unwritable)?;
    let task = &rows.task;
    write_rows(path, &schema(kind(rows.role), fields, &metadata), &rows.rows, |rows| {
        Ok(vec![
            texts(rows.iter().map(|row| row.utterance.as_str())),
            targets::column(task, rows.iter().map(|row| row.target.as_ref())),
            texts(rows.iter().map(|row| row.corpus.as_str())),
            texts(rows.iter().map(|row| row.speaker.as_str())),
            optional_texts(rows.iter().map(|row| row.session.as_deref())),
            optional_texts(rows.iter().map(|row| row.sex.map(Sex::name))),
            optional_texts(rows.iter().map(|row| row.style.as_deref())),
        ])
    })
}

/// Reads the rows of this role.
///
/// # Errors
/// When they are of another role, no table of rows, or damaged.
pub fn read(file: &TableFile, role: Role) -> Result<Rows, TableError> {
    file.expect_kind(kind(role))?;
    let task = targets::task(file)?;
    let rows = read_rows(file, kind(role), |columns| {
        let utterances = columns.text("utterance")?;
        let targets = targets::Reader::new(columns, &task, &COLUMN)?;
        let corpora = columns.text("corpus")?;
        let speakers = columns.text("speaker")?;
        let sessions = columns.optional_text("session")?;
        let sexes = columns.optional_text("sex")?;
        let styles = columns.optional_text("style")?;
        let row = |row| {
            Ok(Row {
                utterance: utterances.value(row).to_owned(),
                target: targets.target(row)?,
                corpus: corpora.value(row).to_owned(),
                speaker: speakers.value(row).to_owned(),
                session: sessions.owned(row),
                sex: sex(sexes.value(row))?,
                style: styles.owned(row),
            })
        };
        columns.rows().map(row).collect()
    })?;
    check(role, &task, &rows).map_err(TableError::Malformed)?;
    Ok(Rows { role, fold: file.required_json("fold")?, task, rows })
}

fn may_lack(role: Role) -> bool {
    role == Role::Test
}

fn check(role: Role, task: &Task, rows: &[Row]) -> Result<(), String> {
    let targets = rows.iter().map(|row| (row.utterance.as_str(), row.target.as_ref()));
    targets::check(task, targets, may_lack(role))
}
