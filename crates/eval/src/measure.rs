//! Measures of predictions, and a container for something per measure.

use affekt_domain::Task;
use serde::{Deserialize, Serialize};

/// A measure of predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Unweighted average recall, also called UA and balanced accuracy.
    Uar,
    /// Weighted accuracy: plain accuracy.
    Wa,
    /// The mean of the classes' F1.
    MacroF1,
    /// The mean of the outputs' concordance correlation coefficients.
    Ccc,
    /// The mean of the outputs' mean squared errors.
    Mse,
    /// The mean of the outputs' correlation coefficients.
    Pearson,
}

impl Measure {
    /// All measures.
    pub const ALL: [Self; 6] = [Self::Uar, Self::Wa, Self::MacroF1, Self::Ccc, Self::Mse, Self::Pearson];

    /// The measures that can be an experiment's primary one: higher is better, and guessing is far from 1.
    pub const PRIMARY: [Self; 4] = [Self::Uar, Self::Wa, Self::MacroF1, Self::Ccc];

    /// The measures of classes, in the order of tables.
    pub const OF_CLASSES: [Self; 3] = [Self::Uar, Self::Wa, Self::MacroF1];

    /// The measures of numbers, in the order of tables.
    pub const OF_OUTPUTS: [Self; 3] = [Self::Ccc, Self::Mse, Self::Pearson];

    /// Returns the measures of a task, in the order of tables. The first is its default primary measure.
    #[must_use]
    pub const fn of(task: &Task) -> &'static [Self] {
        match task {
            Task::Classes(_) => &Self::OF_CLASSES,
            Task::Outputs(_) => &Self::OF_OUTPUTS,
        }
    }

    /// Returns this measure if the task has it, otherwise the task's default primary measure.
    #[must_use]
    pub fn or_of(self, task: &Task) -> Self {
        let measures = Self::of(task);
        if measures.contains(&self) { self } else { measures[0] }
    }

    /// Returns the name that is written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uar => "uar",
            Self::Wa => "wa",
            Self::MacroF1 => "macro_f1",
            Self::Ccc => "ccc",
            Self::Mse => "mse",
            Self::Pearson => "pearson",
        }
    }
}

/// Something for each measure of a task; absent for the measures of other tasks, and for those that are undefined for
/// too few rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PerMeasure<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    uar: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wa: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    macro_f1: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ccc: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mse: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pearson: Option<T>,
}

impl<T> PerMeasure<T> {
    /// Creates the container with the result of `of` for each measure.
    pub fn new(mut of: impl FnMut(Measure) -> Option<T>) -> Self {
        Self {
            uar: of(Measure::Uar),
            wa: of(Measure::Wa),
            macro_f1: of(Measure::MacroF1),
            ccc: of(Measure::Ccc),
            mse: of(Measure::Mse),
            pearson: of(Measure::Pearson),
        }
    }

    /// Returns the entry for `measure`.
    #[must_use]
    pub const fn get(&self, measure: Measure) -> Option<&T> {
        match measure {
            Measure::Uar => self.uar.as_ref(),
            Measure::Wa => self.wa.as_ref(),
            Measure::MacroF1 => self.macro_f1.as_ref(),
            Measure::Ccc => self.ccc.as_ref(),
            Measure::Mse => self.mse.as_ref(),
            Measure::Pearson => self.pearson.as_ref(),
        }
    }
}

/// The scores of one set of predictions: for classes, fractions in `0..=1`; for numbers, CCC and correlation in
/// `-1..=1` and the mean squared error in the squared unit of the outputs.
pub type Scores = PerMeasure<f64>;

impl Scores {
    /// Returns the mean of `scores`, each measure over those that have it.
    pub(crate) fn mean<'a>(scores: &(impl Iterator<Item = &'a Self> + Clone)) -> Self {
        Self::new(|measure| mean(scores.clone().filter_map(|scores| scores.get(measure).copied())))
    }

    /// Returns the difference in `measure` to `other`, if both have it.
    pub(crate) fn minus(&self, other: &Self, measure: Measure) -> Option<f64> {
        Some(minus(*self.get(measure)?, *other.get(measure)?))
    }
}

/// Subtracts scores. Equal scores that were summed in another order differ by rounding, which must not decide a tie.
pub(crate) fn minus(a: f64, b: f64) -> f64 {
    let difference = a - b;
    if difference.abs() < 1e-12 { 0.0 } else { difference }
}

/// Returns the mean of some values, if there are any.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    (n > 0.0).then(|| sum / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_files() {
        for measure in Measure::ALL {
            assert_eq!(serde_json::to_value(measure).unwrap(), measure.name());
            let only = Scores::new(|other| (other == measure).then_some(0.5));
            assert_eq!(serde_json::to_value(only).unwrap(), serde_json::json!({ measure.name(): 0.5 }));
        }
    }

    #[test]
    fn a_task_has_its_own_measures() {
        let (classes, outputs) = (Task::Classes(Vec::new()), Task::Outputs(Vec::new()));
        assert_eq!(Measure::Wa.or_of(&classes), Measure::Wa);
        assert_eq!(Measure::Wa.or_of(&outputs), Measure::Ccc);
        assert_eq!(Measure::Ccc.or_of(&classes), Measure::Uar);
        for measure in Measure::ALL {
            let of = [&classes, &outputs].map(|task| Measure::of(task).contains(&measure));
            assert_eq!(of.into_iter().filter(|has| *has).count(), 1, "{measure:?}");
        }
    }

    #[test]
    fn means_are_over_those_that_have_it() {
        let one = Scores::new(|measure| (measure != Measure::Ccc).then_some(1.0));
        let two = Scores::new(|_| Some(2.0));
        let mean = Scores::mean(&[one, two].iter());
        assert_eq!((mean.get(Measure::Mse), mean.get(Measure::Ccc)), (Some(&1.5), Some(&2.0)));
        assert_eq!(Scores::mean(&[].iter()).get(Measure::Mse), None);
        assert_eq!((two.minus(&one, Measure::Mse), two.minus(&one, Measure::Ccc)), (Some(1.0), None));
    }
}
