//! Greedy assignment of whole groups to parts, balanced by size, class and corpus.

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::Example;

use super::shuffle;

/// Assigns each group to a part; returns the parts in the order of assignment.
///
/// Greedy: groups in order of falling weight, each to the part where it harms the balance least. Balanced are the
/// total, every class (if there are classes) and every corpus, each as a fraction of its size; a part of twice the
/// capacity gets twice as much.
pub(super) fn assign<'g>(
    rows: &[(&Example, &'g str)],
    capacities: &[f64],
    split_seed: u64,
) -> Vec<(&'g str, usize)> {
    let strata = Strata::new(rows);
    let mut weights: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (example, group) in rows {
        let weights = weights.entry(group).or_insert_with(|| vec![0.0; strata.importance.len()]);
        for stratum in strata.of(example) {
            weights[stratum] += 1.0;
        }
    }
    weights.values_mut().flatten().for_each(|weight| *weight = half_octave(*weight));
    let mut totals = vec![0.0; strata.importance.len()];
    for weights in weights.values() {
        totals.iter_mut().zip(weights).for_each(|(total, weight)| *total += weight);
    }

    let mut order: Vec<(&str, Vec<f64>)> = weights.into_iter().collect();
    order.sort_by(|(a, a_weights), (b, b_weights)| {
        let by_place = || shuffle::place(split_seed, a).cmp(&shuffle::place(split_seed, b));
        b_weights[WHOLE].total_cmp(&a_weights[WHOLE]).then_with(by_place)
    });
    let mut loads = vec![vec![0.0; totals.len()]; capacities.len()];
    let mut assigned = Vec::new();
    for (group, weights) in order {
        let harm = |part: usize| -> f64 {
            let strata = strata.importance.iter().zip(&totals).zip(loads[part].iter().zip(&weights));
            // The increase of (load / total)².
            let growth = strata.map(|((importance, total), (load, weight))| {
                importance * weight * (2.0 * load + weight) / (total * total)
            });
            growth.sum::<f64>() / capacities[part]
        };
        let best = (0..loads.len()).min_by(|a, b| harm(*a).total_cmp(&harm(*b))).unwrap_or_default();
        loads[best].iter_mut().zip(&weights).for_each(|(load, weight)| *load += weight);
        assigned.push((group, best));
    }
    assigned
}

/// The stratum of all examples.
const WHOLE: usize = 0;

/// The strata to balance: all examples, each class, each corpus.
struct Strata<'e> {
    classes: BTreeMap<&'e str, usize>,
    corpora: BTreeMap<&'e str, usize>,
    /// The weight of each stratum. The three kinds have equal weight, however many classes there are.
    importance: Vec<f64>,
}

impl<'e> Strata<'e> {
    fn new(rows: &[(&'e Example, &str)]) -> Self {
        let number = |names: BTreeSet<&'e str>, from: usize| -> BTreeMap<&'e str, usize> {
            names.into_iter().zip(from..).collect()
        };
        let classes = rows.iter().filter_map(|(example, _)| example.class()).collect();
        let classes = number(classes, WHOLE + 1);
        let corpora = rows.iter().map(|(example, _)| example.utterance.corpus.as_str()).collect();
        let corpora = number(corpora, WHOLE + 1 + classes.len());
        let mut importance = vec![1.0];
        for kind in [classes.len(), corpora.len()] {
            importance.extend(std::iter::repeat_n(1.0 / kind as f64, kind));
        }
        Self { classes, corpora, importance }
    }

    fn of(&self, example: &Example) -> impl Iterator<Item = usize> {
        let class = example.class().map(|class| self.classes[class]);
        [WHOLE].into_iter().chain(class).chain([self.corpora[example.utterance.corpus.as_str()]])
    }
}

/// Rounds to the nearest of 1, 1.4, 2, 2.8, 4 … Weights are this coarse so that one recording more or less seldom
/// changes them, and then moves no group.
fn half_octave(count: f64) -> f64 {
    if count > 0.0 { ((count.log2() * 2.0).round() / 2.0).exp2() } else { 0.0 }
}
