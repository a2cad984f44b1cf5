//! Figures by corpus, sex, speaker, session and style of speech.

use std::collections::BTreeMap;

use affekt_domain::{Sex, is_known_speaker};
use serde::{Deserialize, Serialize};

use crate::measure::{PerMeasure, mean};
use crate::statistic::{Figures, Statistic};
use crate::sums::{Key, Sums};

/// A variant's scores by corpus, sex, speaker, session and style of speech.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Groups {
    /// Corpus → its scores.
    pub corpus: BTreeMap<String, Group>,
    /// Sex → its scores; `unknown` for speakers of unknown sex. Empty if no corpus states it.
    pub sex: BTreeMap<String, Group>,
    /// Speaker → its scores. Empty if all speakers are unknown.
    #[serde(default)]
    pub speaker: BTreeMap<String, Group>,
    /// Session → its scores. Empty if no corpus has sessions.
    #[serde(default)]
    pub session: BTreeMap<String, Group>,
    /// Style of speech (`scripted`, `improvised`) → its scores. Empty if no corpus has several.
    #[serde(default)]
    pub style: BTreeMap<String, Group>,
}

/// The scores of a subset of the predictions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The scores; unweighted average recall is over the classes present. Agreement of numbers needs two rows.
    #[serde(flatten)]
    pub scores: PerMeasure<GroupSummary>,
    /// Number of predictions per seed, over all folds.
    pub support: u32,
}

/// The summary of one measure over the cells in which the group has predictions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// The mean over cells.
    pub mean: f64,
    /// The measure on the joint predictions of all folds, averaged over seeds.
    pub pooled: f64,
}

/// Groups the predictions in `sums` by corpus, sex, speaker, session and style of speech.
pub(crate) fn groups<S: Statistic>(sums: &Sums<'_, S>) -> Groups {
    let tells_sex = sums.parts.keys().any(|key| key.sex.is_some());
    Groups {
        corpus: by(sums, |key| Some(key.corpus)),
        sex: by(sums, |key| tells_sex.then(|| key.sex.map_or("unknown", Sex::name))),
        speaker: by(sums, |key| is_known_speaker(key.speaker).then_some(key.speaker)),
        session: by(sums, |key| key.session),
        style: by(sums, |key| key.style),
    }
}

/// Groups the predictions by `name`; those without a name are left out.
fn by<'a, S: Statistic>(
    sums: &Sums<'a, S>,
    name: impl Fn(&Key<'a>) -> Option<&'a str>,
) -> BTreeMap<String, Group> {
    let mut parts = BTreeMap::<&str, Parts>::new();
    for ((name, ..), sum) in sums.sum_by(|key| Some((name(key)?, key.fold, key.seed))) {
        parts.entry(name).or_default().cells.push(sum.figures());
    }
    for ((name, _), sum) in sums.sum_by(|key| Some((name(key)?, key.seed))) {
        let parts = parts.entry(name).or_default();
        parts.seeds.push(sum.figures());
        parts.support = parts.support.max(sum.rows());
    }
    parts.into_iter().map(|(name, parts)| (name.to_owned(), parts.group())).collect()
}

/// The figures from which a group is summarised.
#[derive(Default)]
struct Parts {
    cells: Vec<Figures>,
    /// The figures of every seed over all folds.
    seeds: Vec<Figures>,
    support: u32,
}

impl Parts {
    fn group(&self) -> Group {
        let scores = PerMeasure::new(|measure| {
            let of = |figures: &[Figures]| mean(figures.iter().filter_map(|it| it.all.get(measure).copied()));
            Some(GroupSummary { mean: of(&self.cells)?, pooled: of(&self.seeds)? })
        });
        Group { scores, support: self.support }
    }
}
