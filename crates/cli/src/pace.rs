//! How long trainings take: measured while they run, remembered in the store, expected when planning.
//!
//! A training reports its rounds (epochs or steps) as it goes on, so that the time of a round is known apart from what comes
//! before the first and after the last, and also where it was resumed or broken off. Another is expected to take as long a
//! round when it is *like* it: the same op with the same parameters on the same device, below steps with the same
//! parameters, whatever the seed, the fold, the number of rounds and what costs no time. Nothing of this is in a key.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use affekt_domain::Digest;
use affekt_graph::{LastRun, Node, NodeId, Place, Record, State, Walk, Work, hash_bytes};
use affekt_pipeline::CorpusUse;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::lab::Lab;
use crate::toolchain::Device;

/// Where parameters say how many rounds a training goes through.
const ROUNDS: [&str; 2] = ["/training/max_epochs", "/training/steps"];
/// Parameters of the same names and others that a round takes no longer for.
const COST_NOTHING: [&str; 11] = [
    "epochs",
    "max_epochs",
    "steps",
    "lr",
    "weight_decay",
    "schedule",
    "class_weights",
    "clip_norm",
    "seed",
    "split_seed",
    "fill_seed",
];
/// How many of the latest measurements of like nodes count.
const LATEST: usize = 9;

/// How many rounds a node's parameters ask for; `None` where it trains nothing.
pub fn rounds(node: &Node) -> Option<u64> {
    // A trial goes on from one epoch to another.
    if let [Some(from), Some(until)] = ["from", "until"].map(|key| node.params["epochs"][key].as_u64()) {
        return Some(until - from.min(until));
    }
    ROUNDS.into_iter().find_map(|pointer| node.params.pointer(pointer)?.as_u64())
}

/// What was measured, by what it is like.
pub struct Paces {
    path: PathBuf,
    /// What nodes in workers compute on here.
    on: String,
    corpora: BTreeMap<String, CorpusUse>,
    known: HashMap<Digest, Vec<Pace>>,
}

/// A line of the store's `hints/paces.jsonl`.
#[derive(Clone, Serialize, Deserialize)]
struct Line {
    like: Digest,
    op: String,
    on: String,
    #[serde(flatten)]
    pace: Pace,
}

/// How long a node took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pace {
    /// Seconds beside the rounds.
    beside_s: f64,
    /// Of a training.
    #[serde(skip_serializing_if = "Option::is_none")]
    rounds: Option<Rounds>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Rounds {
    /// Seconds of one.
    seconds: f64,
    /// How many it asked for.
    asked: u64,
    /// How many it went through to its end: fewer where it stopped early, more where it trained anew. `None` where it was
    /// broken off.
    done: Option<u64>,
}

impl Pace {
    /// How long a like node is likely to take that asks for so many rounds.
    fn expect(&self, asked: Option<u64>) -> Option<f64> {
        let (rounds, asked) = match (&self.rounds, asked) {
            (None, None) => return Some(self.beside_s),
            (Some(rounds), Some(asked)) => (rounds, asked),
            _ => return None,
        };
        let expected = match rounds.done {
            // What ended by itself does so again, if it may go on for as long.
            Some(done) if done != rounds.asked => {
                done as f64 * (asked as f64 / rounds.asked.max(1) as f64).min(1.0)
            }
            _ => asked as f64,
        };
        Some(self.beside_s + rounds.seconds * expected)
    }
}

impl Paces {
    /// What is remembered in an experiment's store of the device that it would compute on.
    pub fn open(lab: &Lab) -> Self {
        let path = lab.store.root().join("hints").join("paces.jsonl");
        let on = device_name(lab.device, &affekt_graph::machine());
        let mut known: HashMap<Digest, Vec<Pace>> = HashMap::new();
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        for line in lines.filter(|line| line.on == on) {
            known.entry(line.like).or_default().push(line.pace);
        }
        Self { path, on, corpora: lab.experiment.corpora.clone(), known }
    }

    /// The seconds that a node in a worker is likely to take: the median of what like ones took.
    fn expect(&self, like: Digest, asked: Option<u64>) -> Option<f64> {
        let latest = self.known.get(&like)?.iter().rev().filter_map(|pace| pace.expect(asked)).take(LATEST);
        let mut seconds: Vec<f64> = latest.collect();
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied()
    }

    /// Remembers how long a node took whose watch was stopped; `record` is its result, if it came to its end. A memory that
    /// cannot be written down is no reason to fail.
    pub fn remember(&mut self, node: &Node, like: Digest, watch: &Watch, record: Option<&Record>) {
        let Some(pace) = watch.pace(rounds(node), record) else { return };
        let line = Line { like, op: node.op.clone(), on: self.on.clone(), pace: pace.clone() };
        self.known.entry(like).or_default().push(pace);
        let Ok(mut text) = serde_json::to_string(&line) else { return };
        text.push('\n');
        let _ = self.path.parent().map(fs::create_dir_all);
        let file = OpenOptions::new().create(true).append(true).open(&self.path);
        let _ = file.and_then(|mut file| file.write_all(text.as_bytes()));
    }

    fn kin(&self, walk: &Walk<'_>) -> BTreeMap<NodeId, Digest> {
        let mut kin = Kin::new(walk, &self.corpora);
        let nodes = walk.graph().nodes().iter().enumerate().filter(|(_, node)| node.place == Place::Worker);
        nodes.map(|(at, node)| (node.id.clone(), kin.like(at))).collect()
    }
}

/// What nodes compute on, by name.
fn device_name(device: Device, machine: &BTreeMap<String, String>) -> String {
    let named = |name: &str| machine.get(name).filter(|text| !text.is_empty());
    match device {
        Device::Cpu => named("cpu").cloned().unwrap_or_else(|| "this CPU".into()),
        Device::Cuda(_) => {
            let mut models: Vec<&str> =
                named("gpus").map(|text| text.split(", ").collect()).unwrap_or_default();
            models.dedup();
            if models.is_empty() { "this GPU".into() } else { models.join(", ") }
        }
    }
}

/// Tells which nodes are alike.
struct Kin<'w> {
    walk: &'w Walk<'w>,
    corpora: &'w BTreeMap<String, CorpusUse>,
    /// Which growing node yielded which.
    growers: HashMap<usize, usize>,
    known: HashMap<usize, Digest>,
}

impl<'w> Kin<'w> {
    fn new(walk: &'w Walk<'w>, corpora: &'w BTreeMap<String, CorpusUse>) -> Self {
        let mut growers = HashMap::new();
        for at in 0..walk.states().len() {
            let yielded = walk.growth(at).into_iter().flat_map(|growth| &growth.nodes);
            growers.extend(yielded.filter_map(|node| Some((walk.graph().position(&node.id)?, at))));
        }
        Self { walk, corpora, growers, known: HashMap::new() }
    }

    /// What a node shares with those like it: its op, parameters and device, and what the nodes above are like. All that one
    /// growing node yielded is alike.
    fn like(&mut self, at: usize) -> Digest {
        let at = self.growers.get(&at).copied().unwrap_or(at);
        if let Some(known) = self.known.get(&at) {
            return *known;
        }
        let graph = self.walk.graph();
        let node = &graph.nodes()[at];
        let mut reads: Vec<NodeId> =
            node.inputs.iter().flat_map(|input| &input.from).map(|from| from.node().clone()).collect();
        if let Work::Grow(rule) = &node.work {
            reads.extend(rule.reads());
        }
        let above = reads.iter().filter_map(|id| graph.position(id)).collect::<Vec<_>>();
        let mut above: Vec<String> = above.into_iter().map(|at| self.like(at).to_string()).collect();
        above.sort();
        above.dedup();
        // A corpus in small is not the corpus.
        let corpus = node.params["corpus"].as_str().and_then(|name| self.corpora.get(name));
        let synthetic = corpus.and_then(|corpus| corpus.synthetic.as_ref()).map(|made| format!("{made:?}"));
        let own = json!([node.op, without_what_costs_nothing(&node.params), node.numerics, synthetic, above]);
        let like = hash_bytes(own.to_string().as_bytes());
        self.known.insert(at, like);
        like
    }
}

fn without_what_costs_nothing(params: &Value) -> Value {
    match params {
        Value::Object(entries) => {
            let kept = entries.iter().filter(|(name, _)| !COST_NOTHING.contains(&name.as_str()));
            kept.map(|(name, value)| (name.clone(), without_what_costs_nothing(value))).collect()
        }
        other => other.clone(),
    }
}

/// Measures a node while it runs, from what it tells of its progress.
#[derive(Debug, Default)]
pub struct Watch {
    /// When it last went on, and how many rounds of this stage were done then.
    last: Option<(Instant, u64)>,
    /// Rounds of earlier stages.
    before: u64,
    /// Rounds seen, and their time.
    seen: u64,
    time: Duration,
}

impl Watch {
    /// Takes note that so many rounds are done. One that begins anew is in another stage.
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

    fn pace(&self, asked: Option<u64>, record: Option<&Record>) -> Option<Pace> {
        let Some(asked) = asked else {
            return record.map(|record| Pace { beside_s: record.seconds, rounds: None });
        };
        if self.seen == 0 {
            return None;
        }
        let took = self.time.as_secs_f64();
        let all = self.before + self.last.map_or(0, |(_, done)| done);
        Some(Pace {
            beside_s: record.map_or(0.0, |record| (record.seconds - took).max(0.0)),
            rounds: Some(Rounds { seconds: took / self.seen as f64, asked, done: record.map(|_| all) }),
        })
    }
}

/// What is left of a plan, in time.
#[derive(Debug, Serialize)]
pub struct Expected {
    /// Hours of GPUs, of what was measured.
    pub gpu_hours: f64,
    /// Hours of cores of everything that takes no GPU.
    pub core_hours: f64,
    /// Trainings to come.
    pub trainings: usize,
    /// Of those, how many are like one that was measured.
    pub measured: usize,
    /// What they are computed on.
    pub on: String,
}

/// How long the nodes of a walk are likely to take.
pub struct Estimates<'w> {
    walk: &'w Walk<'w>,
    last: &'w LastRun,
    paces: &'w Paces,
    kin: BTreeMap<NodeId, Digest>,
}

impl<'w> Estimates<'w> {
    pub fn new(walk: &'w Walk<'w>, last: &'w LastRun, paces: &'w Paces) -> Self {
        Self { walk, last, paces, kin: paces.kin(walk) }
    }

    /// What each node of a worker is like.
    pub fn kin(self) -> BTreeMap<NodeId, Digest> {
        self.kin
    }

    /// Seconds that a node is likely to take: what like ones took. Where none was measured, what it took in the last run, or
    /// else its op on average, unless it is a training: of the same name may be another network. One that has yet to grow
    /// takes as long as all that it yielded last time.
    pub fn seconds(&self, at: usize) -> Option<f64> {
        let node = &self.walk.graph().nodes()[at];
        let asked = rounds(node);
        let has_to_grow =
            matches!((&node.work, &self.walk.states()[at]), (Work::Grow(_), State::Waiting { .. }));
        let yielded = || self.last.nodes.values().filter(|row| self.walk.may_yield(at, row.id.as_str()));
        if let Some(each) = self.kin.get(&node.id).and_then(|like| self.paces.expect(*like, asked)) {
            let nodes = if has_to_grow { yielded().count() } else { 1 };
            return (nodes > 0).then_some(each * nodes as f64);
        }
        if asked.is_some() {
            return None;
        }
        let took: Vec<f64> = yielded().filter_map(|row| row.seconds).collect();
        if took.is_empty() { self.last.estimate(&node.id, &node.op) } else { Some(took.iter().sum()) }
    }

    /// All that is left, summed up; `None` where nothing is.
    pub fn expected(&self) -> Option<Expected> {
        let on = self.paces.on.clone();
        let mut expected = Expected { gpu_hours: 0.0, core_hours: 0.0, trainings: 0, measured: 0, on };
        let mut is_left = false;
        for (at, (node, state)) in self.walk.graph().nodes().iter().zip(self.walk.states()).enumerate() {
            if matches!(state, State::Done { .. } | State::Skipped | State::Failed { .. }) {
                continue;
            }
            is_left = true;
            let seconds = self.seconds(at);
            if rounds(node).is_some() {
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

    fn pace(asked: u64, done: Option<u64>) -> Pace {
        Pace { beside_s: 5.0, rounds: Some(Rounds { seconds: 2.0, asked, done }) }
    }

    #[test]
    fn rounds_scale_and_what_is_beside_them_does_not() {
        assert_eq!(pace(10, Some(10)).expect(Some(10)), Some(25.0));
        assert_eq!(pace(10, Some(10)).expect(Some(1000)), Some(2005.0));
        assert_eq!(pace(10, None).expect(Some(1000)), Some(2005.0), "broken off");
        // Stopped after 4 of 10, as others will: also where they might go on for longer, and sooner where they may not.
        assert_eq!(pace(10, Some(4)).expect(Some(1000)), Some(13.0));
        assert_eq!(pace(10, Some(4)).expect(Some(5)), Some(9.0));
        // Trained anew after it had stopped.
        assert_eq!(pace(10, Some(14)).expect(Some(10)), Some(33.0));
        assert_eq!(pace(10, None).expect(None), None);
        assert_eq!(Pace { beside_s: 5.0, rounds: None }.expect(None), Some(5.0));
    }

    fn record(seconds: f64) -> Record {
        let key = affekt_graph::Key::of(&[]);
        let (op, outputs, provenance) = ("train".into(), Vec::new(), BTreeMap::new());
        Record { version: 1, key, op, outputs, seconds, reproducible: true, provenance }
    }

    #[test]
    fn a_watch_tells_rounds_from_what_is_beside_them() {
        let begun = Instant::now();
        let watch = |notes: &[(u64, u64)]| {
            let mut watch = Watch::default();
            notes.iter().for_each(|(second, done)| watch.note(begun + Duration::from_secs(*second), *done));
            watch
        };
        // Ten seconds until the first batch; then batches tell the epoch that they are of.
        let whole = watch(&[(10, 0), (11, 0), (14, 1), (15, 1), (18, 2)]);
        let expected = Rounds { seconds: 4.0, asked: 2, done: Some(2) };
        assert_eq!(
            whole.pace(Some(2), Some(&record(20.0))),
            Some(Pace { beside_s: 12.0, rounds: Some(expected.clone()) })
        );
        let broken_off = Some(Rounds { done: None, asked: 90, ..expected.clone() });
        assert_eq!(whole.pace(Some(90), None), Some(Pace { beside_s: 0.0, rounds: broken_off }));
        // Resumed where 6 of 8 were done.
        let resumed = watch(&[(1, 6), (5, 7), (9, 8)]).pace(Some(8), Some(&record(10.0))).unwrap();
        assert_eq!(resumed.rounds, Some(Rounds { asked: 8, done: Some(8), ..expected.clone() }));
        // Three epochs of which the second was best, then two anew.
        let anew = watch(&[(0, 0), (4, 1), (8, 2), (12, 3), (60, 0), (64, 1), (68, 2)]);
        let anew = anew.pace(Some(9), Some(&record(70.0))).unwrap();
        assert_eq!(
            (anew.beside_s, anew.rounds),
            (50.0, Some(Rounds { asked: 9, done: Some(5), ..expected }))
        );
        // Nothing was seen: nothing is known.
        assert_eq!(watch(&[(3, 2)]).pace(Some(2), Some(&record(4.0))), None);
        assert_eq!(watch(&[]).pace(None, Some(&record(4.0))), Some(Pace { beside_s: 4.0, rounds: None }));
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

    #[test]
    fn a_device_has_the_name_that_its_driver_gives() {
        let machine = |gpus: &str| {
            BTreeMap::from([("cpu".to_owned(), "Xeon".to_owned()), ("gpus".into(), gpus.into())])
        };
        assert_eq!(device_name(Device::Cpu, &machine("")), "Xeon");
        assert_eq!(device_name(Device::Cuda(1), &machine("NVIDIA H200, NVIDIA H200")), "NVIDIA H200");
        assert_eq!(device_name(Device::Cuda(0), &machine("")), "this GPU");
    }
}
