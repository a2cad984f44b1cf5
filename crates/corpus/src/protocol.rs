//! Protocols: the assignment of examples to train, dev and test, one file per kind.

mod dev_share;
mod error;
mod greedy_assignment;
mod group;
mod group_kfold;
mod leave_one_group_out;
mod official;
mod published;
mod random;
mod remarks;
mod shuffle;
mod split_file;
mod split_table;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::{Example, Fold, Role};
use affekt_spec::protocol::{Protocol, SplitFile};

use whole::Whole;

pub use error::{ProtocolError, Without};
pub use published::{find_split, published_split_schema};
pub use remarks::remarks;
pub use split_file::read_split;

/// The role of each example in a fold, in order; `None` if the fold leaves it out.
type Roles = Vec<Option<Role>>;

/// How a kind of protocol gives roles.
trait Assign {
    /// Returns what is wrong with the protocol for any examples.
    fn impossible(&self) -> Option<ProtocolError>;

    /// Returns the role of every example in each fold, by the fold's number.
    ///
    /// # Errors
    /// When the protocol cannot be followed with these examples.
    fn roles(&self, examples: &[Example]) -> Result<Vec<(u32, Roles)>, ProtocolError>;
}

/// Returns how a protocol gives roles, or the file that lists them.
fn assignment(protocol: &Protocol) -> Result<&dyn Assign, &SplitFile> {
    match protocol {
        Protocol::Random(random) => Ok(random),
        Protocol::GroupKfold(kfold) => Ok(kfold),
        Protocol::LeaveOneGroupOut(leave_out) => Ok(leave_out),
        Protocol::Official(official) => Ok(official),
        Protocol::File(split) => Err(split),
        Protocol::Published(published) => Err(published.split()),
        Protocol::None => Ok(&Whole(Role::Train)),
        Protocol::TestOnly => Ok(&Whole(Role::Test)),
    }
}

/// Returns what is wrong with the protocol for any examples.
#[must_use]
pub fn impossible(protocol: &Protocol) -> Option<ProtocolError> {
    assignment(protocol).ok()?.impossible()
}

/// Returns what is wrong with examples that all have one class, from which nothing can be learnt.
#[must_use]
pub fn one_class(examples: &[Example]) -> Option<ProtocolError> {
    let classes: BTreeSet<&str> = examples.iter().filter_map(Example::class).collect();
    let class = (*classes.first().filter(|_| classes.len() == 1)?).to_owned();
    let examples = examples.iter().filter(|example| example.class().is_some()).count();
    Some(ProtocolError::OneClass { class, examples })
}

/// Applies a protocol and returns the folds by number. They depend on the set of examples, not on their order.
///
/// # Errors
/// Fails if the protocol cannot be applied to these examples.
pub fn folds(protocol: &Protocol, examples: &[Example]) -> Result<Vec<Fold>, ProtocolError> {
    if examples.is_empty() {
        return Err(ProtocolError::NoExamples);
    }
    if let Some(impossible) = impossible(protocol) {
        return Err(impossible);
    }
    let roles = match assignment(protocol) {
        Ok(assignment) => assignment.roles(examples)?,
        Err(split) => {
            let folds = split_file::roles(split, examples)?.into_iter();
            return folds.map(|(number, roles)| fold(number, examples, roles, true)).collect();
        }
    };
    let named = |roles: Roles| {
        let with_roles = examples.iter().zip(roles);
        with_roles.filter_map(|(example, role)| Some((example.utterance.id.clone(), role?))).collect()
    };
    let is_trained = *protocol != Protocol::TestOnly;
    roles.into_iter().map(|(number, roles)| fold(number, examples, named(roles), is_trained)).collect()
}

/// Creates a fold from the roles of utterances. An utterance that is listed twice has equal group, audio and name,
/// and hence one role. One without a label trains nothing and chooses nothing: only a test part keeps it, to predict it.
fn fold(
    number: u32,
    examples: &[Example],
    mut roles: BTreeMap<String, Role>,
    is_trained: bool,
) -> Result<Fold, ProtocolError> {
    let without_label = |role: Role| {
        let has_role = |example: &&Example| roles.get(&example.utterance.id) == Some(&role);
        examples.iter().filter(has_role).partition::<Vec<_>, _>(|example| example.target.is_none())
    };
    let mut left_out: Vec<&str> = Vec::new();
    for role in [Role::Train, Role::Dev] {
        let (without, with) = without_label(role);
        if !without.is_empty() && with.is_empty() {
            let blind: Vec<Example> = without.into_iter().cloned().collect();
            return Err(ProtocolError::Withheld {
                fold: number,
                role,
                without: Without::new(&blind, |_| true),
            });
        }
        left_out.extend(without.iter().map(|example| example.utterance.id.as_str()));
    }
    for utterance in left_out {
        roles.remove(utterance);
    }
    let mut trained = BTreeSet::new();
    let mut used = BTreeSet::new();
    for example in examples {
        let Some(role) = roles.get(&example.utterance.id) else { continue };
        used.extend(example.class());
        if *role == Role::Train {
            trained.extend(example.class());
        }
    }
    // Where nothing is to train, a model from elsewhere knows its classes.
    if let Some(class) = used.difference(&trained).next().filter(|_| is_trained) {
        return Err(ProtocolError::ClassNotTrained { fold: number, class: (*class).to_owned() });
    }
    Ok(Fold::new(number, roles).expect("keys of a map are unique"))
}
