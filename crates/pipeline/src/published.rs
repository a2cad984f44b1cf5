//! Published figures to set beside ours.

use affekt_config::Section;
use serde::Serialize;

/// What a paper reports for a system like this one. Fractions.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Published {
    /// Unweighted average recall.
    pub uar: Option<f64>,
    /// Accuracy.
    pub wa: Option<f64>,
    /// Macro-averaged F1.
    pub macro_f1: Option<f64>,
    /// Where it is printed.
    pub source: Option<String>,
    /// What keeps the figures from being compared as they stand.
    pub caveat: Option<String>,
}

impl Published {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self {
            uar: section.optional_float("uar", 0.0..=1.0),
            wa: section.optional_float("wa", 0.0..=1.0),
            macro_f1: section.optional_float("macro_f1", 0.0..=1.0),
            source: section.optional_text("source"),
            caveat: section.optional_text("caveat"),
        }
    }
}
