//! The utterances on which a variant was scored, and which of them it recognised.

use std::collections::{BTreeMap, HashSet};

use affekt_domain::{Role, Target, Task};

use crate::scored::{Scored, true_class};

/// The scored rows of a variant by seed, ordered by utterance, then fold.
pub(crate) struct ScoredRows<'a> {
    part: Role,
    pub seeds: BTreeMap<u64, Vec<ScoredRow<'a>>>,
}

/// A scored row.
pub(crate) struct ScoredRow<'a> {
    utterance: &'a str,
    fold: u32,
    speaker: &'a str,
    truth: Option<&'a Target>,
    /// Whether the class is the true one; always false for numbers.
    pub is_right: bool,
}

impl<'a> ScoredRows<'a> {
    /// Collects the rows of a variant with `task`.
    pub fn new(task: &Task, scored: &Scored<'a>) -> Self {
        let mut seeds = BTreeMap::<u64, Vec<ScoredRow<'_>>>::new();
        for row in &scored.rows {
            seeds.entry(row.seed).or_default().push(ScoredRow {
                utterance: &row.utterance,
                fold: row.fold,
                speaker: &row.speaker,
                truth: row.truth.as_ref(),
                is_right: task.predicted(&row.outputs).is_some_and(|said| true_class(row) == Some(said)),
            });
        }
        seeds.values_mut().for_each(|rows| rows.sort_unstable_by_key(|row| (row.utterance, row.fold)));
        Self { part: scored.part, seeds }
    }

    /// Describes why two figures were not measured on the same rows; `None` if they were, in all seeds of both. Folds
    /// may be numbered differently.
    pub fn differ(&self, other: &Self, task: &Task) -> Option<String> {
        if self.part != other.part {
            return Some(format!("different parts: {} against {}", self.part.name(), other.part.name()));
        }
        let (_, first) = self.seeds.first_key_value()?;
        let within = [self, other].into_iter().any(|rows| {
            let mut seeds = rows.seeds.values();
            seeds.next().is_some_and(|first| seeds.any(|rows| differ(first, rows, self.part, task).is_some()))
        });
        if within {
            return Some(format!("different {} rows from seed to seed", self.part.name()));
        }
        let (_, second) = other.seeds.first_key_value()?;
        differ(first, second, self.part, task)
    }

    /// Returns whether some utterance is tested in more than one fold.
    pub fn tests_again(&self) -> bool {
        self.seeds.values().any(|rows| rows.windows(2).any(|pair| pair[0].utterance == pair[1].utterance))
    }
}

fn differ(a: &[ScoredRow<'_>], b: &[ScoredRow<'_>], part: Role, task: &Task) -> Option<String> {
    if !a.iter().map(|row| row.utterance).eq(b.iter().map(|row| row.utterance)) {
        let known: HashSet<&str> = a.iter().map(|row| row.utterance).collect();
        let shared = b.iter().filter(|row| known.contains(row.utterance)).count();
        let part = part.name();
        return Some(format!("different {part} rows: {} against {}, {shared} in common", a.len(), b.len()));
    }
    let both = || a.iter().zip(b);
    if let Some((a, b)) = both().find(|(a, b)| a.truth != b.truth) {
        let [one, other] = truths(a.truth, b.truth, task);
        return Some(format!("different labels: `{}` is {one} in one, {other} in the other", a.utterance));
    }
    let (a, b) = both().find(|(a, b)| a.speaker != b.speaker)?;
    Some(format!(
        "different speakers: `{}` is of {} in one, {} in the other",
        a.utterance, a.speaker, b.speaker
    ))
}

/// Describes two truths that differ: of several numbers, the first that does.
fn truths(a: Option<&Target>, b: Option<&Target>, task: &Task) -> [String; 2] {
    let values = [a, b].map(|truth| truth.and_then(Target::values).unwrap_or_default());
    let differing = values[0].iter().zip(values[1]).zip(task.names()).find(|((a, b), _)| a != b);
    match differing {
        Some(((a, b), output)) => [a, b].map(|value| format!("{output} {value}")),
        None => [a, b].map(|truth| truth.and_then(Target::class).unwrap_or("unknown").to_owned()),
    }
}
