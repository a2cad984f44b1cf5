//! Timings of trainings: measured while they run, stored, and used for estimates when planning.
//!
//! A training reports its steps (epochs, or optimiser steps of pretraining) as it goes on, so that the time of a step is
//! known apart from what comes before the first and after the last, also where it was resumed or interrupted. Nodes are
//! *comparable* when they have the same [`CostSignature`]: the same op with the same parameters on the same device, below
//! nodes with the same parameters, whatever the seed, the fold, the number of steps and parameters without a cost. Nothing
//! of this is in a key.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use affekt_domain::Digest;
use affekt_graph::{LastRun, Node, NodeIndex, Place, Record, State, Walk, Work, hash_bytes};
use affekt_pipeline::CorpusUse;
use affekt_spec::View;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::context::ExperimentContext;

/// How many of the latest timings of comparable nodes count.
const LATEST: usize = 9;

/// What nodes have in common that are expected to take equally long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CostSignature(Digest);

/// The timings of one store and device, by cost signature.
pub struct Timings {
    path: PathBuf,
    /// The name of the device that workers compute on.
    device: String,
    known: HashMap<CostSignature, Vec<Timing>>,
}

/// A line of the store's `hints/paces.jsonl`.
#[derive(Clone, Serialize, Deserialize)]
struct Line {
    #[serde(rename = "like")]
    signature: CostSignature,
    op: String,
    #[serde(rename = "on")]
    device: String,
    #[serde(flatten)]
    timing: Timing,
}

/// How long a node took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Timing {
    /// Seconds before the first step and after the last; of all where there are no steps.
    #[serde(rename = "beside_s")]
    overhead_s: f64,
    /// The steps of a training.
    #[serde(rename = "rounds", skip_serializing_if = "Option::is_none")]
    steps: Option<StepTiming>,
    /// How much memory of the device was needed at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory_mib: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StepTiming {
    /// Seconds of one step.
    seconds: f64,
    /// How many the parameters asked for.
    #[serde(rename = "asked")]
    requested: u64,
    /// How many were done: fewer where it stopped early, more where it refitted. `None` where it was interrupted.
    done: Option<u64>,
}

impl Timing {
    /// Estimates the seconds of a comparable node that asks for `requested` steps.
    fn estimate(&self, requested: Option<u64>) -> Option<f64> {
        let (steps, requested) = match (&self.steps, requested) {
            (None, None) => return Some(self.overhead_s),
            (Some(steps), Some(requested)) => (steps, requested),
            _ => return None,
        };
        let expected = match steps.done {
            // One that stopped early is expected to do so again, unless it has to stop sooner.
            Some(done) if done != steps.requested => {
                done as f64 * (requested as f64 / steps.requested.max(1) as f64).min(1.0)
            }
            _ => requested as f64,
        };
        Some(self.overhead_s + steps.seconds * expected)
    }
}

impl Timings {
    /// Reads the timings in an experiment's store of the device that it would compute on.
    pub fn open(context: &ExperimentContext) -> Self {
        let path = context.store.root().join("hints").join("paces.jsonl");
        let device = context.device.name(&affekt_graph::machine());
        let mut known: HashMap<CostSignature, Vec<Timing>> = HashMap::new();
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        for line in lines.filter(|line| line.device == device) {
            known.entry(line.signature).or_default().push(line.timing);
        }
        Self { path, device, known }
    }

    /// Estimates the seconds of a node in a worker: the median of the latest comparable ones.
    fn estimate(&self, signature: CostSignature, requested: Option<u64>) -> Option<f64> {
        let latest = self
            .known
            .get(&signature)?
            .iter()
            .rev()
            .filter_map(|timing| timing.estimate(requested))
            .take(LATEST);
        let mut seconds: Vec<f64> = latest.collect();
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied()
    }

    /// Returns the most memory that comparable nodes needed of the device, in MiB.
    pub fn memory_mib(&self, signature: CostSignature) -> Option<u64> {
        let latest = self.known.get(&signature)?.iter().rev().take(LATEST);
        latest.filter_map(|timing| timing.memory_mib).max()
    }

    /// Stores the timing of a node; `record` is its result, if it finished. Failing to write it is ignored: it is only a
    /// hint.
    pub fn remember(
        &mut self,
        node: &Node,
        signature: CostSignature,
        watch: &Watch,
        record: Option<&Record>,
    ) {
        let Some(timing) = watch.timing(node.steps, record) else { return };
        let line =
            Line { signature, op: node.op.clone(), device: self.device.clone(), timing: timing.clone() };
        self.known.entry(signature).or_default().push(timing);
        let Ok(mut text) = serde_json::to_string(&line) else { return };
        text.push('\n');
        let _ = self.path.parent().map(fs::create_dir_all);
        let file = OpenOptions::new().create(true).append(true).open(&self.path);
        let _ = file.and_then(|mut file| file.write_all(text.as_bytes()));
    }
}

/// The cost signatures of the nodes of a walk, each computed when it is first asked for.
pub struct Signatures {
    corpora: BTreeMap<String, CorpusUse>,
    known: RefCell<HashMap<NodeIndex, CostSignature>>,
    /// By op and parameters, which the nodes of all seeds share: what of them decides the cost.
    costs: RefCell<HashMap<(String, *const Value), Arc<Cost>>>,
}

/// What of an operation's parameters decides the cost of a node.
struct Cost {
    /// Kept, so that no other parameters come to lie at its address.
    _params: Arc<Value>,
    view: Value,
    synthetic: Option<String>,
}

impl Signatures {
    /// Begins with none, for a walk of this experiment.
    pub fn new(context: &ExperimentContext) -> Self {
        let corpora = context.experiment.corpora.clone();
        Self { corpora, known: RefCell::default(), costs: RefCell::default() }
    }

    /// Returns the signature of a node in a worker: a hash of its op, parameters and device, and of the signatures above it.
    /// All nodes that one growing node yielded share its signature.
    pub fn of(&self, walk: &Walk<'_>, at: NodeIndex) -> Option<CostSignature> {
        (walk.graph().nodes()[at].place == Place::Worker).then(|| self.of_any(walk, at))
    }

    fn of_any(&self, walk: &Walk<'_>, at: NodeIndex) -> CostSignature {
        let at = walk.yielded_by(at).unwrap_or(at);
        if let Some(known) = self.known.borrow().get(&at) {
            return *known;
        }
        let graph = walk.graph();
        let node = &graph.nodes()[at];
        let mut above = graph.sources(at).to_vec();
        if let Work::Grow(rule) = &node.work {
            above.extend(rule.reads().iter().filter_map(|id| graph.find(id)));
        }
        above.sort();
        above.dedup();
        let mut above: Vec<String> =
            above.into_iter().map(|at| self.of_any(walk, at).0.to_string()).collect();
        above.sort();
        above.dedup();
        let cost = self.cost(node);
        let own = json!([node.op, cost.view, node.numerics, cost.synthetic, above]);
        let signature = CostSignature(hash_bytes(own.to_string().as_bytes()));
        self.known.borrow_mut().insert(at, signature);
        signature
    }

    fn cost(&self, node: &Node) -> Arc<Cost> {
        let shared = (node.op.clone(), Arc::as_ptr(&node.params));
        if let Some(cost) = self.costs.borrow().get(&shared) {
            return Arc::clone(cost);
        }
        // A synthetic corpus has another size than the corpus.
        let params = affekt_ops::of_node(node).map(|(_, params)| params);
        let corpus = params.as_ref().and_then(|params| params.facts().corpus);
        let corpus = corpus.and_then(|name| self.corpora.get(name));
        let synthetic = corpus.and_then(|corpus| corpus.synthetic.as_ref()).map(|made| format!("{made:?}"));
        // Of a rule that is given no parameters of its own, whatever it has.
        let view = params.as_ref().map_or_else(|| (*node.params).clone(), |params| params.view(View::Cost));
        let cost = Arc::new(Cost { _params: Arc::clone(&node.params), view, synthetic });
        self.costs.borrow_mut().insert(shared, Arc::clone(&cost));
        cost
    }
}

/// Measures the steps of a node while it runs, from its progress.
#[derive(Debug, Default)]
pub struct Watch {
    /// When the last step ended, and how many steps of this stage were done then.
    last: Option<(Instant, u64)>,
    /// Steps of earlier stages.
    before: u64,
    /// Steps observed, and their time.
    seen: u64,
    time: Duration,
}

impl Watch {
    /// Records that so many steps are done. A smaller number than before begins another stage.
    pub fn note(&mut self, now: Instant, done: u64) {
        match self.last {
            Some((_, last)) if done == last => return,
            Some((when, last)) if done > last => {
                self.seen += done - last;
                self.time += now.duration_since(when);
            }
            Some((_, last)) => self.before += last,
            None => {}
        }
        self.last = Some((now, done));
    }

    fn timing(&self, requested: Option<u64>, record: Option<&Record>) -> Option<Timing> {
        let Some(requested) = requested else {
            return record.map(|record| Timing {
                overhead_s: record.seconds,
                steps: None,
                memory_mib: record.memory_mib,
            });
        };
        if self.seen == 0 {
            return None;
        }
        let took = self.time.as_secs_f64();
        let all = self.before + self.last.map_or(0, |(_, done)| done);
        Some(Timing {
            overhead_s: record.map_or(0.0, |record| (record.seconds - took).max(0.0)),
            steps: Some(StepTiming {
                seconds: took / self.seen as f64,
                requested,
                done: record.map(|_| all),
            }),
            memory_mib: record.and_then(|record| record.memory_mib),
        })
    }
}

/// The estimated cost of what is left of a plan.
#[derive(Debug, Serialize)]
pub struct Expected {
    /// GPU hours of the nodes with an estimate.
    pub gpu_hours: f64,
    /// Core hours of the nodes that take no GPU.
    pub core_hours: f64,
    /// Trainings to come.
    pub trainings: usize,
    /// How many of those have an estimate.
    pub measured: usize,
    /// The name of the device.
    pub on: String,
}

/// Estimates of how long the nodes of a walk take.
pub struct Estimates<'w> {
    walk: &'w Walk<'w>,
    last: &'w LastRun,
    timings: &'w Timings,
    signatures: &'w Signatures,
}

impl<'w> Estimates<'w> {
    /// Prepares estimates from the stored timings and the last run.
    pub fn new(
        walk: &'w Walk<'w>,
        last: &'w LastRun,
        timings: &'w Timings,
        signatures: &'w Signatures,
    ) -> Self {
        Self { walk, last, timings, signatures }
    }

    /// Estimates the seconds of a node from comparable ones. Where there is none, from the same node in the last run, else
    /// from the mean of its op; not for a training, whose network may be another. A node that has yet to grow takes as long
    /// as all that it yielded last time.
    pub fn seconds(&self, at: NodeIndex) -> Option<f64> {
        let node = &self.walk.graph().nodes()[at];
        let requested = node.steps;
        let has_to_grow = match (&node.work, &self.walk.states()[at]) {
            (Work::Grow(rule), State::Waiting { .. }) => Some(rule.yields()),
            _ => None,
        };
        let yielded = has_to_grow.as_ref().map(|ids| self.last.took(ids).collect::<Vec<Option<f64>>>());
        let signature = self.signatures.of(self.walk, at);
        if let Some(each) = signature.and_then(|signature| self.timings.estimate(signature, requested)) {
            let nodes = yielded.map_or(1, |yielded| yielded.len());
            return (nodes > 0).then_some(each * nodes as f64);
        }
        if requested.is_some() {
            return None;
        }
        let took: Vec<f64> = yielded.into_iter().flatten().flatten().collect();
        if took.is_empty() { self.last.estimate(&node.id, &node.op) } else { Some(took.iter().sum()) }
    }

    /// Sums up what is left; `None` where nothing is.
    pub fn expected(&self) -> Option<Expected> {
        let on = self.timings.device.clone();
        let mut expected = Expected { gpu_hours: 0.0, core_hours: 0.0, trainings: 0, measured: 0, on };
        let mut is_left = false;
        for ((at, node), state) in self.walk.graph().nodes().iter().zip(self.walk.states().values()) {
            if matches!(state, State::Done { .. } | State::Skipped | State::Failed { .. }) {
                continue;
            }
            is_left = true;
            let seconds = self.seconds(at);
            if node.steps.is_some() {
                expected.trainings += 1;
                expected.measured += usize::from(seconds.is_some());
            }
            let hours = seconds.unwrap_or(0.0) / 3600.0;
            match node.resources.gpu {
                0 => expected.core_hours += hours * f64::from(node.resources.cpu),
                gpus => expected.gpu_hours += hours * f64::from(gpus),
            }
        }
        is_left.then_some(expected)
    }
}

impl Expected {
    /// `expected: 3.2 GPU h (41 of 55 trainings measured, on NVIDIA H200; 14 unknown)`.
    pub fn line(&self) -> String {
        let Self { gpu_hours, core_hours, trainings, measured, on } = self;
        let (hours, what) = if *gpu_hours > 0.0 { (*gpu_hours, "GPU") } else { (*core_hours, "core") };
        let time = match hours * 3600.0 {
            0.0 => "unknown".to_owned(),
            seconds if seconds < 60.0 => format!("{seconds:.1} {what} s"),
            seconds if seconds < 3600.0 => format!("{:.1} {what} min", seconds / 60.0),
            _ => format!("{hours:.1} {what} h"),
        };
        if *trainings == 0 {
            return format!("expected: {time}, no training");
        }
        let unknown = trainings - measured;
        let unknown = if unknown > 0 { format!("; {unknown} unknown") } else { String::new() };
        format!("expected: {time} ({measured} of {trainings} trainings measured, on {on}{unknown})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(requested: u64, done: Option<u64>) -> Timing {
        Timing {
            overhead_s: 5.0,
            steps: Some(StepTiming { seconds: 2.0, requested, done }),
            memory_mib: None,
        }
    }

    #[test]
    fn time_scales_with_steps_and_overhead_does_not() {
        assert_eq!(timing(10, Some(10)).estimate(Some(10)), Some(25.0));
        assert_eq!(timing(10, Some(10)).estimate(Some(1000)), Some(2005.0));
        assert_eq!(timing(10, None).estimate(Some(1000)), Some(2005.0), "interrupted");
        // Stopped after 4 of 10, as others will: also where they might go on for longer, and sooner where they may not.
        assert_eq!(timing(10, Some(4)).estimate(Some(1000)), Some(13.0));
        assert_eq!(timing(10, Some(4)).estimate(Some(5)), Some(9.0));
        // Trained anew after it had stopped.
        assert_eq!(timing(10, Some(14)).estimate(Some(10)), Some(33.0));
        assert_eq!(timing(10, None).estimate(None), None);
        assert_eq!(Timing { overhead_s: 5.0, steps: None, memory_mib: None }.estimate(None), Some(5.0));
    }

    fn record(seconds: f64) -> Record {
        let key = affekt_graph::Key::of(&[]);
        let (op, outputs, provenance) = ("train".into(), Vec::new(), BTreeMap::new());
        let memory_mib = Some(300);
        Record { version: 1, key, op, outputs, seconds, reproducible: true, memory_mib, provenance }
    }

    #[test]
    fn a_watch_tells_steps_from_overhead() {
        let begun = Instant::now();
        let watch = |notes: &[(u64, u64)]| {
            let mut watch = Watch::default();
            notes.iter().for_each(|(second, done)| watch.note(begun + Duration::from_secs(*second), *done));
            watch
        };
        // Ten seconds until the first batch; then batches tell the epoch that they are of.
        let whole = watch(&[(10, 0), (11, 0), (14, 1), (15, 1), (18, 2)]);
        let expected = StepTiming { seconds: 4.0, requested: 2, done: Some(2) };
        assert_eq!(
            whole.timing(Some(2), Some(&record(20.0))),
            Some(Timing { overhead_s: 12.0, steps: Some(expected.clone()), memory_mib: Some(300) })
        );
        let interrupted = Some(StepTiming { done: None, requested: 90, ..expected.clone() });
        assert_eq!(
            whole.timing(Some(90), None),
            Some(Timing { overhead_s: 0.0, steps: interrupted, memory_mib: None })
        );
        // Resumed where 6 of 8 were done.
        let resumed = watch(&[(1, 6), (5, 7), (9, 8)]).timing(Some(8), Some(&record(10.0))).unwrap();
        assert_eq!(resumed.steps, Some(StepTiming { requested: 8, done: Some(8), ..expected.clone() }));
        // Three epochs of which the second was best, then two anew.
        let anew = watch(&[(0, 0), (4, 1), (8, 2), (12, 3), (60, 0), (64, 1), (68, 2)]);
        let anew = anew.timing(Some(9), Some(&record(70.0))).unwrap();
        assert_eq!(
            (anew.overhead_s, anew.steps),
            (50.0, Some(StepTiming { requested: 9, done: Some(5), ..expected }))
        );
        // Nothing was seen: nothing is known.
        assert_eq!(watch(&[(3, 2)]).timing(Some(2), Some(&record(4.0))), None);
        assert_eq!(
            watch(&[]).timing(None, Some(&record(4.0))),
            Some(Timing { overhead_s: 4.0, steps: None, memory_mib: Some(300) })
        );
    }

    #[test]
    fn a_line_says_how_much_of_it_is_known() {
        let expected = |gpu_hours, core_hours, trainings, measured| {
            Expected { gpu_hours, core_hours, trainings, measured, on: "NVIDIA H200".into() }.line()
        };
        assert_eq!(
            expected(3.21, 9.0, 55, 41),
            "expected: 3.2 GPU h (41 of 55 trainings measured, on NVIDIA H200; 14 unknown)"
        );
        assert_eq!(
            expected(0.0, 0.05, 3, 3),
            "expected: 3.0 core min (3 of 3 trainings measured, on NVIDIA H200)"
        );
        assert_eq!(
            expected(0.0, 0.0, 2, 0),
            "expected: unknown (0 of 2 trainings measured, on NVIDIA H200; 2 unknown)"
        );
        assert_eq!(expected(0.0, 0.001, 0, 0), "expected: 3.6 core s, no training");
    }
}
