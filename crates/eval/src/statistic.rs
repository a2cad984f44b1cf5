//! What figures are computed from: something that adds up over rows.

use crate::measure::Scores;

/// Sums over predictions, counted once a fold, seed and speaker, and added up for every figure that is wanted.
pub(crate) trait Statistic: Clone {
    /// Adds `other` `times` times.
    fn add(&mut self, other: &Self, times: u32);

    /// Forgets all that was added.
    fn clear(&mut self);

    /// How many predictions it sums up.
    fn rows(&self) -> u32;

    /// What they come to. There is at least one.
    fn figures(&self) -> Figures;
}

/// What some predictions come to.
pub(crate) struct Figures {
    /// All classes or outputs together.
    pub all: Scores,
    /// Each output by itself, in the order of the task; none for classes.
    pub outputs: Vec<Scores>,
}
