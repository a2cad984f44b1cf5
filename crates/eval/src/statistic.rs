//! Sums from which figures are computed.

use crate::measure::Scores;

/// A sum over predictions, made once per fold, seed and speaker, and added up for every figure.
pub(crate) trait Statistic: Clone {
    /// Adds `other` `times` times.
    fn add(&mut self, other: &Self, times: u32);

    /// Resets the sum to that of no predictions.
    fn clear(&mut self);

    /// Returns the number of predictions.
    fn rows(&self) -> u32;

    /// Computes the figures. There must be at least one prediction.
    fn figures(&self) -> Figures;
}

/// The figures of some predictions.
pub(crate) struct Figures {
    /// All classes or outputs together.
    pub all: Scores,
    /// Each output separately, in the order of the task; empty for classes.
    pub outputs: Vec<Scores>,
}
