//! The role of an example: train, dev or test.

use serde::{Deserialize, Serialize};

/// The role of an example in a fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Used to fit networks, normalisers and clusters.
    Train,
    /// Used to select epochs and hyper-parameters.
    Dev,
    /// Used to compute the reported figures, never to fit or to select anything.
    Test,
}

impl Role {
    /// All roles, in the order in which they are used.
    pub const ALL: [Self; 3] = [Self::Train, Self::Dev, Self::Test];

    /// Returns the name that is written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Dev => "dev",
            Self::Test => "test",
        }
    }

    /// Returns the role with that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}
