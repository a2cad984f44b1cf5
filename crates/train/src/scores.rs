//! How good an epoch is on the dev part.

/// Figures of one epoch on the dev part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DevScores {
    /// Mean cross-entropy.
    pub loss: f64,
    /// Share of right predictions.
    pub accuracy: f64,
    /// Mean recall of the classes that are there.
    pub uar: f64,
}

impl DevScores {
    /// The figures of these logits, given the true classes (all of them within the logits' width). Where classes have
    /// weights, the loss is weighted; the other figures are not.
    pub fn new(logits: &[Vec<f32>], truth: impl Iterator<Item = i64>, weights: Option<&[f64]>) -> Self {
        let (mut loss, mut weight) = (0.0, 0.0);
        let classes = logits.first().map_or(0, Vec::len);
        let (mut right, mut support) = (vec![0_u32; classes], vec![0_u32; classes]);
        for (logits, class) in logits.iter().zip(truth) {
            let class = usize::try_from(class).expect("classes were checked");
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
        Self { loss: loss / weight, accuracy, uar: recalls.iter().sum::<f64>() / recalls.len() as f64 }
    }
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

    #[test]
    fn by_hand() {
        // Softmax of [ln 3, 0]: 3/4, 1/4. Two of class 0, one of class 1; class 2 is absent.
        let sure = f32::MIN / 2.0;
        let ln3 = 3_f32.ln();
        let logits = [vec![ln3, 0.0, sure], vec![0.0, ln3, sure], vec![0.0, ln3, sure]];
        let scores = DevScores::new(&logits, [0, 0, 1].into_iter(), None);
        let loss = (2.0 * (4.0_f64 / 3.0).ln() + 4_f64.ln()) / 3.0;
        assert!((scores.loss - loss).abs() < 1e-7, "{scores:?}");
        assert!((scores.accuracy - 2.0 / 3.0).abs() < 1e-12);
        assert!((scores.uar - (0.5 + 1.0) / 2.0).abs() < 1e-12);

        let weighted = DevScores::new(&logits, [0, 0, 1].into_iter(), Some(&[1.0, 3.0, 9.0]));
        let loss = ((4.0_f64 / 3.0).ln() + 4_f64.ln() + 3.0 * (4.0_f64 / 3.0).ln()) / 5.0;
        assert!((weighted.loss - loss).abs() < 1e-7, "{weighted:?}");
        assert_eq!((weighted.accuracy, weighted.uar), (scores.accuracy, scores.uar));
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        assert_eq!(cross_entropy(&[1e30, 0.0], 0), 0.0);
        assert!(cross_entropy(&[f32::NAN, 0.0], 1).is_nan());
    }
}
