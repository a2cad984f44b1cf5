//! Which utterances a variant was tested on, and which of them it recognised.

use std::collections::{BTreeMap, HashSet};

use crate::answers::Answer;

/// The test rows of a variant by seed, ordered by utterance, then fold.
pub(crate) struct TestRows<'a> {
    pub seeds: BTreeMap<u64, Vec<TestRow<'a>>>,
}

/// One row.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TestRow<'a> {
    utterance: &'a str,
    fold: u32,
    speaker: &'a str,
    label: &'a str,
    pub is_right: bool,
}

impl<'a> TestRows<'a> {
    /// The rows of these answers.
    pub fn new(answers: &[Answer<'a>]) -> Self {
        let mut seeds = BTreeMap::<u64, Vec<TestRow<'_>>>::new();
        for Answer { row, truth, predicted } in answers {
            seeds.entry(row.seed).or_default().push(TestRow {
                utterance: &row.utterance,
                fold: row.fold,
                speaker: &row.speaker,
                label: truth,
                is_right: truth == predicted,
            });
        }
        seeds.values_mut().for_each(|rows| rows.sort_unstable());
        Self { seeds }
    }

    /// Why the figures of the two were not measured on the same rows, in words; `None` where they were, in all seeds
    /// of both. Folds may be numbered differently.
    pub fn differ(&self, other: &Self) -> Option<String> {
        let (_, first) = self.seeds.first_key_value()?;
        let within = [self, other].into_iter().any(|rows| {
            let mut seeds = rows.seeds.values();
            seeds.next().is_some_and(|first| seeds.any(|rows| differ(first, rows).is_some()))
        });
        if within {
            return Some("different test rows from seed to seed".into());
        }
        let (_, second) = other.seeds.first_key_value()?;
        differ(first, second)
    }

    /// Whether some utterance is tested in more than one fold.
    pub fn tests_again(&self) -> bool {
        self.seeds.values().any(|rows| rows.windows(2).any(|pair| pair[0].utterance == pair[1].utterance))
    }
}

fn differ(a: &[TestRow<'_>], b: &[TestRow<'_>]) -> Option<String> {
    if !a.iter().map(|row| row.utterance).eq(b.iter().map(|row| row.utterance)) {
        let known: HashSet<&str> = a.iter().map(|row| row.utterance).collect();
        let shared = b.iter().filter(|row| known.contains(row.utterance)).count();
        return Some(format!("different test rows: {} against {}, {shared} in common", a.len(), b.len()));
    }
    let both = || a.iter().zip(b);
    if let Some((a, b)) = both().find(|(a, b)| a.label != b.label) {
        return Some(format!(
            "different labels: `{}` is {} in one, {} in the other",
            a.utterance, a.label, b.label
        ));
    }
    let (a, b) = both().find(|(a, b)| a.speaker != b.speaker)?;
    Some(format!(
        "different speakers: `{}` is of {} in one, {} in the other",
        a.utterance, a.speaker, b.speaker
    ))
}
