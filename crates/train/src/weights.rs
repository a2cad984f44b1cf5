//! How much each class weighs in the loss.

use affekt_spec::training::ClassWeights;

use crate::{Target, TrainError};

/// The weights for training rows of these classes, all within `0..n_classes`; `None` where all are alike. `beta` is that of
/// effective numbers.
///
/// # Errors
/// When there is not one positive weight for each class, or a class that is to be counted has no rows.
pub fn resolve<'t>(
    weights: &ClassWeights,
    beta: f64,
    targets: impl Iterator<Item = Target<'t>>,
    n_classes: usize,
) -> Result<Option<Vec<f64>>, TrainError> {
    let counted = || {
        let mut counts = vec![0_u32; n_classes];
        for target in targets {
            if let Target::Class(class) = target {
                counts[class as usize] += 1;
            }
        }
        match counts.iter().position(|count| *count == 0) {
            Some(class) => Err(TrainError::Unweighable { class }),
            None => Ok(counts.into_iter().map(f64::from).collect::<Vec<_>>()),
        }
    };
    match weights {
        ClassWeights::None => Ok(None),
        ClassWeights::Balanced => {
            let counts = counted()?;
            let n: f64 = counts.iter().sum();
            Ok(Some(counts.iter().map(|count| n / (n_classes as f64 * count)).collect()))
        }
        ClassWeights::InverseFrequency => {
            let counts = counted()?;
            let sum: f64 = counts.iter().map(|count| 1.0 / count).sum();
            Ok(Some(counts.iter().map(|count| 1.0 / count / sum).collect()))
        }
        ClassWeights::EffectiveNumber => {
            // The n-th row of a class adds β^(n − 1) to it.
            let weights: Vec<f64> =
                counted()?.iter().map(|count| (1.0 - beta) / (1.0 - beta.powf(*count))).collect();
            let sum: f64 = weights.iter().sum();
            Ok(Some(weights.iter().map(|weight| weight / sum * n_classes as f64).collect()))
        }
        ClassWeights::Given(weights) if weights.len() != n_classes => {
            Err(TrainError::ClassWeights { weights: weights.len(), classes: n_classes })
        }
        ClassWeights::Given(weights) => match weights.iter().find(|w| !(**w > 0.0 && w.is_finite())) {
            Some(weight) => Err(TrainError::Config {
                name: "class_weights",
                value: weight.to_string(),
                expected: "numbers above 0",
            }),
            None => Ok(Some(weights.clone())),
        },
    }
}
