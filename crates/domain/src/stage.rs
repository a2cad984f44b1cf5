//! What an epoch is trained for.

use serde::{Deserialize, Serialize};

/// The stage of a training run that an epoch belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The first training, which is the only one but where an epoch is searched for to train anew.
    Search,
    /// Training anew, for as many epochs as the search found best.
    Refit,
}

impl Stage {
    /// All stages, in their order.
    pub const ALL: [Self; 2] = [Self::Search, Self::Refit];

    /// Its name, as written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Refit => "refit",
        }
    }

    /// The stage called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}
