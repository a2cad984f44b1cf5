//! Standardisation of features to zero mean and unit standard deviation: over all training values, per band, per
//! speaker and band, or per utterance.
//!
//! Standard deviations are those of the population (divided by n), as in scikit-learn's `StandardScaler`, computed in
//! two passes in f64: a single pass loses the deviation of values far from zero. For constant values the deviation is
//! 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `(value − mean) / std`, in f32.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// The mean.
    pub mean: f32,
    /// The standard deviation, never zero.
    pub std: f32,
}

/// A method of standardisation with its fitted statistics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Standardiser {
    /// Nothing is changed.
    None,
    /// One scale for every value.
    Global(Scale),
    /// One scale per band.
    Band {
        /// The scales, in the order of the bands.
        bands: Vec<Scale>,
    },
    /// One scale per speaker and band.
    Speaker {
        /// The scales of each speaker, in the order of the bands.
        speakers: BTreeMap<String, Vec<Scale>>,
    },
    /// The mean and deviation of each utterance's own values; nothing is fitted.
    Utterance,
}

/// An error of standardising features.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StandardiseError {
    /// No rows to fit to.
    #[error("there are no rows to fit to: check the protocol and what the label scheme leaves out")]
    Empty,
    /// A row of another shape.
    #[error("a row has {found} values, expected {expected}: the features are damaged or of another shape")]
    Values {
        /// Number of values.
        found: usize,
        /// Number of bands times number of frames.
        expected: usize,
    },
    /// Statistics that were fitted to other features.
    #[error(
        "statistics of {found} bands cannot be applied to features of {expected}: they were fitted to other features"
    )]
    Bands {
        /// Number of bands of the statistics.
        found: usize,
        /// Number of bands of the features.
        expected: usize,
    },
    /// A speaker without statistics, neither trained on nor enrolled.
    #[error(
        "no statistics of speaker `{speaker}`: standardising by speaker needs recordings of everyone who is heard; \
         give `enrol` the rows that hold this speaker, or standardise `by: global`, `band` or `utterance`"
    )]
    UnknownSpeaker {
        /// The speaker.
        speaker: String,
    },
}

impl Standardiser {
    /// Fits one scale to all values of the rows, each row-major `[bands, frames]`.
    ///
    /// # Errors
    /// Fails if there are no rows or one has another shape.
    pub fn global(rows: &[&[f32]], shape: [usize; 2]) -> Result<Self, StandardiseError> {
        Ok(Self::Global(fit(rows, shape, 1)?[0]))
    }

    /// Fits one scale per band to the rows, each row-major `[bands, frames]`.
    ///
    /// # Errors
    /// Fails if there are no rows or one has another shape.
    pub fn band(rows: &[&[f32]], shape: [usize; 2]) -> Result<Self, StandardiseError> {
        Ok(Self::Band { bands: fit(rows, shape, shape[0])? })
    }

    /// Fits one scale per speaker and band, each to the rows of that speaker only.
    ///
    /// # Errors
    /// Fails if there are no rows or one has another shape.
    pub fn speaker<'a>(
        rows: impl IntoIterator<Item = (&'a str, &'a [f32])>,
        shape: [usize; 2],
    ) -> Result<Self, StandardiseError> {
        let mut rows_of: BTreeMap<&str, Vec<&[f32]>> = BTreeMap::new();
        for (speaker, row) in rows {
            rows_of.entry(speaker).or_default().push(row);
        }
        if rows_of.is_empty() {
            return Err(StandardiseError::Empty);
        }
        let fitted =
            rows_of.into_iter().map(|(speaker, rows)| Ok((speaker.to_owned(), fit(&rows, shape, shape[0])?)));
        Ok(Self::Speaker { speakers: fitted.collect::<Result<_, _>>()? })
    }

    /// Standardises the values of one row, `[bands, frames]`, of this speaker.
    ///
    /// # Errors
    /// Fails if the row has another shape, the statistics are of other features, or the speaker has none.
    pub fn apply(
        &self,
        speaker: &str,
        shape: [usize; 2],
        values: &mut [f32],
    ) -> Result<(), StandardiseError> {
        check(values, shape)?;
        match self {
            Self::None => Ok(()),
            Self::Global(scale) => {
                apply(values, *scale);
                Ok(())
            }
            Self::Band { bands } => apply_bands(bands, shape, values),
            Self::Speaker { speakers } => match speakers.get(speaker) {
                Some(bands) => apply_bands(bands, shape, values),
                None => Err(StandardiseError::UnknownSpeaker { speaker: speaker.to_owned() }),
            },
            Self::Utterance => {
                let own = fit(&[values], shape, 1)?[0];
                apply(values, own);
                Ok(())
            }
        }
    }
}

fn apply_bands(bands: &[Scale], shape: [usize; 2], values: &mut [f32]) -> Result<(), StandardiseError> {
    if bands.len() != shape[0] {
        return Err(StandardiseError::Bands { found: bands.len(), expected: shape[0] });
    }
    for (values, scale) in values.chunks_exact_mut(shape[1]).zip(bands) {
        apply(values, *scale);
    }
    Ok(())
}

fn apply(values: &mut [f32], Scale { mean, std }: Scale) {
    for value in values {
        *value = (*value - mean) / std;
    }
}

/// Computes mean and deviation of each group of bands: of each band if `groups` is their number, of all if it is 1.
fn fit(rows: &[&[f32]], shape: [usize; 2], groups: usize) -> Result<Vec<Scale>, StandardiseError> {
    let [bands, frames] = shape;
    if rows.is_empty() || bands * frames == 0 {
        return Err(StandardiseError::Empty);
    }
    rows.iter().try_for_each(|row| check(row, shape))?;
    let count = (rows.len() * bands * frames / groups) as f64;
    let means: Vec<f64> =
        sums(rows, frames, groups, |_, value| value).iter().map(|sum| sum / count).collect();
    let squares = sums(rows, frames, groups, |group, value| (value - means[group]).powi(2));
    let scale = |(mean, square): (&f64, &f64)| {
        let std = (square / count).sqrt() as f32;
        Scale { mean: *mean as f32, std: if std > 0.0 { std } else { 1.0 } }
    };
    Ok(means.iter().zip(&squares).map(scale).collect())
}

/// Sums `term` (of a group and a value of it) over each group.
fn sums(rows: &[&[f32]], frames: usize, groups: usize, term: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; groups];
    for row in rows {
        for (band, values) in row.chunks_exact(frames).enumerate() {
            let group = band % groups;
            sums[group] += values.iter().map(|&value| term(group, f64::from(value))).sum::<f64>();
        }
    }
    sums
}

fn check(values: &[f32], [bands, frames]: [usize; 2]) -> Result<(), StandardiseError> {
    if values.len() == bands * frames {
        return Ok(());
    }
    Err(StandardiseError::Values { found: values.len(), expected: bands * frames })
}
