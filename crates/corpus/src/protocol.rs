//! Protocols: which examples train, which choose, which test. One file a kind.

mod dealing;
mod dev_share;
mod group;
mod group_kfold;
mod impossible;
mod leave_one_group_out;
mod official;
mod random;
mod remarks;
mod shuffle;
mod split_file;
mod split_table;

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::{Example, Fold, Role};
use serde::{Deserialize, Serialize};

use crate::Permission;

pub use group::Group;
pub use group_kfold::GroupKfold;
pub use impossible::{Impossible, Without};
pub use leave_one_group_out::{DevPart, LeaveOneGroupOut};
pub use official::{Official, OfficialDev};
pub use random::Random;
pub use remarks::remarks;
pub use split_file::SplitFile;

/// A way of making folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Protocol {
    /// One fold at random, stratified by class where there are classes.
    Random(Random),
    /// As many folds as wished, no group in two roles of any.
    GroupKfold(GroupKfold),
    /// One fold a group, which it tests.
    LeaveOneGroupOut(LeaveOneGroupOut),
    /// One fold of the parts that the corpora assign.
    Official(Official),
    /// The folds that somebody wrote down.
    File(SplitFile),
}

/// The role of each example in a fold, in their order; `None` where the fold leaves it out.
type Roles = Vec<Option<Role>>;

impl Protocol {
    /// What has to be permitted before it can be followed.
    #[must_use]
    pub const fn needs(&self) -> &'static [Permission] {
        match self {
            Self::Random(_) => &[Permission::SharedSpeakers],
            Self::GroupKfold(_) | Self::LeaveOneGroupOut(_) | Self::Official(_) | Self::File(_) => &[],
        }
    }

    /// What must stand beside every figure from this protocol, whatever the examples.
    #[must_use]
    pub fn stamps(&self) -> Vec<String> {
        self.needs().iter().map(|permission| permission.stamp().to_owned()).collect()
    }

    /// Whether all its folds have a dev part.
    #[must_use]
    pub fn has_dev(&self) -> bool {
        match self {
            Self::Random(random) => random.dev > 0.0,
            Self::GroupKfold(kfold) => kfold.dev_folds > 0,
            Self::LeaveOneGroupOut(leave_out) => leave_out.dev != DevPart::None,
            Self::Official(official) => official.dev != OfficialDev::None,
            Self::File(split) => split.has_dev(),
        }
    }

    /// What is wrong with it whatever the examples.
    #[must_use]
    pub fn impossible(&self) -> Option<Impossible> {
        match self {
            Self::Random(random) => random.impossible(),
            Self::GroupKfold(kfold) => kfold.impossible(),
            Self::LeaveOneGroupOut(leave_out) => leave_out.impossible(),
            Self::Official(official) => official.impossible(),
            Self::File(_) => None,
        }
    }

    /// The numbers of its folds in order, or `None` where they depend on the examples.
    #[must_use]
    pub fn fold_numbers(&self) -> Option<Vec<u32>> {
        match self {
            Self::Random(_) | Self::Official(_) => Some(vec![1]),
            Self::GroupKfold(kfold) => Some((1..=kfold.folds).collect()),
            Self::LeaveOneGroupOut(_) => None,
            Self::File(split) => Some(split.fold_numbers()),
        }
    }
}

/// The folds of a protocol, by number. They depend on the protocol and the set of examples, not on their order.
///
/// # Errors
/// When the protocol cannot be followed with these examples.
pub fn folds(protocol: &Protocol, examples: &[Example]) -> Result<Vec<Fold>, Impossible> {
    if examples.is_empty() {
        return Err(Impossible::NoExamples);
    }
    if let Some(impossible) = protocol.impossible() {
        return Err(impossible);
    }
    let roles = match protocol {
        Protocol::Random(random) => vec![(1, random.roles(examples)?)],
        Protocol::GroupKfold(kfold) => kfold.roles(examples)?,
        Protocol::LeaveOneGroupOut(leave_out) => leave_out.roles(examples)?,
        Protocol::Official(official) => vec![(1, official.roles(examples)?)],
        Protocol::File(split) => {
            let folds = split.roles(examples)?.into_iter();
            return folds.map(|(number, roles)| fold(number, examples, roles)).collect();
        }
    };
    let named = |roles: Roles| {
        let with_roles = examples.iter().zip(roles);
        with_roles.filter_map(|(example, role)| Some((example.utterance.id.clone(), role?))).collect()
    };
    roles.into_iter().map(|(number, roles)| fold(number, examples, named(roles))).collect()
}

/// The fold in which utterances have `roles`. An utterance that is listed twice keeps its group, its audio and its
/// name, and so its role.
fn fold(number: u32, examples: &[Example], roles: BTreeMap<String, Role>) -> Result<Fold, Impossible> {
    let mut trained = BTreeSet::new();
    let mut used = BTreeSet::new();
    for example in examples {
        let Some(role) = roles.get(&example.utterance.id) else { continue };
        used.extend(example.class());
        if *role == Role::Train {
            trained.extend(example.class());
        }
    }
    let is_unlearnable = |example: &Example| {
        let role = roles.get(&example.utterance.id);
        example.target.is_none() && role.is_some_and(|role| *role != Role::Test)
    };
    if examples.iter().any(is_unlearnable) {
        let blind: Vec<Example> =
            examples.iter().filter(|example| is_unlearnable(example)).cloned().collect();
        return Err(Impossible::Withheld { fold: number, without: Without::new(&blind, |_| true) });
    }
    if let Some(class) = used.difference(&trained).next() {
        return Err(Impossible::ClassNotTrained { fold: number, class: (*class).to_owned() });
    }
    Ok(Fold::new(number, roles).expect("a map has each utterance once"))
}
