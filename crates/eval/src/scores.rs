//! The scores of one set of predicted classes.
//!
//! Definitions follow scikit-learn 1.x: UAR is `balanced_accuracy_score`, macro-F1 is `f1_score(average="macro")`, a
//! ratio with denominator 0 is 0. The effects of absent classes are stated at each score.

use serde::{Deserialize, Serialize};

use crate::confusion::Tally;
use crate::measure::{Measure, Scores};

/// The scores of one class, fractions in `0..=1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// The share of true positives among those predicted as the class; 0 if there are none.
    pub precision: f64,
    /// The share of true positives among those of the true class; 0 if there are none.
    pub recall: f64,
    /// The harmonic mean of precision and recall; 0 if the class occurs nowhere.
    pub f1: f64,
    /// Number of rows of the true class.
    pub support: u32,
}

/// Computes the scores of the predictions that `tally` counts: the mean recall of the classes in the truth, the share
/// of right predictions, and the mean F1 of the classes in truth or predictions. There must be at least one
/// prediction.
pub(crate) fn of_classes(tally: &Tally) -> Scores {
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
    Scores::new(|measure| match measure {
        Measure::Uar => Some(recalls / f64::from(present)),
        Measure::Wa => Some(ratio(tally.hits.iter().sum(), tally.total())),
        Measure::MacroF1 => Some(f1s / f64::from(seen)),
        Measure::Ccc | Measure::Mse | Measure::Pearson => None,
    })
}

impl ClassScores {
    /// Computes the scores of one class of `tally`.
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
        let scores = of_classes(&tally());
        assert_eq!(scores.get(Measure::Uar), Some(&f64::midpoint(3.0 / 4.0, 3.0 / 6.0)));
        assert_eq!(scores.get(Measure::Wa), Some(&0.6));
        // a: 2·3 / (4 + 5), b: 2·3 / (6 + 3), c: 0 and counted; d is nowhere and left out.
        assert_eq!(scores.get(Measure::MacroF1), Some(&((6.0 / 9.0 + 6.0 / 9.0) / 3.0)));
        assert_eq!(scores.get(Measure::Ccc), None);
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
}
