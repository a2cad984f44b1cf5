//! The parts that the corpora themselves assign.

use affekt_domain::{Example, Role};
use serde::{Deserialize, Serialize};

use super::{Impossible, Roles, Without, dev_share};

/// One fold of the parts that every corpus assigns to its utterances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Official {
    /// What to choose on.
    pub dev: OfficialDev,
    /// Which of the many ways to take a share of the training speakers. Without effect on other dev parts.
    pub split_seed: u64,
}

/// What is chosen on where parts are official. Utterances of an official dev part that is not chosen on have no role:
/// training on them would not be what others call training on the official part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OfficialDev {
    /// The official dev part, of which there must be one.
    Official,
    /// Nothing.
    None,
    /// About this share of the official training part, in whole speakers that are not tested.
    Share(f64),
}

impl Official {
    /// What is wrong with it whatever the examples.
    pub(super) fn impossible(&self) -> Option<Impossible> {
        match self.dev {
            OfficialDev::Share(share) => dev_share::impossible(share),
            OfficialDev::Official | OfficialDev::None => None,
        }
    }

    /// The role of each example.
    pub(super) fn roles(&self, examples: &[Example]) -> Result<Roles, Impossible> {
        let parts = examples.iter().map(|example| example.utterance.part);
        if parts.clone().any(|part| part.is_none()) {
            let without = Without::new(examples, |utterance| utterance.part.is_none());
            return Err(Impossible::WithoutPart { without });
        }
        let needed: &[Role] = match self.dev {
            OfficialDev::Official => &Role::ALL,
            OfficialDev::None | OfficialDev::Share(_) => &[Role::Train, Role::Test],
        };
        if let Some(role) = needed.iter().find(|role| !parts.clone().any(|part| part == Some(**role))) {
            return Err(Impossible::NoOfficialPart { role: *role });
        }
        let mut roles: Roles = parts.map(|part| part.filter(|part| needed.contains(part))).collect();
        if let OfficialDev::Share(share) = self.dev {
            dev_share::take(1, examples, &mut roles, share, self.split_seed)?;
        }
        Ok(roles)
    }
}
