//! Group k-fold: any number of folds, with no group in two roles; recommended where there are no official parts.

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::{Example, Role};
use affekt_spec::protocol::{DevFolds, GroupKfold};

use super::{Assign, ProtocolError, Roles, greedy_assignment, group};

impl Assign for GroupKfold {
    fn impossible(&self) -> Option<ProtocolError> {
        let Self { folds, dev_folds: DevFolds(dev_folds), .. } = *self;
        (folds < dev_folds.saturating_add(2)).then_some(ProtocolError::TooFewFolds { folds, dev_folds })
    }

    fn roles(&self, examples: &[Example]) -> Result<Vec<(u32, Roles)>, ProtocolError> {
        let Self { group, folds, dev_folds: DevFolds(dev_folds), split_seed } = *self;
        let groups = group::of_all(group, examples)?;
        let there_are = groups.iter().collect::<BTreeSet<_>>().len();
        if there_are < folds as usize {
            return Err(ProtocolError::TooFewGroups { group, groups: there_are, folds });
        }
        let rows: Vec<(&Example, &str)> = examples.iter().zip(groups.iter().map(AsRef::as_ref)).collect();
        let parts: BTreeMap<&str, usize> =
            greedy_assignment::assign(&rows, &vec![1.0; folds as usize], split_seed).into_iter().collect();
        let role = |fold: u32, part: u32| match (part + folds - fold) % folds {
            0 => Role::Test,
            ahead if ahead <= dev_folds => Role::Dev,
            _ => Role::Train,
        };
        let roles = |fold| rows.iter().map(|(_, group)| Some(role(fold, parts[group] as u32))).collect();
        Ok((0..folds).map(|fold| (fold + 1, roles(fold))).collect())
    }
}
