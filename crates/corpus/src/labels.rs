//! Application of a label scheme to utterances.

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::{Example, LabelScheme, Labels, SchemeOutcome, Task, Utterance};

/// The result of applying a label scheme to a manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// The utterances that the scheme keeps, in order. Those without the annotations that the scheme uses have no
    /// target.
    pub examples: Vec<Example>,
    /// The task: the scheme's classes or targets in its order, or otherwise every emotion present, sorted.
    pub task: Task,
    /// Numbers of utterances left out, by corpus and by emotion without a class or missing value.
    pub left_out: BTreeMap<(String, String), usize>,
}

/// Applies a label scheme to utterances.
#[must_use]
pub fn label(scheme: &LabelScheme, utterances: Vec<Utterance>) -> Labelled {
    let mut examples = Vec::with_capacity(utterances.len());
    let mut left_out = BTreeMap::new();
    for utterance in utterances {
        let target = match scheme.apply(&utterance) {
            SchemeOutcome::Target(target) => Some(target),
            SchemeOutcome::Withheld => None,
            SchemeOutcome::LeftOut(why) => {
                *left_out.entry((utterance.corpus, why)).or_default() += 1;
                continue;
            }
        };
        examples.push(Example { utterance, target });
    }
    let present = || {
        let classes: BTreeSet<&str> = examples.iter().filter_map(Example::class).collect();
        classes.into_iter().map(str::to_owned).collect()
    };
    let task = match &scheme.labels {
        Labels::Classes(rules) => Task::Classes(rules.classes.clone().unwrap_or_else(present)),
        Labels::Targets(targets) => Task::Outputs(targets.clone()),
    };
    Labelled { examples, task, left_out }
}
