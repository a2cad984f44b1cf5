//! What a search over settings tried, and what it chose: `trials.json`.
//!
//! Trials are judged on the dev part of one fold. What stands here never saw a test row.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Monitor;

/// The trials of one fold: the whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trials {
    /// The version of this schema: 1.
    pub version: u32,
    /// What trials are judged by.
    pub monitor: Monitor,
    /// How trials were picked: `hyperband`, `random`, `grid`.
    pub search: String,
    /// The number of the trial that was chosen.
    pub chosen: u32,
    /// Every trial, by number.
    pub trials: Vec<Trial>,
}

/// One set of settings, and how far training with it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its number.
    pub trial: u32,
    /// The bracket it was tried in, where the search has brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bracket: Option<u32>,
    /// Its settings, by path.
    pub settings: BTreeMap<String, Value>,
    /// How many epochs it was trained.
    pub epochs: u32,
    /// The epoch of its best figure, from 1; 0 where it has none.
    pub best_epoch: u32,
    /// Its best figure; `None` where that is no number, as of a training that diverged.
    pub value: Option<f64>,
    /// What it had reached each time that trials were weighed against each other, in order.
    #[serde(default)]
    pub rungs: Vec<Rung>,
    /// How it ended.
    pub outcome: TrialOutcome,
}

/// What a trial had reached after some epochs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// After so many epochs.
    pub epochs: u32,
    /// Its best figure until then; `None` where that is no number.
    pub value: Option<f64>,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrialOutcome {
    /// It was the best, and its settings were taken.
    Chosen,
    /// It was trained to its end, and another was better.
    Finished,
    /// Others were better at a rung, and it was trained no further.
    Pruned,
}

impl TrialOutcome {
    /// Its name, as written in files.
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
    /// The trial that was chosen.
    #[must_use]
    pub fn chosen(&self) -> Option<&Trial> {
        self.trials.iter().find(|trial| trial.trial == self.chosen)
    }

    /// The trials, the best first; of equal ones the first that was tried, and last those without a figure.
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
         "rungs":[{"epochs":3,"value":0.41},{"epochs":81,"value":0.61}],"outcome":"chosen"},
        {"trial":3,"settings":{"lr":0.001},"epochs":81,"best_epoch":80,"value":0.61,"outcome":"finished"},
        {"trial":4,"settings":{"lr":0.002},"epochs":81,"best_epoch":80,"value":0.5,"outcome":"finished"}]}"#;

    #[test]
    fn a_file_is_read_and_written() {
        let trials: Trials = serde_json::from_str(FILE).unwrap();
        assert_eq!(trials.chosen().map(|trial| trial.best_epoch), Some(67));
        assert_eq!(trials.trials[0].rungs, [Rung { epochs: 3, value: None }]);
        assert_eq!((trials.trials[2].bracket, trials.trials[2].rungs.len()), (None, 0));
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
