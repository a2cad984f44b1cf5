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
use affekt_spec::protocol::Protocol;

pub use impossible::{Impossible, Without};
pub use remarks::remarks;
pub use split_file::read_split;

/// The role of each example in a fold, in their order; `None` where the fold leaves it out.
type Roles = Vec<Option<Role>>;

/// How a kind of protocol gives roles.
trait Assign {
    /// Returns what is wrong with it whatever the examples.
    fn impossible(&self) -> Option<Impossible>;

    /// Returns the role of every example in each fold, by the fold's number.
    ///
    /// # Errors
    /// When the protocol cannot be followed with these examples.
    fn roles(&self, examples: &[Example]) -> Result<Vec<(u32, Roles)>, Impossible>;
}

/// Returns what is wrong with a protocol whatever the examples.
#[must_use]
pub fn impossible(protocol: &Protocol) -> Option<Impossible> {
    match protocol {
        Protocol::Random(random) => random.impossible(),
        Protocol::GroupKfold(kfold) => kfold.impossible(),
        Protocol::LeaveOneGroupOut(leave_out) => leave_out.impossible(),
        Protocol::Official(official) => official.impossible(),
        Protocol::File(_) => None,
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
    if let Some(impossible) = impossible(protocol) {
        return Err(impossible);
    }
    let roles = match protocol {
        Protocol::Random(random) => random.roles(examples)?,
        Protocol::GroupKfold(kfold) => kfold.roles(examples)?,
        Protocol::LeaveOneGroupOut(leave_out) => leave_out.roles(examples)?,
        Protocol::Official(official) => official.roles(examples)?,
        Protocol::File(split) => {
            let folds = split_file::roles(split, examples)?.into_iter();
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
