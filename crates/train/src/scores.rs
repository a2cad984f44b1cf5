//! Scores an epoch on the dev part. Accuracy, recall and concordance are those of reports.

use affekt_domain::{Task, first_highest};
use affekt_eval::{Measure, score_classes, score_values};

use crate::Target;
use crate::class_loss::ClassLoss;
use crate::objective::TrainLoss;

/// Figures of one epoch on the dev part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DevScores {
    /// The loss of training, over the whole part.
    pub loss: f64,
    /// Of classes, the share of right predictions.
    pub accuracy: Option<f64>,
    /// Of classes, the mean recall of those that are there.
    pub uar: Option<f64>,
    /// Of values, the mean concordance correlation coefficient.
    pub ccc: Option<f64>,
}

impl DevScores {
    /// Scores these outputs, given the truth about each row, which fits the task. Where classes have weights, the
    /// loss is weighted; the other figures are not.
    pub fn new<'a>(
        task: &Task,
        loss: TrainLoss,
        outputs: &[Vec<f32>],
        truth: impl Iterator<Item = Target<'a>>,
        weights: Option<&[f64]>,
    ) -> Self {
        let (mut classes, mut values) = (Vec::new(), Vec::new());
        for target in truth {
            match target {
                Target::Class(class) => classes.push(usize::try_from(class).expect("classes were checked")),
                Target::Values(of_row) => values.push(of_row),
            }
        }
        match (task, loss) {
            (Task::Classes(names), TrainLoss::Classes(loss)) => {
                Self::of_classes(names.len(), loss, outputs, &classes, weights)
            }
            (task, loss) => Self::of_values(task.names().len(), loss, outputs, &values),
        }
    }

    fn of_classes(
        count: usize,
        loss: ClassLoss,
        logits: &[Vec<f32>],
        truth: &[usize],
        weights: Option<&[f64]>,
    ) -> Self {
        let (mut sum, mut weight) = (0.0, 0.0);
        for (logits, &class) in logits.iter().zip(truth) {
            sum += loss.of_row(logits, class, weights);
            weight += weights.map_or(1.0, |weights| weights[class]);
        }
        let said = logits.iter().map(|logits| first_highest(logits).unwrap_or(0));
        let scores = score_classes(count, truth.iter().copied().zip(said));
        let score = |measure| scores.get(measure).copied();
        Self { loss: sum / weight, accuracy: score(Measure::Wa), uar: score(Measure::Uar), ccc: None }
    }

    fn of_values(count: usize, loss: TrainLoss, outputs: &[Vec<f32>], truth: &[&[f32]]) -> Self {
        let rows = truth.iter().zip(outputs).map(|(&truth, said)| (truth, said.as_slice()));
        let scores = score_values(count, rows);
        // Of a single row there is no concordance: the worst is taken that says nothing.
        let score = |measure| scores.get(measure).copied().unwrap_or(0.0);
        let ccc = score(Measure::Ccc);
        let loss = match loss {
            TrainLoss::Mse => score(Measure::Mse),
            TrainLoss::Ccc | TrainLoss::Classes(_) => 1.0 - ccc,
        };
        Self { loss, accuracy: None, uar: None, ccc: Some(ccc) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| number.to_string()).collect()
    }

    #[test]
    fn by_hand() {
        // Softmax of [ln 3, 0]: 3/4, 1/4. Two of class 0, one of class 1; class 2 is absent.
        let sure = f32::MIN / 2.0;
        let ln3 = 3_f32.ln();
        let logits = [vec![ln3, 0.0, sure], vec![0.0, ln3, sure], vec![0.0, ln3, sure]];
        let truth = [0, 0, 1].map(Target::Class);
        let of = |weights| {
            let truth = truth.into_iter();
            DevScores::new(
                &Task::Classes(names(3)),
                TrainLoss::Classes(ClassLoss::CrossEntropy { smoothing: 0.0 }),
                &logits,
                truth,
                weights,
            )
        };
        let scores = of(None);
        let loss = (2.0 * (4.0_f64 / 3.0).ln() + 4_f64.ln()) / 3.0;
        assert!((scores.loss - loss).abs() < 1e-7, "{scores:?}");
        assert!((scores.accuracy.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert!((scores.uar.unwrap() - (0.5 + 1.0) / 2.0).abs() < 1e-12);

        let weighted = of(Some(&[1.0, 3.0, 9.0]));
        let loss = ((4.0_f64 / 3.0).ln() + 4_f64.ln() + 3.0 * (4.0_f64 / 3.0).ln()) / 5.0;
        assert!((weighted.loss - loss).abs() < 1e-7, "{weighted:?}");
        assert_eq!((weighted.accuracy, weighted.uar), (scores.accuracy, scores.uar));
    }

    #[test]
    fn values_by_hand() {
        // Means 2 and 3, variances 2/3 and 8/3, covariance 4/3: 2 · 4/3 / (10/3 + 1) = 8/13. The second output agrees.
        let outputs = [vec![1.0, 5.0], vec![2.0, 7.0], vec![3.0, 9.0]];
        let truth: [&[f32]; 3] = [&[1.0, 5.0], &[3.0, 7.0], &[5.0, 9.0]];
        let of = |loss| {
            let truth = truth.into_iter().map(Target::Values);
            DevScores::new(&Task::Outputs(names(2)), loss, &outputs, truth, None)
        };
        let ccc = (8.0 / 13.0 + 1.0) / 2.0;
        let scores = of(TrainLoss::Ccc);
        assert!(
            (scores.ccc.unwrap() - ccc).abs() < 1e-12 && (scores.loss - (1.0 - ccc)).abs() < 1e-12,
            "{scores:?}"
        );
        let scores = of(TrainLoss::Mse);
        assert!((scores.loss - (1.0 + 4.0) / 6.0).abs() < 1e-12, "{scores:?}");
        assert_eq!((scores.accuracy, scores.uar), (None, None));
        let of_one = |truth: &[f32]| {
            let truth = [Target::Values(truth)].into_iter();
            DevScores::new(&Task::Outputs(names(1)), TrainLoss::Ccc, &[vec![0.5]], truth, None)
        };
        assert_eq!((of_one(&[0.5]).ccc, of_one(&[0.7]).loss), (Some(0.0), 1.0));
    }
}
