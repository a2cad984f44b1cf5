//! Why a protocol cannot be followed, and what to try.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use affekt_config::list_names;
use affekt_domain::{Example, Role, Utterance};
use affekt_spec::protocol::Group;

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
    /// The dev part would take more of the training speakers than it leaves, or none.
    #[error("dev {share} is no share of the training speakers up to a half: try `dev: 0.1`")]
    DevShare {
        /// The share that was asked for.
        share: f64,
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
    /// There are too few groups to leave one out, and perhaps to choose on another, and still train.
    #[error(
        "leaving one {} out{} takes {needed}, and the examples have {}: {}",
        group.name(),
        if *needed > 2 { " and choosing on the next" } else { "" },
        list_names(groups),
        if *needed > 2 && groups.len() == 2 { "try `dev: none`, or add a corpus" }
        else { "add a corpus, or group by something that differs" }
    )]
    TooFewToLeaveOneOut {
        /// What is left out.
        group: Group,
        /// The groups that there are.
        groups: Vec<String>,
        /// How many are needed.
        needed: usize,
    },
    /// There are too few training speakers to choose on some of them.
    #[error(
        "fold {fold} trains on {speakers} {} that its test part does not have, and a dev part of whole speakers \
         takes two: try `dev: none`, or add a corpus",
        if *speakers == 1 { "speaker" } else { "speakers" }
    )]
    TooFewDevSpeakers {
        /// The fold.
        fold: u32,
        /// The training speakers that could be taken.
        speakers: usize,
    },
    /// The corpora do not tell the group of some utterances.
    #[error("{without} no {}: group by something else, or leave those corpora out", group.name())]
    WithoutGroup {
        /// What must stay together.
        group: Group,
        /// The utterances.
        without: Without,
    },
    /// The corpora do not assign some utterances to a part.
    #[error(
        "{without} no official part: leave those corpora out, or give the parts in a table with `kind: file`"
    )]
    WithoutPart {
        /// The utterances.
        without: Without,
    },
    /// No utterance is in an official part that the protocol needs.
    #[error(
        "no example is in the official part `{}`: {}", role.name(),
        if *role == Role::Dev { "try `dev: none`, or a share of the training speakers such as `dev: 0.1`" }
        else { "check the labels of that part, or give the parts in a table with `kind: file`" }
    )]
    NoOfficialPart {
        /// The part.
        role: Role,
    },
    /// A fold of the split names nothing that the experiment has.
    #[error(
        "fold {fold} of the split names {named} utterances, and the experiment has none of them: the split has \
         `{first}`, the experiment `{example}`"
    )]
    NothingNamed {
        /// The fold.
        fold: u32,
        /// How many it names.
        named: usize,
        /// The first of them.
        first: String,
        /// An utterance of the experiment.
        example: String,
    },
    /// Names of the split fit several utterances.
    #[error(
        "{names} of the split's names {} several utterances: {first}: write the corpus before the path, as in the \
         experiment's ids",
        if *names == 1 { "fits" } else { "fit" }
    )]
    Ambiguous {
        /// How many names do.
        names: usize,
        /// The first of them, each with utterances that it fits.
        first: String,
    },
    /// Two names of the split are one utterance.
    #[error("`{first}` and `{second}` in fold {fold} of the split are both `{utterance}`: keep one of them")]
    NamedTwice {
        /// The fold.
        fold: u32,
        /// The utterance.
        utterance: String,
        /// One of its names.
        first: String,
        /// The other.
        second: String,
    },
    /// None of the utterances that the split gives a role in a fold is here.
    #[error(
        "the experiment has none of the utterances that the split puts in {} of fold {fold}: add the corpus they \
         belong to, or leave the fold out",
        role.name()
    )]
    NoneOfRole {
        /// The fold.
        fold: u32,
        /// The role.
        role: Role,
    },
    /// A fold would train on, or choose by, utterances whose labels nobody has.
    #[error(
        "{without} no label, and fold {fold} would train on or choose by them: only test rows may be without; try \
         `kind: official`, which tests the blind part of a corpus, or a label scheme for what the corpus tells"
    )]
    Withheld {
        /// The fold.
        fold: u32,
        /// The utterances.
        without: Without,
    },
    /// A fold would train without ever seeing a class.
    #[error(
        "fold {fold} has no `{class}` to train on: try a label scheme without it, fewer folds, or another split"
    )]
    ClassNotTrained {
        /// The fold.
        fold: u32,
        /// The class.
        class: String,
    },
}

impl Impossible {
    /// Names of a split, each with the utterances that it fits.
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

/// How many names a message gives of many.
pub(super) const NAMED: usize = 3;

/// Utterances that lack something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Without {
    /// How many.
    pub utterances: usize,
    /// The first of them.
    pub first: Vec<String>,
    /// Their corpora.
    pub corpora: Vec<String>,
}

impl Without {
    pub(super) fn new(examples: &[Example], lacks: impl Fn(&Utterance) -> bool) -> Self {
        let lacking = || examples.iter().map(|example| &example.utterance).filter(|it| lacks(it));
        let corpora: BTreeSet<&String> = lacking().map(|utterance| &utterance.corpus).collect();
        // Examples come in any order; the message is one.
        let names: BTreeSet<&String> = lacking().map(|utterance| &utterance.id).collect();
        Self {
            utterances: names.len(),
            first: names.into_iter().take(NAMED).cloned().collect(),
            corpora: corpora.into_iter().cloned().collect(),
        }
    }
}

/// ``1440 utterances of `RAVDESS` (`RAVDESS/a`, `RAVDESS/b`, `RAVDESS/c`, …) have``
impl fmt::Display for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (noun, verb) = if self.utterances == 1 { ("utterance", "has") } else { ("utterances", "have") };
        let more = if self.utterances > self.first.len() { ", …" } else { "" };
        let (corpora, first) = (list_names(&self.corpora), list_names(&self.first));
        write!(f, "{} {noun} of {corpora} ({first}{more}) {verb}", self.utterances)
    }
}
