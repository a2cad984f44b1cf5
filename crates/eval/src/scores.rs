//! The scores of one set of predictions.
//!
//! Definitions follow scikit-learn 1.x: UAR is `balanced_accuracy_score`, macro-F1 is `f1_score(average="macro")`,
//! a ratio with nothing below the line is 0. The differences that absent classes make are stated at each score.

use serde::{Deserialize, Serialize};

use crate::confusion::Tally;

/// The figure that an experiment is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Unweighted average recall, also called UA and balanced accuracy.
    Uar,
    /// Weighted accuracy: plain accuracy.
    Wa,
    /// The mean of the classes' F1.
    MacroF1,
}

impl Measure {
    /// All measures, in the order of tables.
    pub const ALL: [Self; 3] = [Self::Uar, Self::Wa, Self::MacroF1];

    /// Its name, as written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uar => "uar",
            Self::Wa => "wa",
            Self::MacroF1 => "macro_f1",
        }
    }

    /// The measure called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }
}

/// Three ways of summing up predictions, all in `0..=1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The mean recall of the classes that the truth has.
    pub uar: f64,
    /// The share of right predictions.
    pub wa: f64,
    /// The mean F1 of the classes that truth or predictions have.
    pub macro_f1: f64,
}

/// How one class fared, fractions in `0..=1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// The share of right ones among those taken for the class; 0 where there are none.
    pub precision: f64,
    /// The share of recognised ones among those of the class; 0 where there are none.
    pub recall: f64,
    /// The harmonic mean of precision and recall; 0 where the class is nowhere.
    pub f1: f64,
    /// How many are truly of the class.
    pub support: u32,
}

impl Scores {
    /// The score called `measure`.
    #[must_use]
    pub const fn get(&self, measure: Measure) -> f64 {
        match measure {
            Measure::Uar => self.uar,
            Measure::Wa => self.wa,
            Measure::MacroF1 => self.macro_f1,
        }
    }

    /// By how much `measure` exceeds that of `other`. Equal scores that were summed in another order differ by
    /// rounding, which must not make a tie a victory.
    pub(crate) fn minus(&self, other: &Self, measure: Measure) -> f64 {
        let difference = self.get(measure) - other.get(measure);
        if difference.abs() < 1e-12 { 0.0 } else { difference }
    }

    /// The scores of the predictions that `tally` counts. There is at least one.
    pub(crate) fn of(tally: &Tally) -> Self {
        let (mut recalls, mut present) = (0.0, 0);
        let (mut f1s, mut seen) = (0.0, 0);
        for class in 0..tally.truth.len() {
            let (hits, truth, predicted) = (tally.hits[class], tally.truth[class], tally.predicted[class]);
            if truth > 0 {
                recalls += ratio(hits, truth);
                present += 1;
            }
            if truth + predicted > 0 {
                f1s += ratio(2 * hits, truth + predicted);
                seen += 1;
            }
        }
        Self {
            uar: recalls / f64::from(present),
            wa: ratio(tally.hits.iter().sum(), tally.total()),
            macro_f1: f1s / f64::from(seen),
        }
    }

    /// The mean of `scores`, each by itself. There is at least one.
    pub(crate) fn mean(scores: &[Self]) -> Self {
        let mean = |measure| scores.iter().map(|score| score.get(measure)).sum::<f64>() / scores.len() as f64;
        Self { uar: mean(Measure::Uar), wa: mean(Measure::Wa), macro_f1: mean(Measure::MacroF1) }
    }
}

impl ClassScores {
    /// The scores of one class of `tally`.
    pub(crate) fn of(tally: &Tally, class: usize) -> Self {
        let (hits, truth, predicted) = (tally.hits[class], tally.truth[class], tally.predicted[class]);
        Self {
            precision: ratio(hits, predicted),
            recall: ratio(hits, truth),
            f1: ratio(2 * hits, truth + predicted),
            support: truth,
        }
    }
}

fn ratio(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { f64::from(part) / f64::from(whole) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Truth a a a a b b b b b b, of which 3 and 3 are right; c is taken for the truth twice, d never.
    fn tally() -> Tally {
        Tally { hits: vec![3, 3, 0, 0], truth: vec![4, 6, 0, 0], predicted: vec![5, 3, 2, 0] }
    }

    #[test]
    fn by_hand() {
        let scores = Scores::of(&tally());
        assert_eq!(scores.uar, f64::midpoint(3.0 / 4.0, 3.0 / 6.0));
        assert_eq!(scores.wa, 0.6);
        // a: 2·3 / (4 + 5), b: 2·3 / (6 + 3), c: 0 and counted; d is nowhere and left out.
        assert_eq!(scores.macro_f1, (6.0 / 9.0 + 6.0 / 9.0) / 3.0);
    }

    #[test]
    fn classes_by_hand() {
        let tally = tally();
        let a = ClassScores { precision: 0.6, recall: 0.75, f1: 6.0 / 9.0, support: 4 };
        let nothing = ClassScores { precision: 0.0, recall: 0.0, f1: 0.0, support: 0 };
        assert_eq!(ClassScores::of(&tally, 0), a);
        assert_eq!(ClassScores::of(&tally, 2), nothing);
        assert_eq!(ClassScores::of(&tally, 3), nothing);
    }

    #[test]
    fn names() {
        for measure in Measure::ALL {
            assert_eq!(Measure::from_name(measure.name()), Some(measure));
        }
        assert_eq!(Measure::from_name("accuracy"), None);
    }
}
