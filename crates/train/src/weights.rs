//! How much each class weighs in the loss.

use serde::{Deserialize, Serialize};

use crate::{Target, TrainError};

/// Weights of the classes. The loss of a batch is `Σ w(class) · cross-entropy / Σ w(class)` over its rows, as that of
/// PyTorch's `CrossEntropyLoss(weight)`; so is the dev loss, with the same weights, so that early stopping watches what
/// is being minimised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeights {
    /// All alike.
    None,
    /// `n / (k · n_c)` for the n_c of n training rows (augmented copies count) in one of k classes: scikit-learn's
    /// `class_weight="balanced"`.
    Balanced,
    /// `1 / n_c`, scaled so that the weights add up to 1: the inverse-frequency weights of V-FT (arXiv 2110.06309).
    InverseFrequency,
    /// These, in the order of the classes.
    #[serde(untagged)]
    Given(Vec<f64>),
}

impl ClassWeights {
    /// The weights for training rows of these classes, all within `0..n_classes`; `None` where all are alike.
    ///
    /// # Errors
    /// When there is not one positive weight for each class, or a class that is to be counted has no rows.
    pub(crate) fn resolve<'t>(
        &self,
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
        match self {
            Self::None => Ok(None),
            Self::Balanced => {
                let counts = counted()?;
                let n: f64 = counts.iter().sum();
                Ok(Some(counts.iter().map(|count| n / (n_classes as f64 * count)).collect()))
            }
            Self::InverseFrequency => {
                let counts = counted()?;
                let sum: f64 = counts.iter().map(|count| 1.0 / count).sum();
                Ok(Some(counts.iter().map(|count| 1.0 / count / sum).collect()))
            }
            Self::Given(weights) if weights.len() != n_classes => {
                Err(TrainError::ClassWeights { weights: weights.len(), classes: n_classes })
            }
            Self::Given(weights) => match weights.iter().find(|w| !(**w > 0.0 && w.is_finite())) {
                Some(weight) => Err(TrainError::Config {
                    name: "class_weights",
                    value: weight.to_string(),
                    expected: "numbers above 0",
                }),
                None => Ok(Some(weights.clone())),
            },
        }
    }
}
