//! How good an epoch is on the dev part.

use affekt_domain::Task;

use crate::{Loss, Target};

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
    /// The figures of these outputs, given the truth about each row, which fits the task. Where classes have weights, the
    /// loss is weighted; the other figures are not.
    pub fn new<'a>(
        task: &Task,
        loss: Loss,
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
        match task {
            Task::Classes(names) => Self::of_classes(names.len(), outputs, &classes, weights),
            Task::Outputs(names) => Self::of_values(names.len(), loss, outputs, &values),
        }
    }

    fn of_classes(count: usize, logits: &[Vec<f32>], truth: &[usize], weights: Option<&[f64]>) -> Self {
        let (mut loss, mut weight) = (0.0, 0.0);
        let (mut right, mut support) = (vec![0_u32; count], vec![0_u32; count]);
        for (logits, &class) in logits.iter().zip(truth) {
            let of_class = weights.map_or(1.0, |weights| weights[class]);
            loss += of_class * cross_entropy(logits, class);
            weight += of_class;
            support[class] += 1;
            right[class] += u32::from(argmax(logits) == class);
        }
        let recalls: Vec<f64> = right
            .iter()
            .zip(&support)
            .filter(|(_, support)| **support > 0)
            .map(|(right, support)| f64::from(*right) / f64::from(*support))
            .collect();
        let accuracy = f64::from(right.iter().sum::<u32>()) / logits.len() as f64;
        let uar = recalls.iter().sum::<f64>() / recalls.len() as f64;
        Self { loss: loss / weight, accuracy: Some(accuracy), uar: Some(uar), ccc: None }
    }

    fn of_values(count: usize, loss: Loss, outputs: &[Vec<f32>], truth: &[&[f32]]) -> Self {
        let column = |output: usize| {
            outputs
                .iter()
                .zip(truth)
                .map(move |(row, truth)| (f64::from(row[output]), f64::from(truth[output])))
        };
        let mean = |of: &dyn Fn(usize) -> f64| (0..count).map(of).sum::<f64>() / count as f64;
        let rows = outputs.len() as f64;
        let ccc = mean(&|output| concordance(&column(output).collect::<Vec<_>>()));
        let loss = match loss {
            Loss::Mse => mean(&|output| column(output).map(|(x, y)| (x - y).powi(2)).sum::<f64>() / rows),
            Loss::Ccc | Loss::CrossEntropy => 1.0 - ccc,
        };
        Self { loss, accuracy: None, uar: None, ccc: Some(ccc) }
    }
}

/// The concordance correlation coefficient (Lin, 1989) of pairs, with the moments of a whole population; 0 where both
/// sides are constant and equal.
fn concordance(pairs: &[(f64, f64)]) -> f64 {
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / pairs.len() as f64;
    let (x_mean, y_mean) = (mean(&|(x, _)| *x), mean(&|(_, y)| *y));
    let covariance = mean(&|(x, y)| (x - x_mean) * (y - y_mean));
    let spread = mean(&|(x, y)| (x - x_mean).powi(2) + (y - y_mean).powi(2)) + (x_mean - y_mean).powi(2);
    if spread == 0.0 { 0.0 } else { 2.0 * covariance / spread }
}

fn cross_entropy(logits: &[f32], class: usize) -> f64 {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits.iter().map(|&logit| (f64::from(logit) - largest).exp()).sum();
    largest + sum.ln() - f64::from(logits[class])
}

/// The first of the largest.
fn argmax(logits: &[f32]) -> usize {
    logits.iter().enumerate().fold(0, |best, (i, logit)| if *logit > logits[best] { i } else { best })
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
            DevScores::new(&Task::Classes(names(3)), Loss::CrossEntropy, &logits, truth, weights)
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
        let scores = of(Loss::Ccc);
        assert!(
            (scores.ccc.unwrap() - ccc).abs() < 1e-12 && (scores.loss - (1.0 - ccc)).abs() < 1e-12,
            "{scores:?}"
        );
        let scores = of(Loss::Mse);
        assert!((scores.loss - (1.0 + 4.0) / 6.0).abs() < 1e-12, "{scores:?}");
        assert_eq!((scores.accuracy, scores.uar), (None, None));
        assert_eq!(concordance(&[(0.5, 0.5), (0.5, 0.5)]), 0.0);
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        assert_eq!(cross_entropy(&[1e30, 0.0], 0), 0.0);
        assert!(cross_entropy(&[f32::NAN, 0.0], 1).is_nan());
    }
}
