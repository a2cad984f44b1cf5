//! A label scheme over utterances: examples, classes, and what the scheme has no class for.

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::{Example, LabelScheme, Utterance};

/// What a label scheme makes of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// The utterances that have a class, in the order they came.
    pub examples: Vec<Example>,
    /// The classes: the scheme's in its order, or else every emotion there is, sorted.
    pub classes: Vec<String>,
    /// How many utterances of (corpus, emotion) have no class and are left out.
    pub left_out: BTreeMap<(String, String), usize>,
}

/// Gives each utterance its class.
#[must_use]
pub fn label(scheme: &LabelScheme, utterances: Vec<Utterance>) -> Labelled {
    let mut examples = Vec::with_capacity(utterances.len());
    let mut left_out = BTreeMap::new();
    for utterance in utterances {
        match scheme.class_of(&utterance.corpus, &utterance.emotion).map(str::to_owned) {
            Some(class) => examples.push(Example { utterance, class }),
            None => *left_out.entry((utterance.corpus, utterance.emotion)).or_default() += 1,
        }
    }
    let classes = scheme.classes.clone().unwrap_or_else(|| {
        let present: BTreeSet<&String> = examples.iter().map(|example| &example.class).collect();
        present.into_iter().cloned().collect()
    });
    Labelled { examples, classes, left_out }
}
