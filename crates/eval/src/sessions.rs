//! Figures by session and seed, as printed in papers on corpora that were recorded in sessions.
//!
//! Standard deviations are those of the population (ddof 0), as in such papers; all others in this crate are of a
//! sample.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::measure::{Measure, Scores, mean};
use crate::statistic::Statistic;
use crate::sums::Sums;

/// The scores of each session, one set per seed, ordered by seed. Empty if no corpus has sessions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sessions(pub BTreeMap<String, Vec<SeedScores>>);

/// The scores of one seed over the networks of all folds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SeedScores {
    /// The seed.
    pub seed: u64,
    /// The scores.
    #[serde(flatten)]
    pub scores: Scores,
}

/// A figure of one or several seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct OverSeeds {
    /// The mean over seeds.
    pub mean: f64,
    /// Population standard deviation (ddof 0) over seeds; `None` for one seed.
    pub std: Option<f64>,
    /// The figure of each seed.
    pub seeds: Vec<f64>,
}

impl Sessions {
    pub(crate) fn new<S: Statistic>(sums: &Sums<'_, S>) -> Self {
        let mut sessions = BTreeMap::<String, Vec<SeedScores>>::new();
        for ((session, seed), sum) in sums.sum_by(|key| Some((key.session?, key.seed))) {
            let scores = SeedScores { seed, scores: sum.figures().all };
            sessions.entry(session.to_owned()).or_default().push(scores);
        }
        Self(sessions)
    }

    /// Returns whether there are no sessions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the names of the sessions, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns `measure` for one session; `None` if no seed has it.
    #[must_use]
    pub fn of(&self, session: &str, measure: Measure) -> Option<OverSeeds> {
        let seeds = self.0.get(session)?.iter();
        OverSeeds::of(seeds.filter_map(|seed| seed.scores.get(measure).copied()).collect())
    }

    /// Returns the unweighted mean of `measure` over sessions; `None` if a seed lacks a session, as the means of
    /// seeds would then be of different sessions.
    #[must_use]
    pub fn mean(&self, measure: Measure) -> Option<OverSeeds> {
        let all: BTreeSet<u64> = self.0.values().flatten().map(|seed| seed.seed).collect();
        let of_seed = |seed: &u64| {
            let figures: Option<Vec<f64>> = self
                .0
                .values()
                .map(|seeds| {
                    let own = seeds.iter().find(|own| own.seed == *seed)?;
                    own.scores.get(measure).copied()
                })
                .collect();
            mean(figures?.into_iter())
        };
        OverSeeds::of(all.iter().map(of_seed).collect::<Option<_>>()?)
    }
}

impl OverSeeds {
    fn of(seeds: Vec<f64>) -> Option<Self> {
        let centre = mean(seeds.iter().copied())?;
        let variance = mean(seeds.iter().map(|figure| (figure - centre).powi(2)))?;
        Some(Self { mean: centre, std: (seeds.len() > 1).then(|| variance.sqrt()), seeds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Session → UAR of seeds 1, 2 …
    fn sessions(uars: &[(&str, &[f64])]) -> Sessions {
        let seeds = |uars: &[f64]| {
            let scores = |uar: f64| Scores::new(|measure| (measure == Measure::Uar).then_some(uar));
            (1..).zip(uars).map(|(seed, uar)| SeedScores { seed, scores: scores(*uar) }).collect()
        };
        Sessions(uars.iter().map(|(name, uars)| ((*name).to_owned(), seeds(uars))).collect())
    }

    #[test]
    fn spread_is_of_the_population() {
        let sessions = sessions(&[("1", &[0.5, 0.75]), ("2", &[0.25, 1.0])]);
        // Deviations 0.125 each.
        let first = OverSeeds { mean: 0.625, std: Some(0.125), seeds: vec![0.5, 0.75] };
        assert_eq!(sessions.of("1", Measure::Uar), Some(first));
        // Means of seeds 0.375 and 0.875: deviations 0.25 each.
        let mean = OverSeeds { mean: 0.625, std: Some(0.25), seeds: vec![0.375, 0.875] };
        assert_eq!(sessions.mean(Measure::Uar), Some(mean));
        assert_eq!(sessions.of("3", Measure::Uar), None);
        assert_eq!(sessions.mean(Measure::Ccc), None);
    }

    #[test]
    fn one_seed_has_no_spread_and_a_gap_no_mean() {
        let one = sessions(&[("1", &[0.5])]);
        assert_eq!(one.mean(Measure::Uar), Some(OverSeeds { mean: 0.5, std: None, seeds: vec![0.5] }));
        assert_eq!(sessions(&[("1", &[0.5, 0.75]), ("2", &[0.25])]).mean(Measure::Uar), None);
        assert_eq!(Sessions::default().mean(Measure::Uar), None);
    }
}
