//! `rows/train`, `rows/dev`, `rows/test`: the examples of one role of one fold.
//!
//! The role is part of the kind, so that test rows cannot be read where train rows are expected. Only test rows may
//! lack a target, if the corpus withholds the truth of its test part.

use std::path::Path;

use affekt_domain::{Prediction, Role, Sex, Target, Task};
use arrow_schema::DataType;

use crate::columns::{optional, optional_texts, read_rows, required, sex, texts};
use crate::targets::EXAMPLES as COLUMN;
use crate::writer::{schema, write_rows};
use crate::{TableError, TableFile, targets};

/// The examples of one role of one fold, with the task.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitRows {
    /// The role of all rows.
    pub role: Role,
    /// The number of the fold, from 1.
    pub fold: u32,
    /// The task.
    pub task: Task,
    /// The examples.
    pub rows: Vec<SplitRow>,
}

/// One example.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitRow {
    /// The utterance's id.
    pub utterance: String,
    /// The target, which fits [`SplitRows::task`]; `None` only in test rows, if the corpus withholds it.
    pub target: Option<Target>,
    /// The corpus.
    pub corpus: String,
    /// The speaker.
    pub speaker: String,
    /// The recording session, if the corpus has sessions.
    pub session: Option<String>,
    /// The speaker's sex, if known.
    pub sex: Option<Sex>,
    /// The style of speech, if the corpus has several.
    pub style: Option<String>,
}

impl SplitRow {
    /// Returns what a model trained with `seed` says of this row of `fold` and `role`.
    #[must_use]
    pub fn predicted(self, fold: u32, role: Role, seed: u64, outputs: Vec<f32>) -> Prediction {
        Prediction {
            variant: String::new(),
            utterance: self.utterance,
            corpus: self.corpus,
            speaker: self.speaker,
            session: self.session,
            sex: self.sex,
            style: self.style,
            fold,
            seed,
            role,
            truth: self.target,
            outputs,
        }
    }
}

/// Returns the kind of the tables for this role.
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
/// Fails if a target does not fit the task or is missing where it is required, or if the file cannot be written.
pub fn write(path: &Path, rows: &SplitRows) -> Result<(), TableError> {
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
    check(rows.role, &rows.task, &rows.rows).map_err(TableError::InvalidRows)?;
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

/// Reads the rows of a role.
///
/// # Errors
/// Fails if the table is of another role or kind, or damaged.
pub fn read(file: &TableFile, role: Role) -> Result<SplitRows, TableError> {
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
            Ok(SplitRow {
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
    Ok(SplitRows { role, fold: file.required_json("fold")?, task, rows })
}

fn may_lack(role: Role) -> bool {
    role == Role::Test
}

fn check(role: Role, task: &Task, rows: &[SplitRow]) -> Result<(), String> {
    let targets = rows.iter().map(|row| (row.utterance.as_str(), row.target.as_ref()));
    targets::check(task, targets, may_lack(role))
}
