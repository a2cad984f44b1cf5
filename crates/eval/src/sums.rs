//! Sums over scored rows by fold, seed and speaker: confusion matrices, or moments.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use affekt_domain::{Prediction, Sex, Target, Task};

use crate::confusion::Confusion;
use crate::moments::Moments;
use crate::scored::{Cluster, Scored, true_class};
use crate::statistic::{Figures, Statistic};

/// The predictions that one sum covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key<'a> {
    pub fold: u32,
    pub seed: u64,
    pub corpus: &'a str,
    pub sex: Option<Sex>,
    pub session: Option<&'a str>,
    pub style: Option<&'a str>,
    /// The speaker, the unit of resampling.
    pub speaker: &'a str,
}

/// The sums over all scored predictions of one variant.
pub(crate) struct Sums<'a, S> {
    pub parts: BTreeMap<Key<'a>, S>,
    pub cluster: Cluster,
}

/// Computes the confusion matrices of predicted classes, in the order of `classes`.
pub(crate) fn confusions<'a>(task: &Task, classes: &[String], scored: &Scored<'a>) -> Sums<'a, Confusion> {
    let place: HashMap<&str, usize> =
        classes.iter().enumerate().map(|(place, class)| (class.as_str(), place)).collect();
    let place_of = |class: Option<&str>| place.get(class?).copied();
    Sums::new(scored, &Confusion::new(classes.len()), |matrix, row| {
        // Rows were checked against their task: both classes exist.
        if let (Some(truth), Some(said)) = (place_of(true_class(row)), place_of(task.predicted(&row.outputs)))
        {
            matrix.add_row(truth, said);
        }
    })
}

/// Computes the moments of predicted numbers.
pub(crate) fn moments<'a>(task: &Task, scored: &Scored<'a>) -> Sums<'a, Moments> {
    Sums::new(scored, &Moments::new(task.names().len()), |moments, row| {
        if let Some(truth) = row.truth.as_ref().and_then(Target::values) {
            moments.add(&Moments::of_row(truth, &row.outputs));
        }
    })
}

impl<'a, S: Statistic> Sums<'a, S> {
    /// Adds rows with `add`, in order.
    fn new(scored: &Scored<'a>, empty: &S, add: impl Fn(&mut S, &Prediction)) -> Self {
        let mut parts = HashMap::new();
        for row in &scored.rows {
            let key = Key {
                fold: row.fold,
                seed: row.seed,
                corpus: &row.corpus,
                sex: row.sex,
                session: row.session.as_deref(),
                style: row.style.as_deref(),
                speaker: &row.speaker,
            };
            add(parts.entry(key).or_insert_with(|| empty.clone()), row);
        }
        Self { parts: parts.into_iter().collect(), cluster: scored.cluster }
    }

    /// Returns the sum of every cell, ordered by fold, then seed.
    pub fn cells(&self) -> BTreeMap<(u32, u64), S> {
        self.sum_by(|key| Some((key.fold, key.seed)))
    }

    /// Returns the figures of every seed over all folds.
    pub fn pooled(&self) -> Vec<Figures> {
        self.sum_by(|key| Some(key.seed)).values().map(Statistic::figures).collect()
    }

    /// Groups the sums by `name`; those without a name are left out.
    pub fn sum_by<N: Ord>(&self, name: impl Fn(&Key<'a>) -> Option<N>) -> BTreeMap<N, S> {
        let mut sums = BTreeMap::<N, S>::new();
        for (key, part) in &self.parts {
            let Some(name) = name(key) else { continue };
            sums.entry(name).and_modify(|sum| sum.add(part)).or_insert_with(|| part.clone());
        }
        sums
    }

    pub fn corpora(&self) -> BTreeSet<&'a str> {
        self.parts.keys().map(|key| key.corpus).collect()
    }

    pub fn speakers(&self) -> BTreeSet<&'a str> {
        self.parts.keys().map(|key| key.speaker).collect()
    }
}
