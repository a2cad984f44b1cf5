//! Applies a trained network to a part.

use affekt_features::Standardiser;
use affekt_models::{InputShape, Network};

use crate::batches::{Loader, batches_ahead};
use crate::check::{check_lengths, check_standardiser};
use crate::step::is_out_of_memory;
use crate::supervised::Forward;
use crate::validation::EvaluationProgress;
use crate::{Batching, Part, PartRole, TrainConfig, TrainError};

/// How much is predicted at once. What is predicted does not depend on it, but for rounding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchLimit {
    /// Rows at the most.
    pub rows: usize,
    /// Seconds of waveforms at the most, padding counted; a longer one comes alone.
    pub seconds: f64,
}

impl BatchLimit {
    /// Returns a limit of so many rows, and of waveforms 160 seconds: 16 clips of ten.
    #[must_use]
    pub const fn rows(rows: usize) -> Self {
        Self { rows, seconds: 160.0 }
    }

    /// Returns the limit of the dev part in a training.
    pub(crate) fn of_training(config: &TrainConfig) -> Self {
        let limit = Self::rows(config.optimisation.batch_size);
        match config.optimisation.batching {
            Batching::Bucketed { seconds: Some(seconds), .. } => Self { seconds, ..limit },
            _ => limit,
        }
    }
}

/// Returns the outputs of every row of a part, in the order of [`Part::rows`]: logits of classes, or values. A row's do not depend
/// on the rows beside it, but for rounding. Where memory is used up by a batch, its halves are tried. `progress` hears after each
/// batch how many are done and how many there are.
///
/// # Errors
/// When the examples do not fit the network, or libtorch refuses.
pub fn predict<R: PartRole>(
    network: &Network,
    part: &Part<R>,
    standardiser: Option<&Standardiser>,
    limit: BatchLimit,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Vec<f32>>, TrainError> {
    let progress = &mut |done, total| {
        progress(done, total);
        Ok(())
    };
    predict_with(&Network::forward_t, network, part, standardiser, limit, progress)
}

/// Does the same with the network applied by `forward`.
pub fn predict_with<R: PartRole>(
    forward: &Forward,
    network: &Network,
    part: &Part<R>,
    standardiser: Option<&Standardiser>,
    limit: BatchLimit,
    progress: &mut EvaluationProgress,
) -> Result<Vec<Vec<f32>>, TrainError> {
    let dataset = part.dataset();
    if dataset.input() != network.input() {
        return Err(TrainError::Shape { examples: dataset.input(), network: network.input() });
    }
    check_lengths(part, network)?;
    check_standardiser(dataset, standardiser)?;
    let _guard = tch::no_grad_guard();
    let device = network.device();
    let loader = Loader { dataset, standardiser, window: None, augmentation: None, device };
    let mut outputs = vec![Vec::new(); dataset.len()];
    let batches = batches(part, limit);
    let mut done = 0;
    batches_ahead(
        batches.iter().cloned().enumerate(),
        |_, rows| loader.inputs(rows),
        |rows, inputs| {
            let of_rows = match forward(network, &inputs, false) {
                Ok(of_rows) => Vec::<Vec<f32>>::try_from(of_rows)?,
                Err(error) => halves(forward, network, &loader, rows, error.into())?,
            };
            for (&row, of_row) in rows.iter().zip(of_rows) {
                outputs[row] = of_row;
            }
            done += 1;
            progress(done, batches.len())
        },
    )?;
    Ok(part.rows().iter().map(|&row| std::mem::take(&mut outputs[row])).collect())
}

/// Applies a network to rows for which memory was used up: half of them, then the others.
fn halves(
    forward: &Forward,
    network: &Network,
    loader: &Loader,
    rows: &[usize],
    error: TrainError,
) -> Result<Vec<Vec<f32>>, TrainError> {
    if rows.len() < 2 || !is_out_of_memory(&error) {
        return Err(error);
    }
    let mut outputs = Vec::new();
    for half in rows.chunks(rows.len().div_ceil(2)) {
        outputs.extend(match forward(network, &loader.inputs(half)?, false) {
            Ok(of_half) => Vec::<Vec<f32>>::try_from(of_half)?,
            Err(error) => halves(forward, network, loader, half, error.into())?,
        });
    }
    Ok(outputs)
}

/// Divides the rows of a part into batches: features and pictures in order, waveforms by length, so that little is padding, the
/// longest first, so that memory is used up at once or never.
fn batches<R: PartRole>(part: &Part<R>, limit: BatchLimit) -> Vec<Vec<usize>> {
    let (dataset, most) = (part.dataset(), limit.rows.max(1));
    if dataset.input() != InputShape::Waveforms {
        return part.rows().chunks(most).map(<[usize]>::to_vec).collect();
    }
    let samples = (limit.seconds * f64::from(dataset.rate_hz().unwrap_or(0))) as usize;
    let mut rows: Vec<(usize, usize)> =
        part.rows().iter().map(|&row| (dataset.values(row).len(), row)).collect();
    rows.sort_by_key(|&(length, row)| (std::cmp::Reverse(length), row));
    let mut batches = Vec::new();
    let mut left = rows.as_slice();
    while let Some(&(longest, _)) = left.first() {
        let count = (samples / longest.max(1)).clamp(1, most).min(left.len());
        let (batch, rest) = left.split_at(count);
        batches.push(batch.iter().map(|&(_, row)| row).collect());
        left = rest;
    }
    batches
}
