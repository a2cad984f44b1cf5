//! What a network that hears nothing would get.

use std::collections::BTreeMap;

use affekt_domain::Role;
use serde::{Deserialize, Serialize};

use crate::confusion::{Confusion, Tally};
use crate::count::{Counts, EvalError};
use crate::scores::Scores;

/// What no figure may be read without.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baselines {
    /// One over the number of classes: the UAR and the accuracy to expect of guessing, all classes as likely.
    /// Macro-F1 of guessing depends on how frequent classes are, so this says nothing about it.
    pub chance: f64,
    /// Always the most frequent class.
    pub majority: Baseline,
    /// Always the most frequent class of the utterance's corpus; `None` for one corpus.
    pub corpus_only: Option<Baseline>,
}

/// The scores of a rule, mean over cells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Where the frequencies come from: each fold's training part; or, where it was not given, the test truth itself.
    pub fitted_on: Role,
    /// Its scores.
    #[serde(flatten)]
    pub scores: Scores,
}

/// How often each class comes in the training part of each fold, by corpus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrainingCounts {
    folds: BTreeMap<u32, BTreeMap<String, BTreeMap<String, u32>>>,
}

impl TrainingCounts {
    /// Counts training rows: (fold, corpus, class).
    pub fn new<'a>(rows: impl IntoIterator<Item = (u32, &'a str, &'a str)>) -> Self {
        let mut folds = BTreeMap::<u32, BTreeMap<String, BTreeMap<String, u32>>>::new();
        for (fold, corpus, class) in rows {
            let classes = folds.entry(fold).or_default().entry(corpus.to_owned()).or_default();
            *classes.entry(class.to_owned()).or_default() += 1;
        }
        Self { folds }
    }

    /// How often each of `classes` comes in `fold`, by corpus; `None` for a fold without rows.
    fn fold(&self, fold: u32, classes: &[String]) -> Option<Frequencies<'_>> {
        let count = |of: &BTreeMap<String, u32>| {
            classes.iter().map(|class| of.get(class).copied().unwrap_or(0)).collect::<Vec<_>>()
        };
        Some(self.folds.get(&fold)?.iter().map(|(corpus, of)| (corpus.as_str(), count(of))).collect())
    }
}

/// Corpus → how often each class comes, in the order of the classes.
type Frequencies<'a> = BTreeMap<&'a str, Vec<u32>>;

/// The baselines for the predictions in `counts`.
pub(crate) fn baselines(
    variant: &str,
    classes: &[String],
    counts: &Counts,
    training: Option<&TrainingCounts>,
) -> Result<Baselines, EvalError> {
    let mut cells = BTreeMap::<(u32, u64), Frequencies>::new();
    for ((fold, seed, corpus), matrix) in counts.sum_by(|key| Some((key.fold, key.seed, key.corpus))) {
        cells.entry((fold, seed)).or_default().insert(corpus, truth(&matrix));
    }

    let (mut majority, mut corpus_only) = (Vec::new(), Vec::new());
    for (&(fold, _), truth) in &cells {
        let fitted = match training {
            Some(training) => training
                .fold(fold, classes)
                .ok_or_else(|| EvalError::NoTrainingRows { variant: variant.to_owned(), fold })?,
            None => truth.clone(),
        };
        let overall = most_frequent(&sum(fitted.values(), classes.len()));
        majority.push(score(truth, |_| overall));
        // A corpus that training has not seen gets what it would guess for any.
        corpus_only
            .push(score(truth, |corpus| fitted.get(corpus).map_or(overall, |counts| most_frequent(counts))));
    }
    let fitted_on = if training.is_some() { Role::Train } else { Role::Test };
    let baseline = |scores: &[Scores]| Baseline { fitted_on, scores: Scores::mean(scores) };
    Ok(Baselines {
        chance: 1.0 / classes.len() as f64,
        majority: baseline(&majority),
        corpus_only: (counts.corpora().len() > 1).then(|| baseline(&corpus_only)),
    })
}

/// The scores of saying `answer(corpus)` to every utterance.
fn score(truth: &Frequencies, answer: impl Fn(&str) -> usize) -> Scores {
    let classes = truth.values().next().map_or(0, Vec::len);
    let mut tally = Tally::new(classes);
    for (corpus, counts) in truth {
        let answer = answer(corpus);
        for (sum, count) in tally.truth.iter_mut().zip(counts) {
            *sum += count;
        }
        tally.hits[answer] += counts[answer];
        tally.predicted[answer] += counts.iter().sum::<u32>();
    }
    Scores::of(&tally)
}

/// The first of the most frequent classes.
fn most_frequent(counts: &[u32]) -> usize {
    let most = counts.iter().max();
    counts.iter().position(|count| Some(count) == most).unwrap_or(0)
}

fn sum<'a>(parts: impl Iterator<Item = &'a Vec<u32>>, classes: usize) -> Vec<u32> {
    parts.fold(vec![0; classes], |sum, part| sum.iter().zip(part).map(|(a, b)| a + b).collect())
}

fn truth(matrix: &Confusion) -> Vec<u32> {
    matrix.rows().map(|row| row.iter().sum()).collect()
}
