//! The same figures for one corpus, or for one sex.

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::Sex;
use serde::{Deserialize, Serialize};

use crate::count::{Counts, Key};
use crate::scores::Scores;

/// A variant's scores by corpus and by sex.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Groups {
    /// Corpus → its scores.
    pub corpus: BTreeMap<String, Group>,
    /// Sex → its scores; `unknown` where some speakers' is. Empty where no corpus tells.
    pub sex: BTreeMap<String, Group>,
}

/// The scores of a part of the predictions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Unweighted average recall, over the classes that the group has.
    pub uar: GroupSummary,
    /// Accuracy.
    pub wa: GroupSummary,
    /// Macro-F1.
    pub macro_f1: GroupSummary,
    /// How many predictions one seed makes in the group, all folds together.
    pub support: u32,
}

/// One measure over the cells in which the group has predictions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// The mean over cells.
    pub mean: f64,
    /// The measure on the predictions of all folds together, averaged over seeds.
    pub pooled: f64,
}

/// The predictions in `counts` by corpus and by sex.
pub(crate) fn groups(counts: &Counts) -> Groups {
    let sexes: BTreeSet<_> = counts.matrices.keys().map(|key| key.sex).collect();
    let told = sexes.iter().any(Option::is_some);
    let corpora = counts.corpora().into_iter();
    Groups {
        corpus: corpora.map(|name| (name.to_owned(), group(counts, |key| key.corpus == name))).collect(),
        sex: sexes
            .into_iter()
            .filter(|_| told)
            .map(|sex| (sex.map_or("unknown", Sex::name).to_owned(), group(counts, |key| key.sex == sex)))
            .collect(),
    }
}

fn group(counts: &Counts, keep: impl Fn(&Key) -> bool) -> Group {
    let cells: Vec<Scores> = counts.cells(&keep).values().map(|matrix| Scores::of(&matrix.tally())).collect();
    let pooled = counts.pooled(&keep);
    let support = pooled.values().map(|matrix| matrix.total()).max().unwrap_or(0);
    let pooled: Vec<Scores> = pooled.values().map(|matrix| Scores::of(&matrix.tally())).collect();
    let (mean, pooled) = (Scores::mean(&cells), Scores::mean(&pooled));
    Group {
        uar: GroupSummary { mean: mean.uar, pooled: pooled.uar },
        wa: GroupSummary { mean: mean.wa, pooled: pooled.wa },
        macro_f1: GroupSummary { mean: mean.macro_f1, pooled: pooled.macro_f1 },
        support,
    }
}
