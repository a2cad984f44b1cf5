//! Figures of training epochs, and the dev figures by which epochs are selected.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::Stage;

/// The figures of one epoch of one training run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Epoch {
    /// The stage of the training run.
    pub stage: Stage,
    /// The number within the stage, from 1.
    pub number: u32,
    /// The learning rate of its last step.
    pub learning_rate: f64,
    /// Mean loss over the training examples, in training mode; weighted if classes have weights.
    pub train_loss: f64,
    /// The share of training examples that the outputs from which the loss was computed put in their class, in `0..=1`, for
    /// classification: in training mode, of weights that change from batch to batch. `None` of epochs whose program did not count.
    pub train_accuracy: Option<f64>,
    /// Mean loss over the dev examples, weighted likewise, if there is a dev part.
    pub dev_loss: Option<f64>,
    /// Accuracy on the dev examples, in `0..=1`, for classification.
    pub dev_accuracy: Option<f64>,
    /// Unweighted average recall on the dev examples, in `0..=1`, for classification.
    pub dev_uar: Option<f64>,
    /// Mean concordance correlation coefficient on the dev examples, in `-1..=1`, for regression.
    pub dev_ccc: Option<f64>,
    /// Whether the weights after this epoch were kept.
    pub kept: bool,
}

/// A figure on the dev part by which epochs or trials are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Monitor {
    /// The training loss: lower is better.
    DevLoss,
    /// Accuracy: higher is better.
    DevAccuracy,
    /// Unweighted average recall: higher is better.
    DevUar,
    /// Mean concordance correlation coefficient over the outputs: higher is better.
    DevCcc,
}

impl Monitor {
    /// All monitors with their names in pipelines.
    pub const ALL: [(&'static str, Self); 4] = [
        ("dev-loss", Self::DevLoss),
        ("dev-accuracy", Self::DevAccuracy),
        ("dev-uar", Self::DevUar),
        ("dev-ccc", Self::DevCcc),
    ];

    /// Returns the name in pipelines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// Returns the figure of an epoch, if it was computed.
    #[must_use]
    pub const fn of(self, epoch: &Epoch) -> Option<f64> {
        match self {
            Self::DevLoss => epoch.dev_loss,
            Self::DevAccuracy => epoch.dev_accuracy,
            Self::DevUar => epoch.dev_uar,
            Self::DevCcc => epoch.dev_ccc,
        }
    }

    /// Returns whether figure `new` is better than figure `old`.
    #[must_use]
    pub fn is_better(self, new: f64, old: f64) -> bool {
        match self {
            Self::DevLoss => new < old,
            Self::DevAccuracy | Self::DevUar | Self::DevCcc => new > old,
        }
    }

    /// Orders figures from better to worse, with missing ones last.
    #[must_use]
    pub fn order(self, a: Option<f64>, b: Option<f64>) -> Ordering {
        match (a, b) {
            (Some(a), Some(b)) if self.is_better(a, b) => Ordering::Less,
            (Some(a), Some(b)) if self.is_better(b, a) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }

    /// Returns the number of the first epoch with the best figure, and that figure.
    #[must_use]
    pub fn best<'e>(self, epochs: impl IntoIterator<Item = &'e Epoch>) -> Option<(u32, f64)> {
        let figures = epochs.into_iter().filter_map(|epoch| Some((epoch.number, self.of(epoch)?)));
        figures.reduce(|best, new| if self.is_better(new.1, best.1) { new } else { best })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(number: u32, dev_loss: Option<f64>) -> Epoch {
        Epoch {
            stage: Stage::Search,
            number,
            learning_rate: 1.0,
            train_loss: 1.0,
            train_accuracy: None,
            dev_loss,
            dev_accuracy: dev_loss,
            dev_uar: None,
            dev_ccc: None,
            kept: false,
        }
    }

    #[test]
    fn the_best_epoch_is_the_first_of_its_figure() {
        let losses = [Some(0.5), Some(0.2), None, Some(0.2), Some(0.5)];
        let epochs: Vec<Epoch> = (1..).zip(losses).map(|(number, loss)| epoch(number, loss)).collect();
        assert_eq!(Monitor::DevLoss.best(&epochs), Some((2, 0.2)));
        assert_eq!(Monitor::DevAccuracy.best(&epochs), Some((1, 0.5)));
        assert_eq!(Monitor::DevUar.best(&epochs), None);
    }

    #[test]
    fn words_are_those_of_serde() {
        for (name, monitor) in Monitor::ALL {
            assert_eq!(serde_json::to_value(monitor).unwrap(), name);
            assert_eq!(monitor.name(), name);
        }
    }
}
