//! Sums from which figures are computed.

use crate::measure::Scores;

/// A sum over predictions, made once per fold, seed and speaker, and added up for every figure.
pub(crate) trait Statistic: Clone {
    /// Adds `other`.
    fn add(&mut self, other: &Self);

    /// Returns the number of predictions.
    fn rows(&self) -> u32;

    /// Computes the figures. There must be at least one prediction.
    fn figures(&self) -> Figures;

    /// Returns how many numbers [`Self::write`] writes.
    fn columns(&self) -> usize;

    /// Writes the sum as numbers that add up; `total` is the sum over all that are added up, from whose means numbers are
    /// counted.
    fn write(&self, total: &Self, row: &mut Vec<f64>);

    /// Computes the figures from such numbers, added up over some parts of this sum; `None` if these have no predictions.
    fn drawn(&self, sums: &[f64]) -> Option<Figures>;
}

/// The figures of some predictions.
pub(crate) struct Figures {
    /// All classes or outputs together.
    pub all: Scores,
    /// Each output separately, in the order of the task; empty for classes.
    pub outputs: Vec<Scores>,
}
