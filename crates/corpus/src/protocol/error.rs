//! Errors of applying a protocol, with hints.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use affekt_config::list_names;
use affekt_domain::{Example, Role, Utterance};
use affekt_spec::protocol::Group;

/// An error for a protocol that cannot be applied to the examples.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProtocolError {
    /// There are no examples.
    #[error("there are no examples: check that the label scheme has classes for the corpora's emotions")]
    NoExamples,
    /// All labelled examples are of one class, which nothing can be told from.
    #[error(
        "all {examples} labelled examples are `{class}`, and telling classes apart takes two: look at what the label \
         scheme leaves out (`audit` counts it), and at `labels` of the card"
    )]
    OneClass {
        /// The class.
        class: String,
        /// Number of labelled examples.
        examples: usize,
    },
    /// The test and dev fractions are out of range, or leave nothing to train on.
    #[error(
        "test {test} and dev {dev} must be fractions that leave something to train on: try `test: 0.1, dev: 0.1`"
    )]
    Fractions {
        /// The test fraction.
        test: f64,
        /// The dev fraction.
        dev: f64,
    },
    /// The dev share is not between 0 and one half of the training speakers.
    #[error(
        "dev {share} must be a share of the training speakers, above 0 and at most a half: try `dev: 0.1`"
    )]
    DevShare {
        /// The share.
        share: f64,
    },
    /// Test and dev parts take all folds.
    #[error(
        "{folds} folds, {dev_folds} of them dev and one test, leave none to train on: try `folds: {}`",
        dev_folds.saturating_add(2)
    )]
    TooFewFolds {
        /// Number of folds.
        folds: u32,
        /// Number of folds used as dev.
        dev_folds: u32,
    },
    /// There are fewer groups than folds.
    #[error("{groups} {} cannot fill {folds} folds: {}add a corpus", if *groups == 1 { group.name() } else { group.plural() }, match groups {
        0 | 1 => "group by something that differs, or ".to_owned(),
        2 => "try `folds: 2` without a dev part, or ".to_owned(),
        _ => format!("try `folds: {groups}`, or "),
    })]
    TooFewGroups {
        /// The grouping.
        group: Group,
        /// Number of groups.
        groups: usize,
        /// Number of folds.
        folds: u32,
    },
    /// There are too few groups to leave one out, possibly use another as dev, and still train.
    #[error(
        "leaving one {} out{} takes {needed}, and the examples have {}: {}",
        group.name(),
        if *needed > 2 { " and choosing on the next" } else { "" },
        list_names(groups),
        match (*needed > 2 && groups.len() == 2, group) {
            (true, _) => "try `dev: none`, or add a corpus",
            (false, Group::Corpus) => "name another corpus under `corpora`, or leave out a speaker: `group: speaker`",
            (false, _) => "add a corpus, or group by something that differs",
        }
    )]
    TooFewToLeaveOneOut {
        /// The grouping.
        group: Group,
        /// The groups.
        groups: Vec<String>,
        /// Number of groups required.
        needed: usize,
    },
    /// There are too few training speakers to use some of them as dev.
    #[error(
        "fold {fold} trains on {speakers} {} that its test part does not have, and a dev part of whole speakers \
         takes two: try `dev: none`, or add a corpus",
        if *speakers == 1 { "speaker" } else { "speakers" }
    )]
    TooFewDevSpeakers {
        /// The number of the fold.
        fold: u32,
        /// Number of available training speakers.
        speakers: usize,
    },
    /// Some utterances have no group.
    #[error("{without} no {}: group by something else, or remove those corpora", group.name())]
    WithoutGroup {
        /// The grouping.
        group: Group,
        /// The utterances.
        without: Without,
    },
    /// Some utterances have no official part.
    #[error(
        "{without} no official part: remove those corpora, or give the parts in a table with `kind: file`"
    )]
    WithoutPart {
        /// The utterances.
        without: Without,
    },
    /// No utterance is in an official part that the protocol requires.
    #[error(
        "no example is in the official part `{}`: {}", role.name(),
        if *role == Role::Dev { "try `dev: none`, or a share of the training speakers such as `dev: 0.1`" }
        else { "check the labels of that part, or give the parts in a table with `kind: file`" }
    )]
    NoOfficialPart {
        /// The part.
        role: Role,
    },
    /// None of the utterances named in a fold of the split file is in the experiment.
    #[error(
        "fold {fold} of the split names {named} utterances, and the experiment has none of them: the split has \
         `{first}`, the experiment `{example}`"
    )]
    NothingNamed {
        /// The number of the fold.
        fold: u32,
        /// Number of utterances named in it.
        named: usize,
        /// The first of these names.
        first: String,
        /// The id of an utterance of the experiment, for comparison.
        example: String,
    },
    /// Names in the split file match several utterances.
    #[error(
        "{names} of the split's names {} several utterances: {first}: write the corpus before the path, as in the \
         experiment's ids",
        if *names == 1 { "matches" } else { "match" }
    )]
    Ambiguous {
        /// Number of such names.
        names: usize,
        /// The first of them, with the utterances that they match.
        first: String,
    },
    /// Two names in the split file match one utterance.
    #[error(
        "`{first}` and `{second}` in fold {fold} of the split are both `{utterance}`: remove one of them"
    )]
    NamedTwice {
        /// The number of the fold.
        fold: u32,
        /// The utterance.
        utterance: String,
        /// One of its names.
        first: String,
        /// The other.
        second: String,
    },
    /// The experiment has none of the utterances that the split file assigns to a role in a fold.
    #[error(
        "the experiment has none of the utterances that the split puts in {} of fold {fold}: add the corpus they \
         belong to, or leave the fold out",
        role.name()
    )]
    NoneOfRole {
        /// The number of the fold.
        fold: u32,
        /// The role.
        role: Role,
    },
    /// No utterance of a fold's train or dev part has a label.
    #[error(
        "{without} no label, and the {} part of fold {fold} has no others: only test rows may all be without; try \
         `kind: official`, which tests the blind part of a corpus, or a label scheme for what the corpus tells",
        role.name()
    )]
    Withheld {
        /// The number of the fold.
        fold: u32,
        /// The part.
        role: Role,
        /// The utterances.
        without: Without,
    },
    /// A class has no training examples in a fold.
    #[error(
        "fold {fold} has no `{class}` to train on: try a label scheme without it, fewer folds, or another split"
    )]
    ClassNotTrained {
        /// The number of the fold.
        fold: u32,
        /// The class.
        class: String,
    },
}

impl ProtocolError {
    /// Creates the error for names in a split file that match several utterances.
    pub(super) fn ambiguous(names: &BTreeMap<&str, Vec<&str>>) -> Self {
        let fits = |(name, utterances): (&&str, &Vec<&str>)| {
            let more = if utterances.len() > NAMED { ", …" } else { "" };
            format!("`{name}` is {}{more}", list_names(&utterances[..utterances.len().min(NAMED)]))
        };
        let first: Vec<String> = names.iter().take(NAMED).map(fits).collect();
        let more = if names.len() > NAMED { "; …" } else { "" };
        Self::Ambiguous { names: names.len(), first: first.join("; ") + more }
    }
}

/// The maximum number of names that a message lists.
pub(super) const NAMED: usize = 3;

/// Utterances that lack something, for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Without {
    /// Number of utterances.
    pub utterances: usize,
    /// The first of them.
    pub first: Vec<String>,
    /// Their corpora.
    pub corpora: Vec<String>,
}

impl Without {
    /// Collects the utterances of which `lacks` says that they lack it.
    #[must_use]
    pub fn new(examples: &[Example], lacks: impl Fn(&Utterance) -> bool) -> Self {
        let lacking = || examples.iter().map(|example| &example.utterance).filter(|it| lacks(it));
        let corpora: BTreeSet<&String> = lacking().map(|utterance| &utterance.corpus).collect();
        // Examples come in any order, but the message must not depend on it.
        let names: BTreeSet<&String> = lacking().map(|utterance| &utterance.id).collect();
        Self {
            utterances: names.len(),
            first: names.into_iter().take(NAMED).cloned().collect(),
            corpora: corpora.into_iter().cloned().collect(),
        }
    }
}

/// Formats as ``1440 utterances of `RAVDESS` (`RAVDESS/a`, `RAVDESS/b`, `RAVDESS/c`, …) have``.
impl fmt::Display for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (noun, verb) = if self.utterances == 1 { ("utterance", "has") } else { ("utterances", "have") };
        let more = if self.utterances > self.first.len() { ", …" } else { "" };
        let (corpora, first) = (list_names(&self.corpora), list_names(&self.first));
        write!(f, "{} {noun} of {corpora} ({first}{more}) {verb}", self.utterances)
    }
}
