//! Bringing features to zero mean and unit deviation.

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::{TrainError, TrainingPart};

/// `(value − mean) / std`, with one pair for everything or one for each band.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standardise {
    /// The means.
    pub mean: Vec<f32>,
    /// The deviations, none of them zero.
    pub std: Vec<f32>,
}

/// What gets its own mean and deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StandardisePer {
    /// All values together.
    Global,
    /// Every band.
    Band,
}

impl Standardise {
    /// Mean and population deviation of the training rows; of a band that never changes, the mean alone.
    ///
    /// # Errors
    /// When the part is empty or a row has another number of values than the shape says.
    pub fn fit(part: &TrainingPart, per: StandardisePer) -> Result<Self, TrainError> {
        let examples = part.examples();
        let [bands, frames] = examples.shape();
        if part.rows().is_empty() {
            return Err(TrainError::Empty(affekt_domain::Role::Train));
        }
        // Two passes in f64: one pass loses the deviation of values far from zero.
        let groups = if per == StandardisePer::Band { bands } else { 1 };
        let sums = |term: &dyn Fn(usize, f64) -> f64| -> Result<Vec<f64>, TrainError> {
            let mut sums = vec![0.0; groups];
            for &row in part.rows() {
                let values = checked(examples.frames(row), row, bands * frames)?;
                for (band, values) in values.chunks_exact(frames).enumerate() {
                    let group = band % groups;
                    sums[group] += values.iter().map(|&value| term(group, f64::from(value))).sum::<f64>();
                }
            }
            Ok(sums)
        };
        let count = (part.rows().len() * bands * frames / groups) as f64;
        let mean: Vec<f64> = sums(&|_, value| value)?.iter().map(|sum| sum / count).collect();
        let squares = sums(&|group, value| (value - mean[group]).powi(2))?;
        let std =
            squares.iter().map(|sum| (sum / count).sqrt() as f32).map(|s| if s > 0.0 { s } else { 1.0 });
        Ok(Self { std: std.collect(), mean: mean.iter().map(|&mean| mean as f32).collect() })
    }

    /// Both as tensors `[bands or 1, 1]`, which spread over `[batch, bands, frames]`.
    pub(crate) fn tensors(&self, bands: usize, device: Device) -> Result<(Tensor, Tensor), TrainError> {
        let (means, deviations) = (self.mean.len(), self.std.len());
        if means != deviations || (means != 1 && means != bands) {
            return Err(TrainError::Standardise { means, deviations, bands });
        }
        let tensor = |values: &[f32]| Tensor::f_from_slice(values)?.f_unsqueeze(1)?.f_to_device(device);
        Ok((tensor(&self.mean)?, tensor(&self.std)?))
    }
}

/// The values of a row, if there are as many as there must be.
pub(crate) fn checked(values: &[f32], row: usize, expected: usize) -> Result<&[f32], TrainError> {
    if values.len() == expected {
        Ok(values)
    } else {
        Err(TrainError::Frames { row, found: values.len(), expected })
    }
}
