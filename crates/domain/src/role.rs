//! What an example is used for.

use serde::{Deserialize, Serialize};

/// The role of an example in a fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Networks, normalisers and clusters are fitted on these.
    Train,
    /// Epochs and hyper-parameters are chosen on these.
    Dev,
    /// Figures come from these. Nothing is ever fitted on or chosen by them.
    Test,
}

impl Role {
    /// All roles, in the order of their use.
    pub const ALL: [Self; 3] = [Self::Train, Self::Dev, Self::Test];

    /// Its name, as written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Dev => "dev",
            Self::Test => "test",
        }
    }

    /// The role called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}
