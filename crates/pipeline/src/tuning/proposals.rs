//! Which settings are tried, decided when the experiment is read: each is read by the training's own op, so that what it
//! refuses is refused before anything runs.

use affekt_config::{Diagnostic, Diagnostics, Key, Node, list_names, to_json};
use affekt_domain::SplitMix64;
use affekt_ops::Purpose;
use affekt_ops::choose::TuningObjective;
use affekt_ops::train::{self, Train};
use affekt_spec::protocol::Permission;
use affekt_spec::training::Stopping;
use affekt_spec::{Settings as SettingsByPath, View};

use super::hyperband::Bracket;
use super::section::Tune;
use crate::step::{self, Step, Steps};
use crate::values::{Values, is_same};
use crate::wiring::Wired;

/// A search, laid out.
#[derive(Debug)]
pub struct Search {
    /// The step that is tuned.
    pub step: String,
    /// How settings were picked.
    pub by: &'static str,
    /// What trials are judged by.
    pub objective: TuningObjective,
    /// As far as any trial goes.
    pub max_epochs: u32,
    /// The seed of every trial.
    pub seed: u64,
    /// Whether the rows that trials are judged on are test rows.
    pub select_on_test: bool,
    /// What is tried side by side: each bracket with the positions of its trials.
    pub brackets: Vec<(Bracket, Vec<usize>)>,
    /// Everything that is tried.
    pub trials: Vec<Proposal>,
}

/// Settings to try.
#[derive(Debug)]
pub struct Proposal {
    /// Its number, from 1.
    pub number: u32,
    /// The settings.
    pub settings: SettingsByPath,
    /// What they make of the training's parameters.
    pub params: train::Params,
}

/// Settings before they are read.
type Settings = Vec<(Key, Node)>;

/// What a pipeline is read with.
pub struct Reading<'r> {
    pub pipeline: &'r Node,
    pub with: &'r [(Key, Node)],
    pub profile: Option<&'r str>,
}

/// Lays a search out over a pipeline's steps, which are sound. `None` (and errors) where it does not fit them.
pub fn lay_out(
    tune: &Tune,
    reading: &Reading<'_>,
    wired: &[Wired],
    diagnostics: &Diagnostics,
) -> Option<Search> {
    let tuned = tuned(tune, wired, diagnostics)?;
    let step = &tuned.step;
    let select_on_test = tuned.relies_on.contains(&Permission::SelectionOnTest);
    let objective = objective(tune, step, diagnostics)?;
    let max_epochs = tune.max_epochs.or_else(|| Some(step.params.facts().training?.max_epochs))?;
    let there_are = count(&tune.space);
    let mut proposed = Proposed::new(tune, there_are);
    let (mut brackets, mut trials) = (Vec::new(), Vec::new());
    for bracket in tune.brackets(max_epochs, there_are) {
        let wanted = bracket.rungs.first().map_or(0, |rung| rung.trials);
        let mut positions = Vec::new();
        for settings in proposed.by_ref().take(wanted) {
            let params = params(reading, &settings, step, wired, diagnostics)?;
            let settings = settings.iter().map(|(key, value)| (key.name.clone(), to_json(value)));
            let settings = SettingsByPath(settings.collect());
            positions.push(trials.len());
            trials.push(Proposal { number: trials.len() as u32 + 1, settings, params });
        }
        // Where there are no more settings, there is nothing left to try.
        if !positions.is_empty() {
            brackets.push((bracket, positions));
        }
    }
    let (step, by, seed) = (step.name.clone(), tune.name(), tune.seed);
    Some(Search { step, by, objective, max_epochs, seed, select_on_test, brackets, trials })
}

/// The training that is tuned.
fn tuned<'w>(tune: &Tune, wired: &'w [Wired], diagnostics: &Diagnostics) -> Option<&'w Wired> {
    let trains = || wired.iter().filter(|wired| wired.step.definition.purpose == Purpose::Train);
    let names: Vec<&str> = trains().map(|wired| wired.step.name.as_str()).collect();
    match &tune.step {
        Some((name, span)) => {
            let found = trains().find(|wired| wired.step.name == *name);
            if found.is_none() {
                diagnostics.push(Diagnostic::unknown(span, "training", name, "the pipeline has", &names));
            }
            found
        }
        None if names.len() == 1 => trains().next(),
        None => {
            let there_are = match names.len() {
                0 => "there is no training to tune".to_owned(),
                _ => format!("there are several trainings to tune: {}", list_names(&names)),
            };
            diagnostics.push(Diagnostic::error(&tune.span, there_are).hint("name one: `step: …`"));
            None
        }
    }
}

fn objective(tune: &Tune, step: &Step, diagnostics: &Diagnostics) -> Option<TuningObjective> {
    let stopping = step.params.facts().training?.stopping;
    let own = match stopping {
        Stopping::Early { monitor, .. } => Some(monitor),
        Stopping::Fixed => None,
    };
    let Some(monitor) = tune.monitor.or(own) else {
        let message = format!("`{}` stops by no figure, so what are its trials judged by?", step.name);
        diagnostics.push(Diagnostic::error(&tune.span, message).hint("say `monitor: dev-loss`"));
        return None;
    };
    Some(TuningObjective { monitor, last_epoch: stopping == Stopping::Fixed })
}

/// What the training's parameters are with these settings. Nothing else may depend on them.
fn params(
    reading: &Reading<'_>,
    settings: &Settings,
    tuned: &Step,
    wired: &[Wired],
    diagnostics: &Diagnostics,
) -> Option<train::Params> {
    let Reading { pipeline, with, profile } = reading;
    let others = |settings: &[(Key, Node)]| {
        let is_tried = |key: &Key| settings.iter().any(|(tried, _)| tried == key);
        let kept = with.iter().filter(|(key, _)| !is_tried(key));
        let with: Vec<_> = kept.chain(settings).cloned().collect();
        step::read(pipeline, &with, *profile, &[], diagnostics)
    };
    let steps = others(settings);
    if diagnostics.has_errors() {
        return None;
    }
    let used = || wired.iter().map(|wired| &wired.step);
    let changed = |steps: &Steps| {
        let own = |other: &&Step| steps.read.iter().find(|step| step.name == other.name);
        used()
            .find(|other| own(other).is_none_or(|own| !is_alike(own, other, tuned)))
            .map(|step| step.name.clone())
    };
    if changed(&steps).is_some() {
        for setting in settings {
            if let Some(name) = changed(&others(std::slice::from_ref(setting))) {
                let (key, _) = setting;
                let message = format!(
                    "`{}` changes `{name}`, and a search tries what `{}` is told alone",
                    key.name, tuned.name
                );
                diagnostics.push(Diagnostic::error(&key.span, message).hint("sweep over it instead"));
            }
        }
        return None;
    }
    let step = steps.read.into_iter().find(|step| step.name == tuned.name)?;
    step.params.of::<Train>().cloned()
}

/// Whether a step is what it was, but for the parameters of the one that is tuned.
fn is_alike(a: &Step, b: &Step, tuned: &Step) -> bool {
    let references = |step: &Step| -> Vec<_> {
        let inputs = step.inputs.iter();
        let read = |from: &step::Reference| (from.node.clone(), from.output.clone());
        inputs
            .map(|input| {
                let port = input.port.as_ref().map(|(port, _)| port.clone());
                (port, input.from.iter().map(read).collect::<Vec<_>>())
            })
            .collect()
    };
    a.definition.name == b.definition.name
        && (a.params.view(View::Key) == b.params.view(View::Key) || b.name == tuned.name)
        && references(a) == references(b)
        && a.axes == b.axes
        && a.resources == b.resources
}

/// How many different settings there are; `None` where they cannot be counted.
fn count(space: &[(Key, Values)]) -> Option<usize> {
    space.iter().try_fold(1_usize, |count, (_, values)| match values {
        Values::Listed(values) => count.checked_mul(values.len()),
        Values::Between(_) => None,
    })
}

/// How many settings can be shuffled.
const SHUFFLED: usize = 1_000_000;
/// How often in a row drawing may come to settings that were tried before.
const PATIENCE: usize = 1000;

/// Settings one after the other, none twice: a grid in its order, others as a stream of random numbers has them.
struct Proposed<'t> {
    space: &'t [(Key, Values)],
    random: SplitMix64,
    /// The numbers of those that are left, in turn from the end, where there are few enough.
    left: Option<Vec<usize>>,
    /// What was drawn, where there are not.
    drawn: Vec<Settings>,
}

impl<'t> Proposed<'t> {
    fn new(tune: &'t Tune, there_are: Option<usize>) -> Self {
        let mut random = SplitMix64(SplitMix64::mix(tune.seed ^ 0x7475_6e65));
        let left = there_are.filter(|count| *count <= SHUFFLED || tune.is_grid()).map(|count| {
            let mut left: Vec<usize> = (0..count).rev().collect();
            if !tune.is_grid() {
                (1..left.len()).rev().for_each(|last| left.swap(last, random.below(last + 1)));
            }
            left
        });
        Self { space: &tune.space, random, left, drawn: Vec::new() }
    }

    /// The settings with a number: the last one of the space changes fastest.
    fn at(&self, mut number: usize) -> Settings {
        let mut settings: Settings = Vec::new();
        for (key, values) in self.space.iter().rev() {
            if let Values::Listed(values) = values {
                settings.push((key.clone(), values[number % values.len()].clone()));
                number /= values.len();
            }
        }
        settings.reverse();
        settings
    }

    fn draw(&mut self) -> Settings {
        let mut draw = |(key, values): &(Key, Values)| {
            let value = match values {
                Values::Listed(values) => values[self.random.below(values.len())].clone(),
                Values::Between(between) => between.draw(&mut self.random),
            };
            (key.clone(), value)
        };
        self.space.iter().map(&mut draw).collect()
    }
}

impl Iterator for Proposed<'_> {
    type Item = Settings;

    fn next(&mut self) -> Option<Settings> {
        if let Some(left) = &mut self.left {
            let number = left.pop()?;
            return Some(self.at(number));
        }
        for _ in 0..PATIENCE {
            let new = self.draw();
            let is_new = |old: &Settings| old.iter().zip(&new).any(|((_, a), (_, b))| !is_same(a, b));
            if self.drawn.iter().all(is_new) {
                self.drawn.push(new.clone());
                return Some(new);
            }
        }
        None
    }
}
