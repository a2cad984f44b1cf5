//! Running by jobs, with toy ops and a batch system that runs one job at a time: what is handed out, when, and together with what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use affekt_domain::Digest;
use affekt_graph::{
    Context, Elsewhere, Event, Failure, Graph, Group, Grow, Growth, Input, Job, JobsEvent, KeyPart, Node,
    NodeId, Object, Observer, Ops, Outcome, Place, Record, Resources, RunOptions, Source, Store, Walk, Work,
    WorkerTimeouts, hash_bytes, run, run_elsewhere,
};
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);

/// `add` writes what it reads and its name after that; `light` too.
#[derive(Default)]
struct Toys {
    /// Whether what sources read can be read here.
    sees_files: AtomicBool,
    fails: AtomicBool,
}

impl Ops for Toys {
    fn fingerprint(&self, _: &Node, _: bool, _: &mut dyn Context) -> Result<Option<Digest>, Failure> {
        Ok(self.sees_files.load(Ordering::Relaxed).then(|| hash_bytes(b"files")))
    }

    fn run(&self, job: &Job, _: &mut dyn Context) -> Result<(), Failure> {
        if self.fails.load(Ordering::Relaxed) && job.node.starts_with("train[fold=1") {
            return Err(Failure::Failed { message: "on purpose".into() });
        }
        let mut text = String::new();
        for object in job.open("in")? {
            text.push_str(std::str::from_utf8(object.all()?).unwrap());
        }
        fs::write(job.output("out")?, format!("{text}{} ", job.node))
            .map_err(|error| Failure::because(&error))
    }
}

fn node(id: NodeId, op: &str, from: Vec<Source>) -> Node {
    Node {
        params: json!({ "name": id.as_str() }).into(),
        id,
        work: if op == "read" { Work::Source } else { Work::Op },
        op: op.into(),
        version: 1,
        steps: None,
        inputs: if from.is_empty() { vec![] } else { vec![Input { port: "in".into(), from }] },
        outputs: vec!["out".into()],
        seed: None,
        numerics: BTreeMap::new(),
        place: Place::Runner,
        resources: Resources::default(),
        reproducible: true,
    }
}

fn at(name: &str, axes: &[(&'static str, u64)]) -> NodeId {
    NodeId::new(name, axes.iter().map(|(axis, value)| (*axis, (*value).into())))
}

fn out(id: &NodeId) -> Source {
    Source::output(id, "out")
}

/// Three shards, once the corpus is read.
struct Shards;

impl Grow for Shards {
    fn grow(&self, _: &[Vec<Object>]) -> Result<Growth, Failure> {
        let shard = |n| node(at("shard", &[("shard", n)]), "add", vec![out(&"read".into())]);
        Ok((0..3).map(shard).collect())
    }

    fn yields(&self) -> Vec<NodeId> {
        vec![NodeId::new("shard", [("shard", affekt_graph::AxisValue::Every)])]
    }

    fn reads(&self) -> Vec<NodeId> {
        vec!["read".into()]
    }
}

/// A corpus, its shards, two folds with a light `split`, two seeds with a chain of `train` and `predict`, and `figures`.
fn graph() -> Graph {
    let read = NodeId::from("read");
    let mut shards = node("shards".into(), "grow", vec![out(&read)]);
    shards.work = Work::Grow(Arc::new(Shards));
    let mut nodes = vec![node(read.clone(), "read", vec![]), shards.clone()];
    let mut predictions = Vec::new();
    for fold in 1..=2 {
        let split = at("split", &[("fold", fold)]);
        nodes.push(node(split.clone(), "light", vec![out(&read)]));
        for seed in 1..=2 {
            let [train, predict] =
                ["train", "predict"].map(|name| at(name, &[("fold", fold), ("seed", seed)]));
            nodes.push(node(train.clone(), "add", vec![out(&split), shards.source("out")]));
            nodes.push(node(predict.clone(), "add", vec![out(&train)]));
            predictions.push(out(&predict));
        }
    }
    nodes.push(node("figures".into(), "light", predictions));
    Graph::new(nodes).unwrap()
}

/// Runs what was handed out, the last first, each time that somebody waits; what a job lacks it computes itself.
struct Backwards<'b> {
    store: &'b Store,
    ops: &'b Toys,
    queue: VecDeque<Vec<String>>,
    handed_out: Vec<Vec<String>>,
    taken: BTreeSet<String>,
    /// How many jobs end without a word.
    lost: usize,
}

impl Backwards<'_> {
    fn job(&self, nodes: &[String]) -> Vec<JobsEvent> {
        let mut walk = Walk::new(graph(), self.store, self.ops, None).limited_to(nodes.iter().cloned());
        let options = RunOptions {
            cores: 1,
            memory_mib: 0,
            gpus: &[],
            keep_going: true,
            timeouts: WorkerTimeouts { hello: SECOND, progress: SECOND, stop: SECOND },
            worker: &|| Err("none".into()),
            logs: self.store.root().join("tmp"),
            provenance: BTreeMap::new(),
        };
        let mut told = Told { asked: nodes.to_vec(), ..Told::default() };
        run(&mut walk, self.ops, &options, &AtomicBool::new(false), &mut told).unwrap();
        told.events
    }
}

impl Elsewhere for Backwards<'_> {
    fn hand_out(&mut self, groups: &[Group], walk: &Walk<'_>) -> Result<(), Failure> {
        for group in groups {
            let ids: Vec<String> =
                group.nodes.iter().map(|at| walk.graph().nodes()[*at].id.to_string()).collect();
            self.taken.extend(ids.iter().cloned());
            self.handed_out.push(ids.clone());
            self.queue.push_back(ids);
        }
        Ok(())
    }

    fn has(&self, id: &str) -> bool {
        self.taken.contains(id)
    }

    fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    fn shards_per_job(&self) -> u64 {
        2
    }

    fn is_light(&self, node: &Node) -> bool {
        node.op == "light"
    }

    fn wait(&mut self, _: &AtomicBool) -> Result<Vec<JobsEvent>, Failure> {
        let ids = self.queue.pop_back().unwrap();
        ids.iter().for_each(|id| _ = self.taken.remove(id));
        self.ops.sees_files.store(true, Ordering::Relaxed);
        let mut events = Vec::new();
        match self.lost {
            0 => events = self.job(&ids),
            _ => self.lost -= 1,
        }
        self.ops.sees_files.store(false, Ordering::Relaxed);
        events.push(JobsEvent::Over);
        Ok(events)
    }
}

/// What a run tells, as a job passes it on.
#[derive(Default)]
struct Told {
    events: Vec<JobsEvent>,
    /// Of these nodes it is also told that they had their results.
    asked: Vec<String>,
}

impl Observer for Told {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Walked { walk, changed } => {
                for at in changed {
                    let node = &walk.graph().nodes()[*at];
                    if self.asked.iter().any(|id| id == node.id.as_str())
                        && let affekt_graph::State::Done { record: Some(record), ran: false } =
                            &walk.states()[*at]
                    {
                        self.done(node, record, false, &walk.parts(*at).unwrap());
                    }
                }
            }
            Event::Finished { node, record, ran, parts } => self.done(node, record, ran, parts),
            Event::Failed { node, failure, .. } => {
                self.events.push(JobsEvent::Failed { id: node.id.to_string(), failure: failure.clone() });
            }
            _ => {}
        }
    }
}

impl Told {
    fn done(&mut self, node: &Node, record: &Record, ran: bool, parts: &[KeyPart]) {
        let outside = parts.iter().find(|part| part.name == "outside");
        let fingerprint = outside.map(|part| part.value.parse().unwrap());
        self.events.push(JobsEvent::Done { id: node.id.to_string(), key: record.key, fingerprint, ran });
    }
}

struct Run {
    outcome: Outcome,
    handed_out: Vec<Vec<String>>,
    told: Told,
    figures: Option<String>,
}

fn by_jobs(folder: &Path, ops: &Toys, keep_going: bool, lost: usize) -> Run {
    let store = Store::open(folder).unwrap();
    let mut walk = Walk::new(graph(), &store, ops, None);
    let mut jobs = Backwards {
        store: &store,
        ops,
        queue: VecDeque::new(),
        handed_out: Vec::new(),
        taken: BTreeSet::new(),
        lost,
    };
    let mut told = Told::default();
    let outcome =
        run_elsewhere(&mut walk, &mut jobs, keep_going, &AtomicBool::new(false), &mut told).unwrap();
    let at = walk.graph().find("figures").unwrap();
    let figures = match &walk.states()[at] {
        affekt_graph::State::Done { record: Some(record), .. } => {
            let object = store.object(record.outputs[0].digest).unwrap();
            Some(String::from_utf8(object.all().unwrap().to_vec()).unwrap())
        }
        _ => None,
    };
    Run { outcome, handed_out: jobs.handed_out, told, figures }
}

#[test]
fn chains_are_handed_out_together_before_their_inputs_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let run = by_jobs(folder.path(), &Toys::default(), false, 0);
    assert_eq!(run.outcome, Outcome::Done);
    let shown: Vec<String> = run.handed_out.iter().map(|ids| ids.join(" ")).collect();
    assert_eq!(
        shown,
        [
            // Whatever it holds can only be told by whoever reads it.
            "read",
            "shard[shard=0] shard[shard=1]",
            "shard[shard=2]",
            "train[fold=1,seed=1] predict[fold=1,seed=1]",
            "train[fold=1,seed=2] predict[fold=1,seed=2]",
            "train[fold=2,seed=1] predict[fold=2,seed=1]",
            "train[fold=2,seed=2] predict[fold=2,seed=2]",
            "figures",
        ]
    );
    let finished = run.told.events.iter().filter(|event| matches!(event, JobsEvent::Done { .. })).count();
    assert_eq!(finished, 15, "every node is told of once");
    assert!(run.figures.unwrap().contains("split[fold=2] "));
    // All is there: the source is asked about again, for it cannot be read here.
    let again = by_jobs(folder.path(), &Toys::default(), false, 0);
    assert_eq!(again.handed_out, [["read"]]);
}

#[test]
fn what_jobs_left_undone_is_handed_out_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = by_jobs(folder.path(), &Toys::default(), false, 3);
    assert_eq!(run.outcome, Outcome::Done);
    let times = run.handed_out.iter().filter(|ids| ids[0] == "read").count();
    assert_eq!(times, 4);
}

#[test]
fn what_fails_fails_what_needs_it_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let ops = Toys { fails: AtomicBool::new(true), ..Toys::default() };
    let run = by_jobs(folder.path(), &ops, true, 0);
    assert_eq!(run.outcome, Outcome::Failed);
    assert_eq!(run.figures, None);
    let failed = |event: &JobsEvent| match event {
        JobsEvent::Failed { id, .. } => Some(id.clone()),
        _ => None,
    };
    let failed: BTreeSet<String> = run.told.events.iter().filter_map(failed).collect();
    let expected = ["train[fold=1,seed=1]", "train[fold=1,seed=2]"].map(str::to_owned);
    assert_eq!(failed, expected.into());
    ops.fails.store(false, Ordering::Relaxed);
    assert_eq!(by_jobs(folder.path(), &ops, false, 0).outcome, Outcome::Done);
}
