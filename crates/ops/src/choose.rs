//! `choose`: of the settings that were tried, those that did best on the dev part.

use affekt_domain::{Epoch, Monitor};
use affekt_spec::{Settings, Spec, View};
use serde::Serialize;
use serde_json::Value;

use crate::operation::{Author, InputPort, Operation, OutputPort};
use crate::{Kind, train};

/// The parameters, given by the search. Histories flow in in the order of `trials`.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Params {
    /// How settings were picked: `hyperband`, `random`, `grid`.
    pub search: String,
    /// How trials are judged.
    #[spec(name = "objective", key = "judged_by")]
    pub objective: TuningObjective,
    /// What was tried.
    pub trials: Vec<SearchTrial>,
}

/// What a trial is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub struct TuningObjective {
    /// The figure on the dev part.
    pub monitor: Monitor,
    /// Whether that of the last epoch counts, as where a training keeps the weights of its last; else the best one.
    pub last_epoch: bool,
}

/// Settings that were tried, and how far.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct SearchTrial {
    /// The trial's number, from 1.
    pub trial: u32,
    /// The bracket it was tried in, where the search has brackets.
    pub bracket: Option<u32>,
    /// Its settings, by path.
    pub settings: Settings,
    /// What they make of the parameters of `train`.
    pub params: train::Params,
    /// After which epochs it was weighed, the last of them included.
    pub rungs: Vec<u32>,
    /// Whether it went as far as trials go.
    pub is_finished: bool,
}

/// What `train` reads of a choice.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Chosen {
    /// Of this format: 1.
    pub version: u32,
    /// The settings, by path.
    pub settings: Settings,
    /// The parameters of `train` with them.
    pub params: train::Params,
}

impl Chosen {
    /// Returns what the artefact says: the parameters as keys have them.
    pub fn written(&self) -> impl Serialize {
        Written { version: self.version, settings: &self.settings, params: self.params.view(View::Key) }
    }
}

#[derive(Serialize)]
struct Written<'c> {
    version: u32,
    settings: &'c Settings,
    params: Value,
}

/// The operation.
pub struct Choose;

impl Operation for Choose {
    type Params = Params;

    const NAME: &'static str = "choose";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "of the settings that were tried, those that did best on the dev rows";
    const INPUTS: &'static [InputPort] = &[InputPort::many("histories", &[Kind::History])];
    const OUTPUTS: &'static [OutputPort] =
        &[OutputPort::new("chosen", Kind::Chosen), OutputPort::new("trials", Kind::Trials)];
    const AUTHOR: Author = Author::Experiment;
}

impl TuningObjective {
    /// Returns what a trial had reached after some epochs: the epoch that counts, and its figure. `None` where it diverged before,
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

    /// Returns the trials in the order of their figures, the best first; of equal ones the first, and last those without a figure.
    /// Positions in `figures`.
    #[must_use]
    pub fn ranking(self, figures: &[Option<f64>]) -> Vec<usize> {
        let mut ranking: Vec<usize> = (0..figures.len()).collect();
        ranking.sort_by(|&a, &b| self.monitor.order(figures[a], figures[b]));
        ranking
    }
}
