//! `history`: the figures of one training run, one row per epoch.

use std::path::Path;
use std::sync::Arc;

use affekt_domain::{Epoch, Stage};
use arrow_array::types::{Float64Type, UInt32Type};
use arrow_array::{Array, BooleanArray, Float64Array};
use arrow_schema::DataType;

use crate::columns::{json_list, numbers, optional, read_rows, required, texts};
use crate::writer::{schema, write_rows};
use crate::{TableError, TableFile};

/// The kind of these tables.
pub const KIND: &str = "history";

/// The metadata that lists convolutions which were not computed in half precision as asked for. Left out where there are
/// none.
const FP32_CONVOLUTIONS_KEY: &str = "fp32_convolutions";

/// The column that histories of earlier programs do not have.
const TRAIN_ACCURACY: &str = "train_accuracy";

/// Writes a history to the file `path`, and which convolutions were computed in f32 because their kernels in half
/// precision are wrong.
///
/// # Errors
/// Fails if the file cannot be written.
pub fn write(path: &Path, epochs: &[Epoch], fp32_convolutions: &[String]) -> Result<(), TableError> {
    let fields = vec![
        required("stage", DataType::Utf8),
        required("epoch", DataType::UInt32),
        required("learning_rate", DataType::Float64),
        required("train_loss", DataType::Float64),
        optional(TRAIN_ACCURACY, DataType::Float64),
        optional("dev_loss", DataType::Float64),
        optional("dev_accuracy", DataType::Float64),
        optional("dev_uar", DataType::Float64),
        optional("dev_ccc", DataType::Float64),
        required("kept", DataType::Boolean),
    ];
    let metadata = [(FP32_CONVOLUTIONS_KEY, json_list(fp32_convolutions))];
    let metadata = if fp32_convolutions.is_empty() { &[][..] } else { &metadata };
    write_rows(path, &schema(KIND, fields, metadata), epochs, |rows| {
        Ok(vec![
            texts(rows.iter().map(|row| row.stage.name())),
            numbers::<UInt32Type>(rows.iter().map(|row| row.number)),
            numbers::<Float64Type>(rows.iter().map(|row| row.learning_rate)),
            numbers::<Float64Type>(rows.iter().map(|row| row.train_loss)),
            Arc::new(rows.iter().map(|row| row.train_accuracy).collect::<Float64Array>()),
            Arc::new(rows.iter().map(|row| row.dev_loss).collect::<Float64Array>()),
            Arc::new(rows.iter().map(|row| row.dev_accuracy).collect::<Float64Array>()),
            Arc::new(rows.iter().map(|row| row.dev_uar).collect::<Float64Array>()),
            Arc::new(rows.iter().map(|row| row.dev_ccc).collect::<Float64Array>()),
            Arc::new(BooleanArray::from_iter(rows.iter().map(|row| Some(row.kept)))),
        ])
    })
}

/// Lists the convolutions that a training computed in f32 because their kernels in half precision are wrong.
///
/// # Errors
/// When the list is damaged.
pub fn fp32_convolutions(file: &TableFile) -> Result<Vec<String>, TableError> {
    match file.metadata(FP32_CONVOLUTIONS_KEY) {
        None => Ok(Vec::new()),
        Some(_) => file.required_json(FP32_CONVOLUTIONS_KEY),
    }
}

/// Reads a history.
///
/// # Errors
/// Fails if the table is of another kind or damaged.
pub fn read(file: &TableFile) -> Result<Vec<Epoch>, TableError> {
    read_rows(file, KIND, |columns| {
        let stages = columns.text("stage")?;
        let numbers = columns.number::<UInt32Type>("epoch")?;
        let learning_rates = columns.number::<Float64Type>("learning_rate")?;
        let train_losses = columns.number::<Float64Type>("train_loss")?;
        let train_accuracies = columns.later::<Float64Array>(TRAIN_ACCURACY)?;
        let dev_losses = columns.any::<Float64Array>("dev_loss")?;
        let dev_accuracies = columns.any::<Float64Array>("dev_accuracy")?;
        let dev_uars = columns.any::<Float64Array>("dev_uar")?;
        let dev_cccs = columns.any::<Float64Array>("dev_ccc")?;
        let kept = columns.flag("kept")?;
        let figure = |column: &Float64Array, row| column.is_valid(row).then(|| column.value(row));
        let stage = |name: &str| {
            let unknown = || TableError::Malformed(format!("`{name}` is not a training stage"));
            Stage::from_name(name).ok_or_else(unknown)
        };
        let epoch = |row| {
            Ok(Epoch {
                stage: stage(stages.value(row))?,
                number: numbers.value(row),
                learning_rate: learning_rates.value(row),
                train_loss: train_losses.value(row),
                train_accuracy: train_accuracies.and_then(|column| figure(column, row)),
                dev_loss: figure(dev_losses, row),
                dev_accuracy: figure(dev_accuracies, row),
                dev_uar: figure(dev_uars, row),
                dev_ccc: figure(dev_cccs, row),
                kept: kept.value(row),
            })
        };
        columns.rows().map(epoch).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_of_earlier_programs_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.arrow");
        let figure = |name| optional(name, DataType::Float64);
        let fields = vec![
            required("stage", DataType::Utf8),
            required("epoch", DataType::UInt32),
            figure("learning_rate"),
            figure("train_loss"),
            figure("dev_loss"),
            figure("dev_accuracy"),
            figure("dev_uar"),
            figure("dev_ccc"),
            required("kept", DataType::Boolean),
        ];
        write_rows(&path, &schema(KIND, fields, &[]), &[0.5, 0.25], |losses: &[f64]| {
            let figures = || Arc::new(losses.iter().copied().map(Some).collect::<Float64Array>());
            Ok(vec![
                texts(losses.iter().map(|_| Stage::Search.name())),
                numbers::<UInt32Type>((1..).zip(losses).map(|(number, _)| number)),
                figures(),
                figures(),
                figures(),
                figures(),
                figures(),
                figures(),
                Arc::new(BooleanArray::from_iter(losses.iter().map(|_| Some(false)))),
            ])
        })
        .unwrap();
        let epochs = read(&TableFile::open_path(&path).unwrap()).unwrap();
        let figures: Vec<_> =
            epochs.iter().map(|epoch| (epoch.number, epoch.train_loss, epoch.train_accuracy)).collect();
        assert_eq!(figures, [(1, 0.5, None), (2, 0.25, None)]);
        assert_eq!(epochs[1].dev_ccc, Some(0.25));
    }
}
