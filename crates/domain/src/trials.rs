//! The trials of a hyper-parameter search and its choice: `trials.json`.
//!
//! Trials are compared on the dev part of one fold; nothing in this file depends on test rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Monitor;

/// The trials of one fold: the contents of `trials.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trials {
    /// The version of this schema, 1.
    pub version: u32,
    /// The dev figure by which trials are compared.
    pub monitor: Monitor,
    /// The search algorithm: `hyperband`, `random` or `grid`.
    pub search: String,
    /// The number of the chosen trial.
    pub chosen: u32,
    /// All trials, ordered by number.
    pub trials: Vec<Trial>,
}

/// One configuration of the search space, and the result of training with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The number of the trial.
    pub trial: u32,
    /// The bracket it belongs to, if the search has brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bracket: Option<u32>,
    /// Its settings, by dotted path.
    pub settings: BTreeMap<String, Value>,
    /// Number of epochs for which it was trained.
    pub epochs: u32,
    /// The epoch of its best figure, from 1; 0 if it has none.
    pub best_epoch: u32,
    /// Its best figure; `None` if that is not a number, as for training that diverged.
    pub value: Option<f64>,
    /// What it came to on the training part in the epoch of its best figure.
    #[serde(default)]
    pub train: TrialPart,
    /// What it came to on the dev part in that epoch.
    #[serde(default)]
    pub dev: TrialPart,
    /// Its results at each rung, in order of time.
    #[serde(default)]
    pub rungs: Vec<Rung>,
    /// How the trial ended.
    pub outcome: TrialOutcome,
}

/// What a trial came to on a part. Choices of earlier programs tell nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct TrialPart {
    /// The share of examples that were classified correctly, in `0..=1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// The mean loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
}

/// The result of a trial at a rung, the point at which a search compares trials and stops the worse ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// Number of epochs trained until then.
    pub epochs: u32,
    /// Its best figure until then; `None` if that is not a number.
    pub value: Option<f64>,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrialOutcome {
    /// It was the best, and its settings were chosen.
    Chosen,
    /// It was trained to the end, and another trial was better.
    Finished,
    /// Other trials were better at a rung, and its training was stopped.
    Pruned,
}

impl TrialOutcome {
    /// Returns the name that is written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::Finished => "finished",
            Self::Pruned => "pruned",
        }
    }
}

impl Trials {
    /// Returns the chosen trial, if it is listed.
    #[must_use]
    pub fn chosen(&self) -> Option<&Trial> {
        self.trials.iter().find(|trial| trial.trial == self.chosen)
    }

    /// Returns the trials by falling quality: ties in order of number, trials without a figure last.
    #[must_use]
    pub fn by_value(&self) -> Vec<&Trial> {
        let mut trials: Vec<&Trial> = self.trials.iter().collect();
        trials.sort_by(|a, b| self.monitor.order(a.value, b.value));
        trials
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"version":1,"monitor":"dev-accuracy","search":"hyperband","chosen":2,"trials":[
        {"trial":1,"bracket":4,"settings":{"lr":0.1},"epochs":3,"best_epoch":2,"value":null,
         "rungs":[{"epochs":3,"value":null}],"outcome":"pruned"},
        {"trial":2,"bracket":4,"settings":{"lr":0.01},"epochs":81,"best_epoch":67,"value":0.61,
         "train":{"accuracy":0.48,"loss":1.4},"dev":{"accuracy":0.61},
         "rungs":[{"epochs":3,"value":0.41},{"epochs":81,"value":0.61}],"outcome":"chosen"},
        {"trial":3,"settings":{"lr":0.001},"epochs":81,"best_epoch":80,"value":0.61,"outcome":"finished"},
        {"trial":4,"settings":{"lr":0.002},"epochs":81,"best_epoch":80,"value":0.5,"outcome":"finished"}]}"#;

    #[test]
    fn a_file_is_read_and_written() {
        let trials: Trials = serde_json::from_str(FILE).unwrap();
        assert_eq!(trials.chosen().map(|trial| trial.best_epoch), Some(67));
        assert_eq!(trials.trials[0].rungs, [Rung { epochs: 3, value: None }]);
        assert_eq!((trials.trials[2].bracket, trials.trials[2].rungs.len()), (None, 0));
        let parts =
            |trial: &Trial| [trial.train.accuracy, trial.train.loss, trial.dev.accuracy, trial.dev.loss];
        assert_eq!(parts(&trials.trials[0]), [None; 4], "of an earlier program");
        assert_eq!(parts(&trials.trials[1]), [Some(0.48), Some(1.4), Some(0.61), None]);
        let written = serde_json::to_string(&trials).unwrap();
        assert_eq!(serde_json::from_str::<Trials>(&written).unwrap(), trials);
        assert!(written.contains(r#""outcome":"pruned""#), "{written}");
    }

    #[test]
    fn the_best_comes_first() {
        let mut trials: Trials = serde_json::from_str(FILE).unwrap();
        let numbers = |trials: &Trials| -> Vec<u32> {
            trials.by_value().into_iter().map(|trial| trial.trial).collect()
        };
        assert_eq!(numbers(&trials), [2, 3, 4, 1]);
        trials.monitor = Monitor::DevLoss;
        assert_eq!(numbers(&trials), [4, 2, 3, 1]);
    }
}
