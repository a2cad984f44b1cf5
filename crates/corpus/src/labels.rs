//! A label scheme over utterances: examples, the task, and what the scheme leaves out.

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::{Example, LabelScheme, Labels, Task, Utterance, Verdict};

/// What a label scheme makes of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// The utterances that the scheme has a place for, in the order they came. Those of which the corpus tells nothing
    /// that the scheme asks for have no target.
    pub examples: Vec<Example>,
    /// What is predicted: the scheme's classes or targets in its order, or else every emotion there is, sorted.
    pub task: Task,
    /// How many utterances of (corpus, emotion without a class, or value that is missing) are left out.
    pub left_out: BTreeMap<(String, String), usize>,
}

/// Gives each utterance its target.
#[must_use]
pub fn label(scheme: &LabelScheme, utterances: Vec<Utterance>) -> Labelled {
    let mut examples = Vec::with_capacity(utterances.len());
    let mut left_out = BTreeMap::new();
    for utterance in utterances {
        let target = match scheme.judge(&utterance) {
            Verdict::Target(target) => Some(target),
            Verdict::Withheld => None,
            Verdict::LeftOut(why) => {
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
