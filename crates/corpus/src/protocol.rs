//! Protocols: which examples train, which choose, which test. One file a kind.

mod group_kfold;
mod random;
mod shuffle;

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::{Example, Fold, Role, Utterance};
use serde::{Deserialize, Serialize};

pub use group_kfold::GroupKfold;
pub use random::Random;

/// A way of making folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Protocol {
    /// One fold at random, stratified by class.
    Random(Random),
    /// As many folds as wished, no group in two roles of any.
    GroupKfold(GroupKfold),
}

impl Protocol {
    /// What must stand beside every figure from this protocol.
    #[must_use]
    pub fn stamps(&self) -> Vec<String> {
        match self {
            Self::Random(_) => vec!["speakers shared".to_owned()],
            Self::GroupKfold(_) => Vec::new(),
        }
    }

    /// Whether its folds have a dev part.
    #[must_use]
    pub fn has_dev(&self) -> bool {
        match self {
            Self::Random(random) => random.dev > 0.0,
            Self::GroupKfold(kfold) => kfold.dev_folds > 0,
        }
    }

    /// What is wrong with it whatever the examples.
    #[must_use]
    pub fn impossible(&self) -> Option<Impossible> {
        match self {
            Self::Random(random) => random.impossible(),
            Self::GroupKfold(kfold) => kfold.impossible(),
        }
    }

    /// How many folds it makes, where that does not depend on the examples.
    #[must_use]
    pub fn n_folds(&self) -> Option<u32> {
        match self {
            Self::Random(_) => Some(1),
            Self::GroupKfold(kfold) => Some(kfold.folds),
        }
    }
}

/// What must stay together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// All recordings of a speaker.
    Speaker,
}

impl Group {
    /// The group of an utterance.
    #[must_use]
    pub fn of(self, utterance: &Utterance) -> &str {
        match self {
            Self::Speaker => &utterance.speaker,
        }
    }

    /// Its name in the plural.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Speaker => "speakers",
        }
    }
}

/// The protocol cannot be followed with these examples.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Impossible {
    /// There is nothing to part.
    #[error("there are no examples: check that the label scheme has classes for the corpora's emotions")]
    NoExamples,
    /// The parts leave nothing to train on, or are no fractions.
    #[error(
        "test {test} and dev {dev} are no fractions that leave something to train on: try `test: 0.1, dev: 0.1`"
    )]
    Fractions {
        /// The test part.
        test: f64,
        /// The dev part.
        dev: f64,
    },
    /// Test and dev take all the folds.
    #[error(
        "{folds} folds, {dev_folds} of them dev and one test, leave none to train on: try `folds: {}`",
        dev_folds.saturating_add(2)
    )]
    TooFewFolds {
        /// The folds wished for.
        folds: u32,
        /// Those used as dev.
        dev_folds: u32,
    },
    /// There are fewer groups than folds.
    #[error("{groups} {} cannot fill {folds} folds: try `folds: {groups}`{}, or add a corpus", group.plural(),
        if *groups < 3 { " without a dev part" } else { "" })]
    TooFewGroups {
        /// What must stay together.
        group: Group,
        /// How many groups there are.
        groups: usize,
        /// The folds wished for.
        folds: u32,
    },
    /// A fold would train without ever seeing a class.
    #[error(
        "fold {fold} has no `{class}` to train on: try another `split_seed`, fewer folds, or a label scheme without it"
    )]
    ClassNotTrained {
        /// The fold.
        fold: u32,
        /// The class.
        class: String,
    },
}

/// The folds of a protocol. They depend on the protocol and the set of examples, not on their order.
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
        Protocol::Random(random) => vec![random.roles(examples)?],
        Protocol::GroupKfold(kfold) => kfold.roles(examples)?,
    };
    let numbered = (1..).zip(&roles);
    numbered.map(|(number, roles)| fold(number, examples, roles)).collect()
}

/// What a reader of the results should know about these folds, in sentences.
#[must_use]
pub fn remarks(folds: &[Fold], examples: &[Example]) -> Vec<String> {
    let mut remarks = Vec::new();
    let by_id: BTreeMap<&str, &Example> =
        examples.iter().map(|example| (example.utterance.id.as_str(), example)).collect();
    let mut speakers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Example { utterance, .. } in examples {
        speakers.entry(&utterance.corpus).or_default().insert(&utterance.speaker);
    }
    let classes: BTreeSet<&str> = examples.iter().map(|example| example.class.as_str()).collect();

    let mut tested_in: BTreeMap<&str, usize> = BTreeMap::new();
    let mut absent = Vec::new();
    for fold in folds {
        let mut corpora = BTreeSet::new();
        let mut present: BTreeMap<Role, BTreeSet<&str>> = BTreeMap::new();
        for (id, role) in fold.rows() {
            let Some(example) = by_id.get(id) else { continue };
            present.entry(role).or_default().insert(&example.class);
            if role == Role::Test {
                corpora.insert(example.utterance.corpus.as_str());
            }
        }
        for corpus in corpora {
            *tested_in.entry(corpus).or_default() += 1;
        }
        for (role, present) in present {
            let missing: Vec<&str> = classes.difference(&present).copied().collect();
            if !missing.is_empty() {
                let missing = affekt_config::list_names(&missing);
                absent.push(format!("fold {} has no {missing} in {}", fold.number(), role.name()));
            }
        }
    }
    for (corpus, speakers) in speakers {
        let tested = tested_in.get(corpus).copied().unwrap_or_default();
        if tested < folds.len() {
            remarks.push(format!(
                "{corpus} has {} {}: it is tested in {tested} of {} folds",
                speakers.len(),
                if speakers.len() == 1 { "speaker" } else { "speakers" },
                folds.len()
            ));
        }
    }
    remarks.extend(absent);
    remarks
}

/// The fold in which `examples` have `roles`, in the same order.
fn fold(number: u32, examples: &[Example], roles: &[Role]) -> Result<Fold, Impossible> {
    let trained: BTreeSet<&str> = examples
        .iter()
        .zip(roles)
        .filter(|(_, role)| **role == Role::Train)
        .map(|(example, _)| example.class.as_str())
        .collect();
    if let Some(example) = examples.iter().find(|example| !trained.contains(example.class.as_str())) {
        return Err(Impossible::ClassNotTrained { fold: number, class: example.class.clone() });
    }
    let rows = examples.iter().zip(roles).map(|(example, role)| (example.utterance.id.clone(), *role));
    // An utterance that is listed twice keeps its group and its audio, and so its role.
    Ok(Fold::new(number, rows.collect::<BTreeMap<_, _>>()).expect("a map has each utterance once"))
}
