//! What a network that hears nothing would get.

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

/// What no figure may be read without.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baselines {
    /// What to expect of guessing. Of classes, all as likely: one over their number, as UAR and accuracy; macro-F1 depends
    /// on how frequent classes are, so this says nothing about it. Of numbers, whatever is guessed: 0, as CCC and
    /// correlation.
    pub chance: f64,
    /// Always the same answer.
    #[serde(flatten)]
    pub constant: Constant,
    /// Always the same answer for utterances of one corpus; `None` for one corpus.
    pub corpus_only: Option<Baseline>,
}

/// The answer that is best where nothing is heard.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Constant {
    /// The most frequent class.
    Majority(Baseline),
    /// The mean of every output, of which CCC is 0 by definition.
    Mean(Baseline),
}

impl Constant {
    /// What it gets.
    #[must_use]
    pub const fn baseline(&self) -> &Baseline {
        match self {
            Self::Majority(baseline) | Self::Mean(baseline) => baseline,
        }
    }
}

/// The scores of a rule, mean over cells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Where the rule comes from: each fold's training part; or, where it was not given, the scored truth itself.
    pub fitted_on: Role,
    /// Its scores.
    #[serde(flatten)]
    pub scores: Scores,
}

/// What is true of the training part of each fold, by corpus.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Training<'a> {
    folds: BTreeMap<u32, BTreeMap<&'a str, Vec<&'a Target>>>,
}

impl<'a> Training<'a> {
    /// Gathers training rows: (fold, corpus, target).
    pub fn new(rows: impl IntoIterator<Item = (u32, &'a str, &'a Target)>) -> Self {
        let mut folds = BTreeMap::<u32, BTreeMap<&str, Vec<&Target>>>::new();
        for (fold, corpus, target) in rows {
            folds.entry(fold).or_default().entry(corpus).or_default().push(target);
        }
        Self { folds }
    }

    /// What `of` makes of a fold's rows, by corpus; `None` for a fold without rows.
    fn fold<T>(&self, fold: u32, of: impl Fn(&[&Target]) -> T) -> Option<BTreeMap<&'a str, T>> {
        Some(self.folds.get(&fold)?.iter().map(|(corpus, targets)| (*corpus, of(targets))).collect())
    }
}

/// What a baseline is fitted on.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub variant: &'a str,
    pub task: &'a Task,
    pub training: Option<&'a Training<'a>>,
    /// The part that is scored.
    pub part: Role,
}

impl<'a> Source<'a> {
    /// What is true of a fold's training part by corpus, or else of what is scored.
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

    /// The scores of a rule in every cell.
    fn baseline(&self, scores: &[Scores]) -> Baseline {
        let fitted_on = if self.training.is_some() { Role::Train } else { self.part };
        Baseline { fitted_on, scores: Scores::mean(&scores.iter()) }
    }
}

/// The baselines for predicted classes.
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
        // A corpus that training has not seen gets what it would guess for any.
        corpus_only
            .push(score(&truth, |corpus| fitted.get(corpus).map_or(overall, |counts| most_frequent(counts))));
    }
    Ok(Baselines {
        chance: 1.0 / classes.len() as f64,
        constant: Constant::Majority(source.baseline(&majority)),
        corpus_only: (sums.corpora().len() > 1).then(|| source.baseline(&corpus_only)),
    })
}

/// The baselines for predicted numbers.
pub(crate) fn of_moments<'a>(source: Source<'a>, sums: &Sums<'a, Moments>) -> Result<Baselines, EvalError> {
    let outputs = source.task.names().len();
    let gather = |targets: &[&Target]| {
        let mut moments = Moments::new(outputs);
        for values in targets.iter().filter_map(|target| target.values()) {
            moments.add(&Moments::of_row(values, values), 1);
        }
        moments
    };
    let (mut mean, mut corpus_only) = (Vec::new(), Vec::new());
    for (fold, truth) in cells(sums, Clone::clone) {
        let fitted = source.fitted(fold, gather, &truth)?;
        let mut overall = Moments::new(outputs);
        fitted.values().for_each(|corpus| overall.add(corpus, 1));
        let overall = overall.truth();
        let score = |answer: &dyn Fn(&str) -> Vec<f64>| {
            let mut said = Moments::new(outputs);
            truth.iter().for_each(|(corpus, truth)| said.add(&truth.saying(&answer(corpus)), 1));
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

/// The fold of every cell, and what `of` makes of it, by corpus.
fn cells<'a, S: Statistic, T>(sums: &Sums<'a, S>, of: impl Fn(&S) -> T) -> Vec<(u32, BTreeMap<&'a str, T>)> {
    let mut cells = BTreeMap::<(u32, u64), BTreeMap<&str, T>>::new();
    for ((fold, seed, corpus), sum) in sums.sum_by(|key| Some((key.fold, key.seed, key.corpus))) {
        cells.entry((fold, seed)).or_default().insert(corpus, of(&sum));
    }
    cells.into_iter().map(|((fold, _), cell)| (fold, cell)).collect()
}

/// The scores of saying `answer(corpus)` to every utterance, of which `truth` says how many are of each class.
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

/// The first of the most frequent classes.
fn most_frequent(counts: &[u32]) -> usize {
    let most = counts.iter().max();
    counts.iter().position(|count| Some(count) == most).unwrap_or(0)
}

fn sum<'a>(parts: impl Iterator<Item = &'a Vec<u32>>, classes: usize) -> Vec<u32> {
    parts.fold(vec![0; classes], |sum, part| sum.iter().zip(part).map(|(a, b)| a + b).collect())
}
