//! Baselines: the scores of rules that ignore the audio.

use std::collections::BTreeMap;

use affekt_domain::{Role, Target, Task};
use serde::{Deserialize, Serialize};

use crate::confusion::{Confusion, Tally};
use crate::error::EvalError;
use crate::measure::Scores;
use crate::moments::Moments;
use crate::scores::of_classes;
use crate::statistic::Statistic;
use crate::sums::Sums;

/// The scores to which every figure should be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baselines {
    /// The expected score of guessing. For classes, all equally likely: one over their number, for UAR and accuracy;
    /// that of macro-F1 depends on class frequencies and is not given. For numbers: 0, for CCC and correlation,
    /// whatever is guessed.
    pub chance: f64,
    /// The best constant prediction.
    #[serde(flatten)]
    pub constant: Constant,
    /// The best constant prediction per corpus; `None` for a single corpus.
    pub corpus_only: Option<Baseline>,
}

/// A constant prediction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Constant {
    /// The most frequent class.
    Majority(Baseline),
    /// The mean of every output, of which CCC is 0 by definition.
    Mean(Baseline),
}

impl Constant {
    /// Returns the scores of the prediction.
    #[must_use]
    pub const fn baseline(&self) -> &Baseline {
        match self {
            Self::Majority(baseline) | Self::Mean(baseline) => baseline,
        }
    }
}

/// The scores of a rule, averaged over cells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The data the rule is fitted to: each fold's training part, or the scored truth itself if that was not given.
    pub fitted_on: Role,
    /// The scores.
    #[serde(flatten)]
    pub scores: Scores,
}

/// The targets of the training part of each fold, by corpus.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Training<'a> {
    folds: BTreeMap<u32, BTreeMap<&'a str, Vec<&'a Target>>>,
}

impl<'a> Training<'a> {
    /// Collects training rows: (fold, corpus, target).
    pub fn new(rows: impl IntoIterator<Item = (u32, &'a str, &'a Target)>) -> Self {
        let mut folds = BTreeMap::<u32, BTreeMap<&str, Vec<&Target>>>::new();
        for (fold, corpus, target) in rows {
            folds.entry(fold).or_default().entry(corpus).or_default().push(target);
        }
        Self { folds }
    }

    /// Applies `of` to a fold's rows of each corpus; `None` for a fold without rows.
    fn fold<T>(&self, fold: u32, of: impl Fn(&[&Target]) -> T) -> Option<BTreeMap<&'a str, T>> {
        Some(self.folds.get(&fold)?.iter().map(|(corpus, targets)| (*corpus, of(targets))).collect())
    }
}

/// The data that a baseline is fitted to.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub variant: &'a str,
    pub task: &'a Task,
    pub training: Option<&'a Training<'a>>,
    /// The part that is scored.
    pub part: Role,
}

impl<'a> Source<'a> {
    /// Applies `of` to a fold's training part by corpus, or to the scored truth.
    fn fitted<T: Clone>(
        &self,
        fold: u32,
        of: impl Fn(&[&Target]) -> T,
        scored: &BTreeMap<&'a str, T>,
    ) -> Result<BTreeMap<&'a str, T>, EvalError> {
        match self.training {
            Some(training) => training
                .fold(fold, of)
                .ok_or_else(|| EvalError::NoTrainingRows { variant: self.variant.to_owned(), fold }),
            None => Ok(scored.clone()),
        }
    }

    /// Returns the scores of a rule, averaged over cells.
    fn baseline(&self, scores: &[Scores]) -> Baseline {
        let fitted_on = if self.training.is_some() { Role::Train } else { self.part };
        Baseline { fitted_on, scores: Scores::mean(&scores.iter()) }
    }
}

/// Computes the baselines for classes.
pub(crate) fn of_confusions<'a>(
    source: Source<'a>,
    sums: &Sums<'a, Confusion>,
) -> Result<Baselines, EvalError> {
    let classes = source.task.names();
    let count = |targets: &[&Target]| {
        let mut counts = vec![0_u32; classes.len()];
        for class in targets.iter().filter_map(|target| target.class()) {
            if let Some(place) = classes.iter().position(|known| known == class) {
                counts[place] += 1;
            }
        }
        counts
    };
    let (mut majority, mut corpus_only) = (Vec::new(), Vec::new());
    for (fold, truth) in cells(sums, |matrix| matrix.tally().truth) {
        let fitted = source.fitted(fold, count, &truth)?;
        let overall = most_frequent(&sum(fitted.values(), classes.len()));
        majority.push(score(&truth, |_| overall));
        // A corpus that is not in the training part gets the overall constant.
        corpus_only
            .push(score(&truth, |corpus| fitted.get(corpus).map_or(overall, |counts| most_frequent(counts))));
    }
    Ok(Baselines {
        chance: 1.0 / classes.len() as f64,
        constant: Constant::Majority(source.baseline(&majority)),
        corpus_only: (sums.corpora().len() > 1).then(|| source.baseline(&corpus_only)),
    })
}

/// Computes the baselines for numbers.
pub(crate) fn of_moments<'a>(source: Source<'a>, sums: &Sums<'a, Moments>) -> Result<Baselines, EvalError> {
    let outputs = source.task.names().len();
    let gather = |targets: &[&Target]| {
        let mut moments = Moments::new(outputs);
        for values in targets.iter().filter_map(|target| target.values()) {
            moments.add(&Moments::of_row(values, values));
        }
        moments
    };
    let (mut mean, mut corpus_only) = (Vec::new(), Vec::new());
    for (fold, truth) in cells(sums, Clone::clone) {
        let fitted = source.fitted(fold, gather, &truth)?;
        let mut overall = Moments::new(outputs);
        fitted.values().for_each(|corpus| overall.add(corpus));
        let overall = overall.truth();
        let score = |answer: &dyn Fn(&str) -> Vec<f64>| {
            let mut said = Moments::new(outputs);
            truth.iter().for_each(|(corpus, truth)| said.add(&truth.saying(&answer(corpus))));
            said.figures().all
        };
        mean.push(score(&|_| overall.clone()));
        corpus_only.push(score(&|corpus| fitted.get(corpus).map_or_else(|| overall.clone(), Moments::truth)));
    }
    Ok(Baselines {
        chance: 0.0,
        constant: Constant::Mean(source.baseline(&mean)),
        corpus_only: (sums.corpora().len() > 1).then(|| source.baseline(&corpus_only)),
    })
}

/// Returns the fold of every cell, with the result of `of` for each corpus.
fn cells<'a, S: Statistic, T>(sums: &Sums<'a, S>, of: impl Fn(&S) -> T) -> Vec<(u32, BTreeMap<&'a str, T>)> {
    let mut cells = BTreeMap::<(u32, u64), BTreeMap<&str, T>>::new();
    for ((fold, seed, corpus), sum) in sums.sum_by(|key| Some((key.fold, key.seed, key.corpus))) {
        cells.entry((fold, seed)).or_default().insert(corpus, of(&sum));
    }
    cells.into_iter().map(|((fold, _), cell)| (fold, cell)).collect()
}

/// Scores the rule that predicts `answer(corpus)` for every utterance; `truth` counts the utterances of each class by
/// corpus.
fn score(truth: &BTreeMap<&str, Vec<u32>>, answer: impl Fn(&str) -> usize) -> Scores {
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
    of_classes(&tally)
}

/// Returns the first of the most frequent classes.
fn most_frequent(counts: &[u32]) -> usize {
    let most = counts.iter().max();
    counts.iter().position(|count| Some(count) == most).unwrap_or(0)
}

fn sum<'a>(parts: impl Iterator<Item = &'a Vec<u32>>, classes: usize) -> Vec<u32> {
    parts.fold(vec![0; classes], |sum, part| sum.iter().zip(part).map(|(a, b)| a + b).collect())
}
