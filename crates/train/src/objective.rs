//! Computes what is minimised.

use tch::{Kind, Reduction, TchError, Tensor};

use crate::class_loss::ClassLoss;
use crate::{Dataset, Loss, Target, TrainConfig, TrainError, Training, TrainingPart};

/// Computes the loss of a training, on its device.
pub struct Objective {
    loss: TrainLoss,
    /// Weights of the classes, and the same on the device.
    weights: Option<(Vec<f64>, Tensor)>,
}

impl Objective {
    /// Returns the objective of a stage which is fitted on `part`.
    pub fn new(training: &Training, part: &TrainingPart) -> Result<Self, TrainError> {
        let weights = crate::weights::resolve(
            &training.config.class_weights,
            training.config.class_balance_beta,
            part.targets(),
            training.task.names().len(),
        )?;
        let on_device = |weights: Vec<f64>| {
            let tensor = Tensor::f_from_slice(&weights)?;
            Ok((weights, tensor.f_to_device_(training.device, Kind::Float, false, false)?))
        };
        let weights =
            weights.map(on_device).transpose().map_err(|error: TchError| TrainError::from(error))?;
        Ok(Self { loss: TrainLoss::of(training.config), weights })
    }

    /// Returns the mean loss of some rows: outputs `[rows, outputs]`, targets `[rows]` or `[rows, outputs]`, to `[]` in f32.
    pub fn of(&self, outputs: &Tensor, targets: &Tensor) -> Result<Tensor, TrainError> {
        let outputs = outputs.f_to_kind(Kind::Float)?;
        Ok(match self.loss {
            TrainLoss::Classes(loss) => {
                loss.of(&outputs, targets, self.weights.as_ref().map(|(_, tensor)| tensor))?
            }
            TrainLoss::Mse => outputs.f_mse_loss(targets, Reduction::Mean)?,
            TrainLoss::Ccc => concordance_loss(&outputs, targets)?,
        })
    }

    /// Returns how many rows have their highest output at their class: outputs `[rows, classes]`, targets `[rows]`, to `[]` in f32.
    /// `None` where numbers are predicted.
    pub fn correct(&self, outputs: &Tensor, targets: &Tensor) -> Result<Option<Tensor>, TrainError> {
        let TrainLoss::Classes(_) = self.loss else { return Ok(None) };
        let predicted = outputs.f_detach()?.f_argmax(1, /* keepdim */ false)?;
        Ok(Some(predicted.f_eq_tensor(targets)?.f_sum(Kind::Float)?))
    }

    /// Returns how much some rows weigh in a mean of losses.
    pub fn weight(&self, dataset: &dyn Dataset, rows: &[usize]) -> f64 {
        let Some((weights, _)) = &self.weights else { return rows.len() as f64 };
        let of_row = |&row: &usize| match dataset.target(row) {
            Target::Class(class) => weights[class as usize],
            Target::Values(_) => 1.0,
        };
        rows.iter().map(of_row).sum()
    }

    /// Returns the weights of the classes, where they are not alike.
    pub fn class_weights(&self) -> Option<&[f64]> {
        self.weights.as_ref().map(|(weights, _)| weights.as_slice())
    }
}

/// What is minimised, of classes or of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TrainLoss {
    /// A loss of classes, with its settings.
    Classes(ClassLoss),
    /// One minus the concordance.
    Ccc,
    /// The mean squared error.
    Mse,
}

impl TrainLoss {
    /// Returns the loss that a training asks for.
    pub const fn of(config: &TrainConfig) -> Self {
        match config.loss {
            Loss::CrossEntropy => {
                Self::Classes(ClassLoss::CrossEntropy { smoothing: config.label_smoothing })
            }
            Loss::Focal => Self::Classes(ClassLoss::Focal { gamma: config.focal_gamma }),
            Loss::Ordinal => Self::Classes(ClassLoss::Ordinal),
            Loss::Ccc => Self::Ccc,
            Loss::Mse => Self::Mse,
        }
    }
}

/// Returns 1 − 2 cov(x, y) / (var x + var y + (mean x − mean y)²), with the moments of the batch as a whole population, averaged over
/// outputs. `[rows, outputs]` both, to `[]`. Where x and y are constant and equal the quotient is 0 / 0, and 0 is taken,
/// with a gradient of 0.
fn concordance_loss(xs: &Tensor, ys: &Tensor) -> Result<Tensor, TchError> {
    let mean = |values: &Tensor| values.f_mean_dim(0, /* keepdim */ true, Kind::Float);
    let (x_mean, y_mean) = (mean(xs)?, mean(ys)?);
    let (xs, ys) = (xs.f_sub(&x_mean)?, ys.f_sub(&y_mean)?);
    let covariance = mean(&xs.f_mul(&ys)?)?;
    let spread = mean(&xs.f_square()?.f_add(&ys.f_square()?)?)?.f_add(&x_mean.f_sub(&y_mean)?.f_square()?)?;
    let concordance = covariance.f_mul_scalar(2.0)?.f_div(&spread.f_clamp_min(SMALLEST_SPREAD)?)?;
    concordance.f_mean(Kind::Float)?.f_neg()?.f_add_scalar(1.0)
}

/// Far below the variance of anything that is measured, far above where f32 ends.
const SMALLEST_SPREAD: f64 = 1e-12;

#[cfg(test)]
mod tests {
    use super::*;

    fn loss_and_gradient(xs: &[f32], ys: &[f32], outputs: i64) -> (f64, Vec<f32>) {
        let xs = Tensor::from_slice(xs).set_requires_grad(true);
        let ys = Tensor::from_slice(ys).view([-1, outputs]);
        let loss = concordance_loss(&xs.view([-1, outputs]), &ys).unwrap();
        loss.backward();
        (loss.double_value(&[]), Vec::try_from(xs.grad()).unwrap())
    }

    #[test]
    fn concordance_by_hand() {
        // Means 2 and 3, variances 2/3 and 8/3, covariance 4/3: 2 · 4/3 / (10/3 + 1) = 8/13. The second output agrees.
        let (loss, _) =
            loss_and_gradient(&[1.0, 5.0, 2.0, 7.0, 3.0, 9.0], &[1.0, 5.0, 3.0, 7.0, 5.0, 9.0], 2);
        assert!((loss - (5.0 / 13.0) / 2.0).abs() < 1e-6, "{loss}");
        // Equal but for the sign: −1.
        let (loss, _) = loss_and_gradient(&[-1.0, 1.0], &[1.0, -1.0], 1);
        assert!((loss - 2.0).abs() < 1e-6, "{loss}");
    }

    #[test]
    fn what_is_constant_has_a_loss_of_1_and_finite_gradients() {
        let all = |values: Vec<f32>, wanted: &dyn Fn(f32) -> bool| values.into_iter().all(wanted);
        for (xs, ys, moves) in [
            ([0.3, 0.3, 0.3], [0.1, 0.5, 0.9], true),
            ([0.1, 0.5, 0.9], [0.3, 0.3, 0.3], false),
            ([0.3, 0.3, 0.3], [0.3, 0.3, 0.3], false),
            ([1e-20, 0.0, 0.0], [0.0, 0.0, 1e-20], false),
        ] {
            let (loss, gradient) = loss_and_gradient(&xs, &ys, 1);
            assert!((loss - 1.0).abs() < 1e-6, "{xs:?} {ys:?}: {loss}");
            assert!(all(gradient.clone(), &f32::is_finite), "{xs:?} {ys:?}: {gradient:?}");
            assert_eq!(gradient[2] < -0.1, moves, "{xs:?} {ys:?}: {gradient:?}");
        }
        // One row alone.
        let (loss, gradient) = loss_and_gradient(&[0.4], &[0.7], 1);
        assert!(loss == 1.0 && all(gradient, &|value| value == 0.0));
    }
}
