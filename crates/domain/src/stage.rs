//! Stages of a training run.

use serde::{Deserialize, Serialize};

/// The stage of a training run that an epoch belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The first training; the only one, unless the number of epochs is selected before retraining.
    Search,
    /// Retraining for the number of epochs that the search stage selected.
    Refit,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 2] = [Self::Search, Self::Refit];

    /// Returns the name that is written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Refit => "refit",
        }
    }

    /// Returns the stage with that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}
