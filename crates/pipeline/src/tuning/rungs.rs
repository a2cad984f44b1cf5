//! The graph of a search, which grows rung by rung: trials pause, are weighed against each other on the dev part, and the best
//! of them go on from where they paused. What does not go on costs nothing more.

use std::sync::Arc;

use affekt_graph::{AxisValue, Failure, Grow, Growth, Input, Node, NodeId, Object, Source, Work};
use affekt_ops::Operation;
use affekt_ops::choose::{self, Choose, SearchTrial};
use affekt_ops::trial;
use affekt_table::history;

use super::proposals::Search;
use crate::axes;
use crate::draft::plain_node;

/// The name of a search's nodes that grow.
pub const TUNE: &str = "tune";
/// The name of its trials.
const TRIAL: &str = "trial";
/// The name of its choice.
const CHOOSE: &str = "choose";

/// What a search's nodes give to others.
pub const OUTPUTS: [&str; 2] = ["chosen", "trials"];

/// Lists the ids of what the search called `tune` may yield.
pub fn yields(tune: &NodeId) -> Vec<NodeId> {
    vec![
        tune.with(axes::RUNG, AxisValue::Every),
        trial_id(tune, AxisValue::Every, AxisValue::Every),
        tune.renamed(CHOOSE),
    ]
}

/// `tune[fold=1]` → `trial[fold=1,trial=2,epochs=3]`.
fn trial_id(tune: &NodeId, number: AxisValue, until: AxisValue) -> NodeId {
    tune.renamed(TRIAL).with(axes::TRIAL, number).with(axes::EPOCHS, until)
}

/// A rung of all brackets, before it is known which trials reach it.
pub struct Stage {
    search: Arc<Search>,
    /// What a trial is, but for its name, parameters and state. Its name is the search's: `tune[fold=1]`.
    template: Node,
    /// From 0.
    rung: usize,
    /// The trials of the rung before: positions and nodes, bracket by bracket, in the order in which their histories flow in.
    /// Of the first rung, all trials.
    before: Vec<Vec<Reached>>,
    /// The trials that go no further.
    ended: Vec<Reached>,
}

/// How far a trial has come.
#[derive(Clone)]
struct Reached {
    /// Its position in the search.
    trial: usize,
    /// The epochs after which it paused.
    rungs: Vec<u32>,
    /// The node that brought it there; `None` before the first.
    node: Option<NodeId>,
    /// Whether that is as far as trials go.
    is_finished: bool,
}

impl Stage {
    /// Begins a search: `template` is a trial under the name of the search.
    pub fn first(search: &Arc<Search>, template: Node) -> Self {
        let new = |&trial: &usize| Reached { trial, rungs: Vec::new(), node: None, is_finished: false };
        let before = search.brackets.iter().map(|(_, trials)| trials.iter().map(new).collect()).collect();
        Self { search: Arc::clone(search), template, rung: 0, before, ended: Vec::new() }
    }

    /// Makes the node that grows to this rung.
    pub fn into_node(self) -> Node {
        let id = match self.rung {
            0 => self.template.id.clone(),
            rung => self.template.id.with(axes::RUNG, rung as u64),
        };
        let histories = self.before.iter().flatten().filter_map(|reached| reached.history()).collect();
        Node {
            id,
            op: TUNE.to_owned(),
            inputs: vec![Input { port: "histories".into(), from: histories }],
            outputs: OUTPUTS.map(str::to_owned).to_vec(),
            work: Work::Grow(Arc::new(self)),
            ..plain_node(&Choose::DEFINITION, "")
        }
    }

    /// A trial goes on to the next rung.
    fn trial(&self, reached: &Reached, until: u32) -> Node {
        let proposal = &self.search.trials[reached.trial];
        let from = reached.rungs.last().copied().unwrap_or(0);
        let mut node = self.template.clone();
        node.id = trial_id(&self.template.id, proposal.number.into(), until.into());
        let mut params = trial::Params::of(&proposal.params, from, until, self.search.max_epochs);
        params.training.select_on_test = self.search.select_on_test;
        affekt_ops::set_params(&mut node, &*affekt_ops::with::<trial::Trial>(params));
        let state = reached.node.iter().map(|node| Source::output(node, "state")).collect();
        node.inputs.push(Input { port: "state".into(), from: state });
        node
    }

    /// The choice among all trials.
    fn choose(&self, ended: &[Reached]) -> Node {
        let bracket_of = |trial: usize| {
            let own = self.search.brackets.iter().find(|(_, trials)| trials.contains(&trial));
            own.and_then(|(bracket, _)| bracket.number)
        };
        let tried = |reached: &Reached| {
            let proposal = &self.search.trials[reached.trial];
            SearchTrial {
                trial: proposal.number,
                bracket: bracket_of(reached.trial),
                settings: proposal.settings.clone(),
                params: proposal.params.clone(),
                rungs: reached.rungs.clone(),
                is_finished: reached.is_finished,
            }
        };
        let params = choose::Params {
            search: self.search.by.to_owned(),
            objective: self.search.objective,
            trials: ended.iter().map(tried).collect(),
        };
        let histories = ended.iter().filter_map(Reached::history).collect();
        let mut node = Node {
            id: self.template.id.renamed(CHOOSE),
            inputs: vec![Input { port: "histories".into(), from: histories }],
            ..plain_node(&Choose::DEFINITION, CHOOSE)
        };
        affekt_ops::set_params(&mut node, &*affekt_ops::with::<Choose>(params));
        node
    }

    /// Of the trials of a bracket, those that reach this rung, in their order; the others have ended.
    fn survivors(&self, bracket: usize, figures: &[Option<f64>], ended: &mut Vec<Reached>) -> Vec<Reached> {
        let (before, rungs) = (&self.before[bracket], &self.search.brackets[bracket].0.rungs);
        let Some(rung) = rungs.get(self.rung) else {
            ended.extend(before.iter().cloned());
            return Vec::new();
        };
        if self.rung == 0 {
            return before.clone();
        }
        let mut best = self.search.objective.ranking(figures);
        best.retain(|&at| figures[at].is_some());
        best.truncate(rung.trials);
        let (on, out): (Vec<_>, Vec<_>) = before.iter().enumerate().partition(|(at, _)| best.contains(at));
        ended.extend(out.into_iter().map(|(_, reached)| reached.clone()));
        on.into_iter().map(|(_, reached)| reached.clone()).collect()
    }
}

impl Reached {
    fn history(&self) -> Option<Source> {
        self.node.as_ref().map(|node| Source::output(node, "history"))
    }
}

impl Grow for Stage {
    fn grow(&self, inputs: &[Vec<Object>]) -> Result<Growth, Failure> {
        let search = &self.search;
        let mut histories = inputs.first().map(Vec::as_slice).unwrap_or_default().iter();
        let mut ended = self.ended.clone();
        let (mut nodes, mut reached): (Vec<Node>, Vec<Vec<Reached>>) = Default::default();
        for (bracket, (plan, _)) in search.brackets.iter().enumerate() {
            let mut figures = Vec::new();
            for trial in self.before[bracket].iter().filter(|trial| trial.node.is_some()) {
                let Some(object) = histories.next() else {
                    return Err(Failure::Failed { message: "a trial's history is missing".into() });
                };
                let epochs = affekt_ops::table::read(object, history::read)?;
                let until = trial.rungs.last().copied().unwrap_or(0);
                figures.push(search.objective.standing(&epochs, until).map(|(_, figure)| figure));
            }
            let mut on = self.survivors(bracket, &figures, &mut ended);
            if let Some(rung) = plan.rungs.get(self.rung) {
                for trial in &mut on {
                    let node = self.trial(trial, rung.epochs);
                    trial.rungs.push(rung.epochs);
                    trial.node = Some(node.id.clone());
                    trial.is_finished = self.rung + 1 == plan.rungs.len();
                    nodes.push(node);
                }
            }
            reached.push(on);
        }
        let goes_on = |trial: &Reached| !trial.is_finished;
        let next = if reached.iter().flatten().any(goes_on) {
            let (rung, template) = (self.rung + 1, self.template.clone());
            Self { search: Arc::clone(search), template, rung, before: reached, ended }.into_node()
        } else {
            ended.extend(reached.into_iter().flatten());
            self.choose(&ended)
        };
        let port = |output: &str| (output.to_owned(), vec![next.source(output)]);
        let ports = OUTPUTS.into_iter().map(port).collect();
        nodes.push(next);
        Ok(Growth { nodes, ports })
    }

    fn yields(&self) -> Vec<NodeId> {
        yields(&self.template.id)
    }

    fn reads(&self) -> Vec<NodeId> {
        let inputs = self.template.inputs.iter().flat_map(|input| &input.from);
        inputs.map(|source| source.node().clone()).collect()
    }

    fn isolates(&self) -> Option<&'static str> {
        Some(axes::FOLD)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use affekt_domain::{Epoch, Monitor};
    use affekt_graph::Store;
    use affekt_ops::choose::TuningObjective;
    use affekt_spec::Settings;
    use affekt_spec::network::{CnnConfig, NetworkConfig};
    use affekt_spec::training::TrainConfig;

    use super::*;
    use crate::tuning::hyperband;
    use crate::tuning::proposals::Proposal;

    /// Trials of which the number n reaches a loss of `losses[n - 1]`, or diverges.
    struct Bench {
        store: Store,
        losses: Vec<f64>,
        _folder: tempfile::TempDir,
    }

    impl Bench {
        fn new(losses: &[f64]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).unwrap();
            Self { store, losses: losses.to_vec(), _folder: folder }
        }

        fn search(&self, brackets: Vec<hyperband::Bracket>, max_epochs: u32) -> Arc<Search> {
            let mut left = 0..self.losses.len();
            let filled = brackets.into_iter().map(|bracket| {
                let trials = left.by_ref().take(bracket.rungs[0].trials).collect::<Vec<_>>();
                (bracket, trials)
            });
            let brackets = filled.filter(|(_, trials)| !trials.is_empty()).collect();
            let proposal = |number: usize| {
                let mut training = TrainConfig::default();
                training.optimisation.lr = number as f64;
                let network = NetworkConfig::Cnn(CnnConfig::default());
                Proposal {
                    number: number as u32,
                    settings: Settings(BTreeMap::from([("lr".to_owned(), number.into())])),
                    params: affekt_ops::train::Params { network, training, select_on_test: false },
                }
            };
            Arc::new(Search {
                step: "train".into(),
                by: "hyperband",
                objective: TuningObjective { monitor: Monitor::DevLoss, last_epoch: false },
                max_epochs,
                seed: 0,
                select_on_test: false,
                brackets,
                trials: (1..=self.losses.len()).map(proposal).collect(),
            })
        }

        /// The history of the trial that a node's name and parameters tell of.
        fn history(&self, node: &Node) -> Object {
            let loss = self.losses[node.params["training"]["lr"].as_f64().unwrap() as usize - 1];
            let until = node.params["epochs"]["until"].as_u64().unwrap() as u32;
            let epoch = |number| Epoch {
                stage: affekt_domain::Stage::Search,
                number,
                learning_rate: 1.0,
                train_loss: loss,
                train_accuracy: None,
                dev_loss: Some(loss + 1.0 / f64::from(number)),
                dev_accuracy: None,
                dev_uar: None,
                dev_ccc: None,
                kept: false,
            };
            let scratch = self.store.scratch().unwrap();
            let path = scratch.path().join("history");
            history::write(&path, &(1..=until).map(epoch).collect::<Vec<_>>(), &[]).unwrap();
            self.store.object(self.store.adopt("history", &path).unwrap().digest).unwrap()
        }

        /// The names of what each rung yields, and the choice.
        fn grown(&self, search: &Arc<Search>) -> (Vec<Vec<String>>, choose::Params) {
            let mut template = plain_node(&trial::Trial::DEFINITION, "tune");
            template.id = template.id.with(axes::VARIANT, "a").with(axes::FOLD, 1_u32);
            let mut grower = Stage::first(search, template).into_node();
            let (mut known, mut rungs): (Vec<Node>, Vec<Vec<String>>) = Default::default();
            loop {
                let Work::Grow(rule) = &grower.work else { panic!("{} does not grow", grower.id) };
                let looked_at = grower.inputs[0].from.iter().map(|source| {
                    let node = known.iter().find(|node| node.id == *source.node());
                    self.history(node.unwrap_or_else(|| panic!("{} reads {}", grower.id, source.node())))
                });
                let growth = rule.grow(&[looked_at.collect()]).unwrap();
                let may_yield = |node: &Node| rule.yields().iter().any(|id| id.matches(node.id.as_str()));
                assert!(growth.nodes.iter().all(may_yield));
                let is_isolated = |node: &Node| node.id.number(rule.isolates().unwrap()) == Some(1);
                assert!(growth.nodes.iter().all(is_isolated));
                let (last, trials) = growth.nodes.split_last().unwrap();
                rungs.push(trials.iter().map(|node| node.id.to_string()).collect());
                known.extend(trials.iter().cloned());
                if last.op == Choose::NAME {
                    assert_eq!(growth.ports["chosen"], [Source::output(&last.id, "chosen")]);
                    assert_eq!(last.inputs[0].from.len(), search.trials.len(), "every trial is told of");
                    return (rungs, serde_json::from_value((*last.params).clone()).unwrap());
                }
                grower = last.clone();
            }
        }
    }

    fn trials(rung: &[String]) -> Vec<u32> {
        let number = |id: &String| id.split("trial=").nth(1)?.split(',').next()?.parse().ok();
        rung.iter().filter_map(number).collect()
    }

    #[test]
    fn the_best_of_each_rung_go_on() {
        let bench = Bench::new(&[
            0.5, 0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4, 0.6, 0.05, 0.95, 0.85, 0.75, 0.65, 0.55, 0.45,
        ]);
        let search = bench.search(hyperband::brackets(9, 3), 9);
        let (rungs, choice) = bench.grown(&search);
        // Nine, five and two trials from 1, 3 and 9 epochs; R = 9 and η = 3 would have three in the last.
        assert_eq!(trials(&rungs[0]), (1..=16).collect::<Vec<_>>());
        assert_eq!(rungs[0][0], "trial[variant=a,fold=1,trial=1,epochs=1]");
        assert_eq!(rungs[0][9], "trial[variant=a,fold=1,trial=10,epochs=3]");
        assert_eq!(trials(&rungs[1]), [2, 4, 6, 10]);
        assert_eq!(rungs[1][3], "trial[variant=a,fold=1,trial=10,epochs=9]");
        assert_eq!(trials(&rungs[2]), [2]);
        assert_eq!(rungs.len(), 3);
        let finished: Vec<u32> =
            choice.trials.iter().filter(|tried| tried.is_finished).map(|tried| tried.trial).collect();
        assert_eq!(finished, [15, 16, 10, 2]);
        let two = choice.trials.iter().find(|tried| tried.trial == 2).unwrap();
        assert_eq!((two.rungs.as_slice(), two.bracket), (&[1, 3, 9][..], Some(2)));
    }

    #[test]
    fn few_settings_are_not_thrown_away_early() {
        let bench = Bench::new(&[0.4, 0.3, 0.2, 0.1]);
        let (rungs, _) = bench.grown(&bench.search(hyperband::brackets(81, 3), 81));
        let counts: Vec<usize> = rungs.iter().map(Vec::len).collect();
        assert_eq!(counts, [4, 4, 4, 3, 1], "as many as the paper's rungs have room for");
        assert_eq!(trials(&rungs[4]), [4]);
    }

    #[test]
    fn what_diverged_does_not_go_on() {
        let bench = Bench::new(&[f64::NAN, 0.3, f64::NAN]);
        let (rungs, choice) = bench.grown(&bench.search(hyperband::brackets(3, 3), 3));
        assert_eq!(trials(&rungs[1]), [2]);
        assert_eq!(choice.trials.iter().filter(|tried| tried.is_finished).count(), 1);
        let bench = Bench::new(&[f64::NAN; 3]);
        let (rungs, choice) = bench.grown(&bench.search(hyperband::brackets(3, 3), 3));
        assert_eq!((rungs[1].len(), choice.trials.len()), (0, 3), "and the choice says that there is none");
    }

    #[test]
    fn a_search_without_rungs_grows_once() {
        let bench = Bench::new(&[0.4, 0.3]);
        let (rungs, choice) = bench.grown(&bench.search(hyperband::all_to_the_end(2, 5), 5));
        assert_eq!((rungs.len(), trials(&rungs[0])), (1, vec![1, 2]));
        assert!(choice.trials.iter().all(|tried| tried.is_finished && tried.rungs == [5]));
    }
}
