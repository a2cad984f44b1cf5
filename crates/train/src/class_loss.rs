//! Losses of classes: on a device with gradients, and over a whole part in f64.
//!
//! With weights w of the classes, a loss of rows of classes y is `Σ w(y) · loss / Σ w(y)`. Of p, the softmax of a row's outputs:
//!
//! ```text
//! cross-entropy   −ln p(y); smoothed by ε (Szegedy et al., arXiv 1512.00567), as PyTorch weighs it,
//!                 (1 − ε) · −ln p(y) + ε / k · Σ_c −w(c) / w(y) · ln p(c)
//! focal           (1 − p(y))^γ · −ln p(y)                 (Lin et al., arXiv 1708.02002, of a softmax)
//! ordinal         Σ_c (p(0) + … + p(c) − [c ≥ y])²        (squared earth mover's distance: Hou et al., arXiv 1611.05916)
//! ```

use tch::{Kind, Reduction, TchError, Tensor};

/// A loss of classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ClassLoss {
    /// Cross-entropy, with a share of every label spread over all classes.
    CrossEntropy {
        /// That share.
        smoothing: f64,
    },
    /// Cross-entropy in which rows that are right already count less.
    Focal {
        /// How much less.
        gamma: f64,
    },
    /// The squared distance between cumulative distributions over classes that have an order.
    Ordinal,
}

impl ClassLoss {
    /// Returns the mean loss of some rows: outputs `[rows, classes]` in f32, targets `[rows]`, weights `[classes]`, to `[]`.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn of(
        self,
        outputs: &Tensor,
        targets: &Tensor,
        weights: Option<&Tensor>,
    ) -> Result<Tensor, TchError> {
        let of_rows = match self {
            Self::CrossEntropy { smoothing } => {
                return outputs.f_cross_entropy_loss(targets, weights, Reduction::Mean, -100, smoothing);
            }
            Self::Focal { gamma } => {
                let own =
                    outputs.f_log_softmax(1, Kind::Float)?.f_gather(1, &targets.f_unsqueeze(1)?, false)?;
                let own = own.f_squeeze_dim(1)?;
                // A power below 1 has no finite gradient at 0.
                let left = own.f_exp()?.f_neg()?.f_add_scalar(1.0)?.f_clamp_min(SMALLEST_REST)?;
                left.f_pow_tensor_scalar(gamma)?.f_mul(&own)?.f_neg()?
            }
            Self::Ordinal => {
                let cumulative = outputs.f_softmax(1, Kind::Float)?.f_cumsum(1, Kind::Float)?;
                let classes = Tensor::f_arange(outputs.size()[1], (Kind::Int64, outputs.device()))?;
                let truth = classes.f_unsqueeze(0)?.f_ge_tensor(&targets.f_unsqueeze(1)?)?;
                cumulative.f_sub(&truth.f_to_kind(Kind::Float)?)?.f_square()?.f_sum_dim_intlist(
                    1,
                    false,
                    Kind::Float,
                )?
            }
        };
        let Some(weights) = weights else { return of_rows.f_mean(Kind::Float) };
        let weights = weights.f_index_select(0, targets)?;
        of_rows.f_mul(&weights)?.f_sum(Kind::Float)?.f_div(&weights.f_sum(Kind::Float)?)
    }

    /// Returns the loss of one row, times the weight of its class.
    pub fn of_row(self, logits: &[f32], class: usize, weights: Option<&[f64]>) -> f64 {
        let weight = |class: usize| weights.map_or(1.0, |weights| weights[class]);
        match self {
            Self::CrossEntropy { smoothing: 0.0 } => weight(class) * cross_entropy(logits, class),
            Self::CrossEntropy { smoothing } => {
                let all = (0..logits.len()).map(|other| weight(other) * cross_entropy(logits, other));
                let spread = all.sum::<f64>() / logits.len() as f64;
                (1.0 - smoothing) * weight(class) * cross_entropy(logits, class) + smoothing * spread
            }
            Self::Focal { gamma } => {
                let loss = cross_entropy(logits, class);
                weight(class) * (1.0 - (-loss).exp()).powf(gamma) * loss
            }
            Self::Ordinal => {
                let mut cumulative = 0.0;
                let distances = (0..logits.len()).map(|other| {
                    cumulative += (-cross_entropy(logits, other)).exp();
                    (cumulative - f64::from(u8::from(other >= class))).powi(2)
                });
                weight(class) * distances.sum::<f64>()
            }
        }
    }
}

/// Far below what f32 tells from 1.
const SMALLEST_REST: f64 = 1e-12;

/// Returns −ln of the softmax at a class.
fn cross_entropy(logits: &[f32], class: usize) -> f64 {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits.iter().map(|&logit| (f64::from(logit) - largest).exp()).sum();
    largest + sum.ln() - f64::from(logits[class])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_logits_do_not_overflow() {
        assert_eq!(cross_entropy(&[1e30, 0.0], 0), 0.0);
        assert!(cross_entropy(&[f32::NAN, 0.0], 1).is_nan());
    }

    /// Softmax 1/2, 1/4, 1/4; two rows, of classes 0 and 2, whose classes weigh 1 and 3.
    #[test]
    fn by_hand() {
        let logits = [2_f32.ln(), 0.0, 0.0];
        let (ln2, ln4) = (2_f64.ln(), 4_f64.ln());
        let weights = [1.0, 2.0, 3.0];
        for (loss, rows, weighted) in [
            (ClassLoss::CrossEntropy { smoothing: 0.0 }, [ln2, ln4], (ln2 + 3.0 * ln4) / 4.0),
            (
                ClassLoss::CrossEntropy { smoothing: 0.3 },
                [0.7 * ln2 + 0.1 * (ln2 + 2.0 * ln4), 0.7 * ln4 + 0.1 * (ln2 + 2.0 * ln4)],
                (0.7 * ln2 + 3.0 * 0.7 * ln4 + 2.0 * 0.1 * (ln2 + 5.0 * ln4)) / 4.0,
            ),
            (
                ClassLoss::Focal { gamma: 2.0 },
                [0.25 * ln2, 0.5625 * ln4],
                (0.25 * ln2 + 3.0 * 0.5625 * ln4) / 4.0,
            ),
            // Cumulative 1/2, 3/4, 1 beside 1, 1, 1 and 0, 0, 1.
            (ClassLoss::Ordinal, [0.3125, 0.8125], (0.3125 + 3.0 * 0.8125) / 4.0),
        ] {
            let outputs = Tensor::from_slice(&[logits, logits].concat()).view([2, 3]);
            let targets = Tensor::from_slice(&[0_i64, 2]);
            let on_device =
                |weights: Option<&Tensor>| loss.of(&outputs, &targets, weights).unwrap().double_value(&[]);
            let weights_on_device = Tensor::from_slice(&weights.map(|weight: f64| weight as f32));
            let of_row = |at: usize, class, weights| (loss.of_row(&logits, class, weights), rows[at]);
            for (found, expected) in [
                (on_device(None), (rows[0] + rows[1]) / 2.0),
                (on_device(Some(&weights_on_device)), weighted),
                of_row(0, 0, None),
                of_row(1, 2, None),
                (
                    (loss.of_row(&logits, 0, Some(&weights)) + loss.of_row(&logits, 2, Some(&weights))) / 4.0,
                    weighted,
                ),
            ] {
                assert!((found - expected).abs() < 1e-6, "{loss:?}: {found} instead of {expected}");
            }
        }
    }

    #[test]
    fn a_row_that_is_right_beyond_rounding_has_finite_gradients() {
        let outputs = Tensor::from_slice(&[200_f32, 0.0]).view([1, 2]).set_requires_grad(true);
        let loss = ClassLoss::Focal { gamma: 0.5 }.of(&outputs, &Tensor::from_slice(&[0_i64]), None).unwrap();
        loss.backward();
        assert!(Vec::<f32>::try_from(outputs.grad().view(-1)).unwrap().into_iter().all(f32::is_finite));
    }
}
