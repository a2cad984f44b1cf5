//! What publications print beside their measures: figures by class, losses, epochs, trials. Fractions, as everywhere.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a publication prints of a system, as far as it does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Printed {
    /// The figures of each class, in the order of the publication.
    pub per_class: Vec<(String, PrintedClass)>,
    /// The means over classes.
    pub macro_average: Option<PrintedClass>,
    /// The means over classes, weighted by their numbers of utterances.
    pub weighted_average: Option<PrintedClass>,
    /// The mean loss on the test part.
    pub test_loss: Option<f64>,
    /// On the dev part.
    pub dev: PrintedPart,
    /// The epoch whose weights were kept, or how many were trained.
    pub epochs: Option<u32>,
    /// The trials of a search for hyper-parameters.
    pub trials: Vec<PrintedTrial>,
}

/// Figures of a class, or their means.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PrintedClass {
    /// Precision.
    pub precision: Option<f64>,
    /// Recall.
    pub recall: Option<f64>,
    /// F1.
    pub f1: Option<f64>,
    /// Number of utterances.
    pub support: Option<u32>,
}

/// Figures of a part of the data.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PrintedPart {
    /// Accuracy.
    pub wa: Option<f64>,
    /// Mean loss.
    pub loss: Option<f64>,
}

/// A trial of a search for hyper-parameters.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PrintedTrial {
    /// Its settings, by path.
    pub settings: BTreeMap<String, Value>,
    /// On the training part.
    pub train: PrintedPart,
    /// On the dev part.
    pub dev: PrintedPart,
}
