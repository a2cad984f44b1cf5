//! As many folds as wished, no group in two roles of any: the honest protocol where there are no official parts.

use std::collections::BTreeMap;

use affekt_domain::{Example, Role};
use serde::{Deserialize, Serialize};

use super::{Group, Impossible, shuffle};

/// Groups are dealt to `folds` parts. Fold *i* tests part *i*, chooses on the next `dev_folds` parts and trains on
/// the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupKfold {
    /// What must stay together.
    pub group: Group,
    /// How many folds.
    pub folds: u32,
    /// How many parts to choose on: 0 for none, usually 1.
    pub dev_folds: u32,
    /// Which of the many ways to deal.
    pub split_seed: u64,
}

impl GroupKfold {
    /// What is wrong with it whatever the examples.
    pub(super) fn impossible(&self) -> Option<Impossible> {
        let Self { folds, dev_folds, .. } = *self;
        (folds < dev_folds.saturating_add(2)).then_some(Impossible::TooFewFolds { folds, dev_folds })
    }

    /// For each fold, the role of each example.
    pub(super) fn roles(&self, examples: &[Example]) -> Result<Vec<Vec<Role>>, Impossible> {
        let Self { group, folds, dev_folds, .. } = *self;
        let part_of = self.deal(examples)?;
        let parts: Vec<u32> = examples.iter().map(|example| part_of[group.of(&example.utterance)]).collect();
        let role = |fold: u32, part: u32| match (part + folds - fold) % folds {
            0 => Role::Test,
            ahead if ahead <= dev_folds => Role::Dev,
            _ => Role::Train,
        };
        Ok((0..folds).map(|fold| parts.iter().map(|part| role(fold, *part)).collect()).collect())
    }

    /// The part of each group.
    ///
    /// Greedy: the groups in order of falling weight, each to the part where it hurts balance least. What is balanced
    /// is the whole, every class and every corpus, each measured as a fraction of its total.
    fn deal<'e>(&self, examples: &'e [Example]) -> Result<BTreeMap<&'e str, u32>, Impossible> {
        let strata = Strata::new(examples);
        let mut weights: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for example in examples {
            let weights = weights
                .entry(self.group.of(&example.utterance))
                .or_insert_with(|| vec![0.0; strata.importance.len()]);
            for stratum in strata.of(example) {
                weights[stratum] += 1.0;
            }
        }
        if weights.len() < self.folds as usize {
            return Err(Impossible::TooFewGroups {
                group: self.group,
                groups: weights.len(),
                folds: self.folds,
            });
        }
        weights.values_mut().flatten().for_each(|weight| *weight = half_octave(*weight));
        let mut totals = vec![0.0; strata.importance.len()];
        for weights in weights.values() {
            totals.iter_mut().zip(weights).for_each(|(total, weight)| *total += weight);
        }

        let mut order: Vec<(&str, Vec<f64>)> = weights.into_iter().collect();
        order.sort_by(|(a, a_weights), (b, b_weights)| {
            let by_place = || shuffle::place(self.split_seed, a).cmp(&shuffle::place(self.split_seed, b));
            b_weights[WHOLE].total_cmp(&a_weights[WHOLE]).then_with(by_place)
        });
        let mut loads = vec![vec![0.0; totals.len()]; self.folds as usize];
        let mut part_of = BTreeMap::new();
        for (group, weights) in order {
            let harm = |load: &[f64]| -> f64 {
                let strata = strata.importance.iter().zip(&totals).zip(load.iter().zip(&weights));
                // The growth of (load / total)².
                strata
                    .map(|((importance, total), (load, weight))| {
                        importance * weight * (2.0 * load + weight) / (total * total)
                    })
                    .sum()
            };
            let best = (0..loads.len())
                .min_by(|a, b| harm(&loads[*a]).total_cmp(&harm(&loads[*b])))
                .unwrap_or_default();
            loads[best].iter_mut().zip(&weights).for_each(|(load, weight)| *load += weight);
            part_of.insert(group, best as u32);
        }
        Ok(part_of)
    }
}

/// The stratum that holds everything.
const WHOLE: usize = 0;

/// What is balanced: the whole, then the classes, then the corpora.
struct Strata<'e> {
    classes: BTreeMap<&'e str, usize>,
    corpora: BTreeMap<&'e str, usize>,
    /// How much the balance of each counts. The three kinds count alike, however many classes there are.
    importance: Vec<f64>,
}

impl<'e> Strata<'e> {
    fn new(examples: &'e [Example]) -> Self {
        let number = |names: std::collections::BTreeSet<&'e str>, from: usize| -> BTreeMap<&'e str, usize> {
            names.into_iter().zip(from..).collect()
        };
        let classes = number(examples.iter().map(|example| example.class.as_str()).collect(), WHOLE + 1);
        let corpora = examples.iter().map(|example| example.utterance.corpus.as_str()).collect();
        let corpora = number(corpora, WHOLE + 1 + classes.len());
        let mut importance = vec![1.0];
        for kind in [classes.len(), corpora.len()] {
            importance.extend(std::iter::repeat_n(1.0 / kind as f64, kind));
        }
        Self { classes, corpora, importance }
    }

    fn of(&self, example: &Example) -> [usize; 3] {
        [WHOLE, self.classes[example.class.as_str()], self.corpora[example.utterance.corpus.as_str()]]
    }
}

/// The nearest of 1, 1.4, 2, 2.8, 4 … Groups are weighed this coarsely so that one recording more or less seldom
/// changes a weight, and then moves nothing.
fn half_octave(count: f64) -> f64 {
    if count > 0.0 { ((count.log2() * 2.0).round() / 2.0).exp2() } else { 0.0 }
}
