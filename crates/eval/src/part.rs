//! Scores of one part by itself, without folds, seeds or speakers: what training watches on its dev part.

use crate::confusion::Confusion;
use crate::measure::Scores;
use crate::moments::Moments;
use crate::statistic::Statistic;

/// Scores predicted classes: pairs of a row's true class and the predicted one, numbers below `classes`. There is at least one.
#[must_use]
pub fn score_classes(classes: usize, rows: impl IntoIterator<Item = (usize, usize)>) -> Scores {
    let mut confusion = Confusion::new(classes);
    rows.into_iter().for_each(|(truth, predicted)| confusion.add_row(truth, predicted));
    confusion.figures().all
}

/// Scores predicted values: pairs of a row's true values and the predicted ones, one for each of `outputs`. There is at least
/// one.
#[must_use]
pub fn score_values<'v>(outputs: usize, rows: impl IntoIterator<Item = (&'v [f32], &'v [f32])>) -> Scores {
    let mut moments = Moments::new(outputs);
    rows.into_iter().for_each(|(truth, said)| moments.add(&Moments::of_row(truth, said)));
    moments.figures().all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Measure;

    #[test]
    fn classes_by_hand() {
        // Two of class 0, of which one is right; one of class 1, which is; class 2 is absent.
        let scores = score_classes(3, [(0, 0), (0, 1), (1, 1)]);
        assert_eq!(scores.get(Measure::Wa), Some(&(2.0 / 3.0)));
        assert_eq!(scores.get(Measure::Uar), Some(&0.75));
    }

    #[test]
    fn values_by_hand() {
        // Means 3 and 2, variances 8/3 and 2/3, covariance 4/3: 2 · 4/3 / (10/3 + 1) = 8/13.
        let truth = [[1.0], [3.0], [5.0]];
        let said = [[1.0], [2.0], [3.0]];
        let rows = truth.iter().zip(&said).map(|(truth, said)| (&truth[..], &said[..]));
        let scores = score_values(1, rows);
        assert!((scores.get(Measure::Ccc).unwrap() - 8.0 / 13.0).abs() < 1e-12);
        assert!((scores.get(Measure::Mse).unwrap() - 5.0 / 3.0).abs() < 1e-12);
    }
}
