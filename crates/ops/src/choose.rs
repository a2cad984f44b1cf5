//! `choose`: of the settings that were tried, those that did best on the dev part.

use std::collections::BTreeMap;

use affekt_domain::{Epoch, Monitor};
use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Kind;
use crate::definition::{Definition, Grain, InputPort, OutputPort, no_params, plain};

/// The parameters, given by the search. Histories flow in in the order of `trials`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// How settings were picked: `hyperband`, `random`, `grid`.
    pub search: String,
    /// How trials are judged.
    pub judged_by: Judge,
    /// What was tried.
    pub trials: Vec<Tried>,
}

/// What a trial is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judge {
    /// The figure on the dev part.
    pub monitor: Monitor,
    /// Whether that of the last epoch counts, as where a training keeps the weights of its last; else the best one.
    pub last_epoch: bool,
}

/// Settings that were tried, and how far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The trial's number, from 1.
    pub trial: u32,
    /// The bracket it was tried in, where the search has brackets.
    pub bracket: Option<u32>,
    /// Its settings, by path.
    pub settings: BTreeMap<String, Value>,
    /// What they make of the parameters of `train`.
    pub params: Value,
    /// After which epochs it was weighed, the last of them included.
    pub rungs: Vec<u32>,
    /// Whether it went as far as trials go.
    pub is_finished: bool,
}

/// What `train` reads of a choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// Of this format: 1.
    pub version: u32,
    /// The settings, by path.
    pub settings: BTreeMap<String, Value>,
    /// The parameters of `train` with them.
    pub params: Value,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "choose",
    version: 1,
    about: "of the settings that were tried, those that did best on the dev rows",
    inputs: &[InputPort::many("histories", &[Kind::History])],
    outputs: &[OutputPort::new("chosen", Kind::Chosen), OutputPort::new("trials", Kind::Trials)],
    params: no_params,
    grain: Grain::Whole,
    place: Place::Runner,
    seeded: false,
    source: false,
};

/// The parameters of the node for a search.
#[must_use]
pub fn params(params: &Params) -> Value {
    plain(params)
}

impl Judge {
    /// What a trial had reached after some epochs: the epoch that counts, and its figure. `None` where it went astray before,
    /// or where there is no such figure.
    #[must_use]
    pub fn standing(self, history: &[Epoch], until: u32) -> Option<(u32, f64)> {
        let epochs = || history.iter().filter(|epoch| epoch.number <= until);
        if epochs().any(|epoch| epoch.train_loss.is_nan()) {
            return None;
        }
        if self.last_epoch {
            return epochs().next_back().and_then(|epoch| Some((epoch.number, self.monitor.of(epoch)?)));
        }
        self.monitor.best(epochs())
    }

    /// The trials in the order of their figures, the best first; of equal ones the first, and last those without a figure.
    /// Positions in `figures`.
    #[must_use]
    pub fn ranking(self, figures: &[Option<f64>]) -> Vec<usize> {
        let mut ranking: Vec<usize> = (0..figures.len()).collect();
        ranking.sort_by(|&a, &b| self.monitor.order(figures[a], figures[b]));
        ranking
    }
}

#[cfg(feature = "host")]
pub(crate) fn run(job: &affekt_graph::Job) -> Result<(), affekt_graph::Failure> {
    use affekt_table::history;

    let params: Params = crate::params(job)?;
    let mut histories = Vec::new();
    for object in job.open("histories")? {
        histories.push(crate::table::read(&object, history::read)?);
    }
    let (chosen, trials) = choose(&params, &histories)?;
    crate::write_json(job.output("chosen")?, &chosen)?;
    crate::write_json(job.output("trials")?, &trials)
}

/// The settings to take, and what there is to tell of all.
#[cfg(feature = "host")]
fn choose(
    params: &Params,
    histories: &[Vec<Epoch>],
) -> Result<(Chosen, affekt_domain::Trials), affekt_graph::Failure> {
    use affekt_domain::{Rung, Trial, TrialOutcome, Trials};
    use affekt_graph::Failure;

    let Params { search, judged_by, trials } = params;
    if trials.len() != histories.len() {
        let message = format!("{} histories of {} trials", histories.len(), trials.len());
        return Err(Failure::Failed { message });
    }
    let standings: Vec<Option<(u32, f64)>> =
        histories.iter().map(|history| judged_by.standing(history, u32::MAX)).collect();
    let figures: Vec<Option<f64>> =
        standings.iter().map(|standing| standing.map(|(_, figure)| figure)).collect();
    let ranking = judged_by.ranking(&figures);
    let best = ranking.into_iter().find(|&at| trials[at].is_finished && figures[at].is_some());
    let best = best.ok_or_else(|| Failure::Failed {
        message: format!(
            "none of {} trials came to its end with a `{}`: try smaller learning rates",
            trials.len(),
            judged_by.monitor.name()
        ),
    })?;
    let told = |(at, tried): (usize, &Tried)| Trial {
        trial: tried.trial,
        bracket: tried.bracket,
        settings: tried.settings.clone(),
        epochs: histories[at].last().map_or(0, |epoch| epoch.number),
        best_epoch: standings[at].map_or(0, |(epoch, _)| epoch),
        value: figures[at],
        rungs: tried
            .rungs
            .iter()
            .map(|&epochs| Rung {
                epochs,
                value: judged_by.standing(&histories[at], epochs).map(|(_, figure)| figure),
            })
            .collect(),
        outcome: match () {
            () if at == best => TrialOutcome::Chosen,
            () if tried.is_finished => TrialOutcome::Finished,
            () => TrialOutcome::Pruned,
        },
    };
    let mut all: Vec<Trial> = trials.iter().enumerate().map(told).collect();
    all.sort_by_key(|trial| trial.trial);
    let Tried { trial, settings, params, .. } = &trials[best];
    let chosen = Chosen { version: 1, settings: settings.clone(), params: params.clone() };
    let monitor = judged_by.monitor;
    Ok((chosen, Trials { version: 1, monitor, search: search.clone(), chosen: *trial, trials: all }))
}

#[cfg(all(test, feature = "host"))]
mod tests {
    use affekt_domain::{Stage, TrialOutcome};

    use super::*;

    fn history(losses: &[f64]) -> Vec<Epoch> {
        let epoch = |(number, &loss): (u32, &f64)| Epoch {
            stage: Stage::Search,
            number,
            learning_rate: 1e-3,
            train_loss: loss,
            dev_loss: (!loss.is_nan()).then_some(loss),
            dev_accuracy: None,
            dev_uar: None,
            dev_ccc: None,
            kept: false,
        };
        (1..).zip(losses).map(epoch).collect()
    }

    fn tried(trial: u32, rungs: &[u32], is_finished: bool) -> Tried {
        Tried {
            trial,
            bracket: Some(1),
            settings: [("lr".to_owned(), trial.into())].into(),
            params: Value::Null,
            rungs: rungs.to_vec(),
            is_finished,
        }
    }

    const BY_BEST: Judge = Judge { monitor: Monitor::DevLoss, last_epoch: false };

    #[test]
    fn the_best_finished_trial_is_chosen_and_all_are_told_of() {
        let trials = vec![tried(2, &[1, 3], true), tried(1, &[1], false), tried(3, &[1, 3], true)];
        let params = Params { search: "hyperband".into(), judged_by: BY_BEST, trials };
        let histories = [history(&[0.9, 0.4, 0.5]), history(&[0.95]), history(&[0.8, 0.4, f64::NAN])];
        let (chosen, told) = choose(&params, &histories).unwrap();
        assert_eq!(chosen.settings["lr"], 2);
        assert_eq!((told.chosen, told.monitor), (2, Monitor::DevLoss));
        let rows: Vec<_> =
            told.trials.iter().map(|t| (t.trial, t.epochs, t.best_epoch, t.value, t.outcome)).collect();
        assert_eq!(
            rows,
            [
                (1, 1, 1, Some(0.95), TrialOutcome::Pruned),
                (2, 3, 2, Some(0.4), TrialOutcome::Chosen),
                (3, 3, 0, None, TrialOutcome::Finished),
            ]
        );
        let rungs: Vec<_> = told.trials[2].rungs.iter().map(|rung| rung.value).collect();
        assert_eq!(rungs, [Some(0.8), None]);
    }

    #[test]
    fn the_last_epoch_counts_where_its_weights_are_kept() {
        let judge = Judge { last_epoch: true, ..BY_BEST };
        assert_eq!(judge.standing(&history(&[0.9, 0.4, 0.5]), 9), Some((3, 0.5)));
        assert_eq!(judge.standing(&history(&[0.9, 0.4, 0.5]), 2), Some((2, 0.4)));
        assert_eq!(BY_BEST.standing(&history(&[0.9, 0.4, 0.5]), 9), Some((2, 0.4)));
        assert_eq!(BY_BEST.standing(&[], 9), None);
    }

    #[test]
    fn equal_ones_come_in_their_order_and_those_without_a_figure_last() {
        let figures = [None, Some(0.5), Some(0.2), Some(0.5), None];
        assert_eq!(BY_BEST.ranking(&figures), [2, 1, 3, 0, 4]);
        let accuracy = Judge { monitor: Monitor::DevAccuracy, ..BY_BEST };
        assert_eq!(accuracy.ranking(&figures), [1, 3, 2, 0, 4]);
    }

    #[test]
    fn nothing_is_chosen_where_all_went_astray() {
        let trials = vec![tried(1, &[3], true)];
        let params = Params { search: "grid".into(), judged_by: BY_BEST, trials };
        let error = choose(&params, &[history(&[f64::NAN])]).unwrap_err().to_string();
        assert_eq!(error, "none of 1 trials came to its end with a `dev-loss`: try smaller learning rates");
    }
}
