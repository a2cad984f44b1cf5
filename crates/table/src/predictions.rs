//! `predictions`: what trained networks say about the utterances of their dev and test parts.

use std::path::Path;
use std::sync::Arc;

use affekt_domain::{Prediction, Sex};
use arrow_array::types::{Float32Type, Int32Type, UInt64Type};
use arrow_array::{Array, Float32Array, ListArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};

use crate::columns::{
    fold, fold_number, json_list, numbers, optional, optional_texts, read_rows, required, role, sex, texts,
};
use crate::writer::{schema, write_rows};
use crate::{TableError, TableFile};

/// The kind of these tables.
pub const KIND: &str = "predictions";

/// Predictions, and the order of their scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// The classes, in the order of [`Prediction::scores`].
    pub classes: Vec<String>,
    /// The predictions.
    pub rows: Vec<Prediction>,
}

/// Writes predictions to the file `path`.
///
/// # Errors
/// When a row has not one score a class, or the file cannot be written.
pub fn write(path: &Path, predictions: &Predictions) -> Result<(), TableError> {
    let fields = vec![
        required("variant", DataType::Utf8),
        required("utterance", DataType::Utf8),
        required("corpus", DataType::Utf8),
        required("speaker", DataType::Utf8),
        optional("session", DataType::Utf8),
        optional("sex", DataType::Utf8),
        required("fold", DataType::Int32),
        required("seed", DataType::UInt64),
        required("role", DataType::Utf8),
        required("label", DataType::Utf8),
        required("predicted", DataType::Utf8),
        required("scores", DataType::List(Arc::new(item()))),
    ];
    let metadata = [("classes", json_list(&predictions.classes))];
    check_scores(predictions).map_err(TableError::Unwritable)?;
    write_rows(path, &schema(KIND, fields, &metadata), &predictions.rows, |rows| {
        let folds: Vec<i32> = rows.iter().map(|row| fold_number(row.fold)).collect::<Result<_, _>>()?;
        let lengths = std::iter::repeat_n(predictions.classes.len(), rows.len());
        let scores: Float32Array =
            rows.iter().flat_map(|row| &row.scores).map(|score| Some(*score)).collect();
        let scores =
            ListArray::new(Arc::new(item()), OffsetBuffer::from_lengths(lengths), Arc::new(scores), None);
        Ok(vec![
            texts(rows.iter().map(|row| row.variant.as_str())),
            texts(rows.iter().map(|row| row.utterance.as_str())),
            texts(rows.iter().map(|row| row.corpus.as_str())),
            texts(rows.iter().map(|row| row.speaker.as_str())),
            optional_texts(rows.iter().map(|row| row.session.as_deref())),
            optional_texts(rows.iter().map(|row| row.sex.map(Sex::name))),
            numbers::<Int32Type>(folds.into_iter()),
            numbers::<UInt64Type>(rows.iter().map(|row| row.seed)),
            texts(rows.iter().map(|row| row.role.name())),
            texts(rows.iter().map(|row| row.label.as_str())),
            texts(rows.iter().map(|row| row.predicted.as_str())),
            Arc::new(scores),
        ])
    })
}

/// Reads predictions.
///
/// # Errors
/// When it is no table of predictions, or damaged.
pub fn read(file: &TableFile) -> Result<Predictions, TableError> {
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
        let labels = columns.text("label")?;
        let predicted = columns.text("predicted")?;
        let scores = columns.full::<ListArray>("scores")?;
        let row = |row| {
            Ok(Prediction {
                variant: variants.value(row).to_owned(),
                utterance: utterances.value(row).to_owned(),
                corpus: corpora.value(row).to_owned(),
                speaker: speakers.value(row).to_owned(),
                session: sessions.owned(row),
                sex: sex(sexes.value(row))?,
                fold: fold(folds.value(row))?,
                seed: seeds.value(row),
                role: role(roles.value(row))?,
                label: labels.value(row).to_owned(),
                predicted: predicted.value(row).to_owned(),
                scores: floats(&scores.value(row))?,
            })
        };
        columns.rows().map(row).collect()
    })?;
    let predictions = Predictions { classes: file.required_json("classes")?, rows };
    check_scores(&predictions).map_err(TableError::Malformed)?;
    Ok(predictions)
}

fn check_scores(predictions: &Predictions) -> Result<(), String> {
    let classes = predictions.classes.len();
    match predictions.rows.iter().find(|row| row.scores.len() != classes) {
        None => Ok(()),
        Some(row) => {
            Err(format!("`{}` has {} scores for {classes} classes", row.utterance, row.scores.len()))
        }
    }
}

fn floats(values: &dyn Array) -> Result<Vec<f32>, TableError> {
    let floats = values.as_any().downcast_ref::<arrow_array::PrimitiveArray<Float32Type>>();
    match floats {
        Some(floats) if floats.null_count() == 0 => Ok(floats.values().to_vec()),
        _ => Err(TableError::Malformed("column `scores` does not hold f32 throughout".into())),
    }
}

fn item() -> Field {
    required("item", DataType::Float32)
}
