//! Scores of one part by itself, without folds, seeds or speakers: what training watches on its dev part.

use affekt_domain::{Prediction, Target, Task};

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

/// The loss of one prediction: cross-entropy of the true class, or the squared error averaged over outputs. `None` where the
/// truth is withheld or is of another task.
#[must_use]
pub fn loss(task: &Task, row: &Prediction) -> Option<f64> {
    match (task, row.truth.as_ref()?) {
        (Task::Classes(classes), Target::Class(truth)) => {
            let logits = || row.outputs.iter().map(|&logit| f64::from(logit));
            let truth = logits().nth(classes.iter().position(|class| class == truth)?)?;
            let largest = logits().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = logits().map(|logit| (logit - largest).exp()).sum();
            Some(largest - truth + sum.ln())
        }
        (Task::Outputs(_), Target::Values(truth)) if !truth.is_empty() => {
            let squares =
                truth.iter().zip(&row.outputs).map(|(&truth, &said)| f64::from(truth - said).powi(2));
            Some(squares.sum::<f64>() / truth.len() as f64)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Measure;

    #[test]
    fn losses_by_hand() {
        let row = |truth, outputs: &[f32]| Prediction {
            variant: String::new(),
            utterance: String::new(),
            corpus: String::new(),
            speaker: String::new(),
            session: None,
            sex: None,
            style: None,
            fold: 1,
            seed: 1,
            role: affekt_domain::Role::Test,
            truth,
            outputs: outputs.to_vec(),
        };
        let classes = Task::Classes(["a", "b"].map(str::to_owned).into());
        let of_class = |class: &str| Some(Target::Class(class.into()));
        // Logits 1000 apart in a network without overflow: ln(1 + e^-1000) and 1000.
        assert_eq!(loss(&classes, &row(of_class("a"), &[1000.0, 0.0])), Some(0.0));
        assert_eq!(loss(&classes, &row(of_class("b"), &[1000.0, 0.0])), Some(1000.0));
        assert_eq!(loss(&classes, &row(of_class("b"), &[2.0, 2.0])), Some(2.0_f64.ln()));
        assert_eq!(loss(&classes, &row(None, &[2.0, 2.0])), None);
        let outputs = Task::Outputs(["x", "y"].map(str::to_owned).into());
        let squared = loss(&outputs, &row(Some(Target::Values(vec![1.0, 0.0])), &[0.0, 2.0]));
        assert_eq!(squared, Some(2.5));
    }

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
