//! `predictions`: the predictions of trained networks on their dev and test parts.

use std::path::Path;

use affekt_domain::{Prediction, Sex, Task};
use arrow_array::types::{Int32Type, UInt64Type};
use arrow_schema::DataType;

use crate::columns::{
    Columns, floats, fold, fold_number, lists, numbers, optional, optional_texts, read_rows, required, role,
    sex, texts,
};
use crate::targets::PREDICTIONS as TRUTH;
use crate::writer::{schema, write_rows};
use crate::{TableError, TableFile, targets};

/// The kind of these tables.
pub const KIND: &str = "predictions";

/// Predictions with the names of their outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// The task, whose names are in the order of [`Prediction::outputs`].
    pub task: Task,
    /// The predictions.
    pub rows: Vec<Prediction>,
}

/// Writes predictions to the file `path`.
///
/// # Errors
/// Fails if a row has another number of outputs than the task or a truth that does not fit it, or if the file cannot be
/// written.
pub fn write(path: &Path, predictions: &Predictions) -> Result<(), TableError> {
    let Predictions { task, rows } = predictions;
    check(task, rows).map_err(TableError::InvalidRows)?;
    let mut fields = vec![
        required("variant", DataType::Utf8),
        required("utterance", DataType::Utf8),
        required("corpus", DataType::Utf8),
        required("speaker", DataType::Utf8),
        optional("session", DataType::Utf8),
        optional("sex", DataType::Utf8),
        required("fold", DataType::Int32),
        required("seed", DataType::UInt64),
        required("role", DataType::Utf8),
        targets::field(task, &TRUTH, true),
    ];
    fields.extend(task.classes().map(|_| required("predicted", DataType::Utf8)));
    fields.extend([required(outputs(task), floats()), optional("style", DataType::Utf8)]);
    write_rows(path, &schema(KIND, fields, &[targets::metadata(task)]), rows, |rows| {
        let folds: Vec<i32> = rows.iter().map(|row| fold_number(row.fold)).collect::<Result<_, _>>()?;
        let predicted = || rows.iter().filter_map(|row| task.predicted(&row.outputs));
        let mut columns = vec![
            texts(rows.iter().map(|row| row.variant.as_str())),
            texts(rows.iter().map(|row| row.utterance.as_str())),
            texts(rows.iter().map(|row| row.corpus.as_str())),
            texts(rows.iter().map(|row| row.speaker.as_str())),
            optional_texts(rows.iter().map(|row| row.session.as_deref())),
            optional_texts(rows.iter().map(|row| row.sex.map(Sex::name))),
            numbers::<Int32Type>(folds.into_iter()),
            numbers::<UInt64Type>(rows.iter().map(|row| row.seed)),
            texts(rows.iter().map(|row| row.role.name())),
            targets::column(task, rows.iter().map(|row| row.truth.as_ref())),
        ];
        columns.extend(task.classes().map(|_| texts(predicted())));
        columns.push(lists(rows.iter().map(|row| Some(row.outputs.as_slice()))));
        columns.push(optional_texts(rows.iter().map(|row| row.style.as_deref())));
        Ok(columns)
    })
}

/// Reads predictions.
///
/// # Errors
/// Fails if the table is of another kind or damaged, or if a stored `predicted` is not the class with the highest
/// score.
pub fn read(file: &TableFile) -> Result<Predictions, TableError> {
    file.expect_kind(KIND)?;
    let task = targets::task(file)?;
    let rows = read_rows(file, KIND, |columns| {
        let variants = columns.text("variant")?;
        let utterances = columns.text("utterance")?;
        let corpora = columns.text("corpus")?;
        let speakers = columns.text("speaker")?;
        let sessions = columns.optional_text("session")?;
        let sexes = columns.optional_text("sex")?;
        let folds = columns.number::<Int32Type>("fold")?;
        let seeds = columns.number::<UInt64Type>("seed")?;
        let roles = columns.text("role")?;
        let truths = targets::Reader::new(columns, &task, &TRUTH)?;
        let outputs = columns.optional_list(outputs(&task))?;
        let styles = columns.optional_text("style")?;
        let row = |row| {
            Ok(Prediction {
                variant: variants.value(row).to_owned(),
                utterance: utterances.value(row).to_owned(),
                corpus: corpora.value(row).to_owned(),
                speaker: speakers.value(row).to_owned(),
                session: sessions.owned(row),
                sex: sex(sexes.value(row))?,
                style: styles.owned(row),
                fold: fold(folds.value(row))?,
                seed: seeds.value(row),
                role: role(roles.value(row))?,
                truth: truths.target(row)?,
                outputs: outputs.required(row)?,
            })
        };
        let rows = columns.rows().map(row).collect::<Result<Vec<_>, TableError>>()?;
        check_predicted(columns, &task, &rows)?;
        Ok(rows)
    })?;
    check(&task, &rows).map_err(TableError::Malformed)?;
    Ok(Predictions { task, rows })
}

/// Returns the name of the column of the network's outputs.
fn outputs(task: &Task) -> &'static str {
    match task {
        Task::Classes(_) => "scores",
        Task::Outputs(_) => "outputs",
    }
}

/// Checks the column `predicted`, which is stored for other readers, against the scores it is derived from.
fn check_predicted(columns: &Columns, task: &Task, rows: &[Prediction]) -> Result<(), TableError> {
    if task.classes().is_none() {
        return Ok(());
    }
    let predicted = columns.text("predicted")?;
    let wrong = rows.iter().enumerate().find(|(index, row)| {
        task.predicted(&row.outputs).is_some_and(|derived| derived != predicted.value(*index))
    });
    wrong.map_or(Ok(()), |(index, row)| {
        let (utterance, named) = (&row.utterance, predicted.value(index));
        let why = format!("`{utterance}`: `predicted` is `{named}`, not the class with the highest score");
        Err(TableError::Malformed(why))
    })
}

fn check(task: &Task, rows: &[Prediction]) -> Result<(), String> {
    let names = task.names().len();
    if let Some(row) = rows.iter().find(|row| row.outputs.len() != names) {
        let (utterance, found, sort) = (&row.utterance, row.outputs.len(), task_names(task));
        return Err(format!("`{utterance}` has {found} {} for {names} {sort}", outputs(task)));
    }
    if let Some((row, output)) =
        rows.iter().find_map(|row| Some((row, row.outputs.iter().find(|x| !x.is_finite())?)))
    {
        return Err(format!(
            "what the network says of `{}` is {output}, which is no figure: look at its audio, or train with a smaller `lr`",
            row.utterance
        ));
    }
    targets::check(task, rows.iter().map(|row| (row.utterance.as_str(), row.truth.as_ref())), true)
}

fn task_names(task: &Task) -> &'static str {
    match task {
        Task::Classes(_) => "classes",
        Task::Outputs(_) => "names",
    }
}
