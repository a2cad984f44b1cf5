//! As many folds as wished, no group in two roles of any: the honest protocol where there are no official parts.

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::{Example, Role};
use serde::{Deserialize, Serialize};

use super::{Group, Impossible, Roles, dealing};

/// Groups are dealt to `folds` parts. Fold *i* tests part *i*, chooses on the next `dev_folds` parts and trains on
/// the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupKfold {
    /// What must stay together.
    pub group: Group,
    /// How many folds.
    pub folds: u32,
    /// How many parts to choose on: 0 for none, usually 1.
    pub dev_folds: u32,
    /// Which of the many ways to deal.
    pub split_seed: u64,
}

impl GroupKfold {
    /// What is wrong with it whatever the examples.
    pub(super) fn impossible(&self) -> Option<Impossible> {
        let Self { folds, dev_folds, .. } = *self;
        (folds < dev_folds.saturating_add(2)).then_some(Impossible::TooFewFolds { folds, dev_folds })
    }

    /// For each fold, the role of each example.
    pub(super) fn roles(&self, examples: &[Example]) -> Result<Vec<(u32, Roles)>, Impossible> {
        let Self { group, folds, dev_folds, split_seed } = *self;
        let groups = group.of_all(examples)?;
        let there_are = groups.iter().collect::<BTreeSet<_>>().len();
        if there_are < folds as usize {
            return Err(Impossible::TooFewGroups { group, groups: there_are, folds });
        }
        let rows: Vec<(&Example, &str)> = examples.iter().zip(groups.iter().map(AsRef::as_ref)).collect();
        let parts: BTreeMap<&str, usize> =
            dealing::deal(&rows, &vec![1.0; folds as usize], split_seed).into_iter().collect();
        let role = |fold: u32, part: u32| match (part + folds - fold) % folds {
            0 => Role::Test,
            ahead if ahead <= dev_folds => Role::Dev,
            _ => Role::Train,
        };
        let roles = |fold| rows.iter().map(|(_, group)| Some(role(fold, parts[group] as u32))).collect();
        Ok((0..folds).map(|fold| (fold + 1, roles(fold))).collect())
    }
}
