//! The same figures for one corpus, one sex, one speaker or one session.

use std::collections::BTreeMap;

use affekt_domain::Sex;
use serde::{Deserialize, Serialize};

use crate::count::{Counts, Key};
use crate::scores::{Measure, Scores};

/// A variant's scores by corpus, sex, speaker and session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Groups {
    /// Corpus → its scores.
    pub corpus: BTreeMap<String, Group>,
    /// Sex → its scores; `unknown` where some speakers' is. Empty where no corpus tells.
    pub sex: BTreeMap<String, Group>,
    /// Speaker → its scores.
    #[serde(default)]
    pub speaker: BTreeMap<String, Group>,
    /// Session → its scores. Empty where no corpus has sessions.
    #[serde(default)]
    pub session: BTreeMap<String, Group>,
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

/// The predictions in `counts` by corpus, sex, speaker and session.
pub(crate) fn groups(counts: &Counts) -> Groups {
    let tells_sex = counts.matrices.keys().any(|key| key.sex.is_some());
    Groups {
        corpus: by(counts, |key| Some(key.corpus)),
        sex: by(counts, |key| tells_sex.then(|| key.sex.map_or("unknown", Sex::name))),
        speaker: by(counts, |key| Some(key.speaker)),
        session: by(counts, |key| key.session),
    }
}

/// The groups of the predictions for which `name` says the same. What it gives no name is in none.
fn by<'a>(counts: &Counts<'a>, name: impl Fn(&Key<'a>) -> Option<&'a str>) -> BTreeMap<String, Group> {
    let mut parts = BTreeMap::<&str, Parts>::new();
    for ((name, ..), matrix) in counts.sum_by(|key| Some((name(key)?, key.fold, key.seed))) {
        parts.entry(name).or_default().cells.push(Scores::of(&matrix.tally()));
    }
    for ((name, _), matrix) in counts.sum_by(|key| Some((name(key)?, key.seed))) {
        let parts = parts.entry(name).or_default();
        parts.seeds.push(Scores::of(&matrix.tally()));
        parts.support = parts.support.max(matrix.total());
    }
    parts.into_iter().map(|(name, parts)| (name.to_owned(), parts.group())).collect()
}

/// The scores that a group is summed up from.
#[derive(Default)]
struct Parts {
    cells: Vec<Scores>,
    /// Over all folds.
    seeds: Vec<Scores>,
    support: u32,
}

impl Parts {
    fn group(&self) -> Group {
        let (mean, pooled) = (Scores::mean(&self.cells), Scores::mean(&self.seeds));
        let summary = |measure| GroupSummary { mean: mean.get(measure), pooled: pooled.get(measure) };
        Group {
            uar: summary(Measure::Uar),
            wa: summary(Measure::Wa),
            macro_f1: summary(Measure::MacroF1),
            support: self.support,
        }
    }
}
