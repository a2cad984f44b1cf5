//! The graph with toy ops: what ran, what did not, and why. Every test asserts the log of executions.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use affekt_domain::Digest;
use affekt_graph::{
    AxisValue, Context, Event, Failure, Graph, GraphError, Grow, Growth, Input, Job, Node, NodeId, NodeIndex,
    Object, Observer, Ops, Outcome, OutputRef, Place, Resources, RunOptions, Source, State, Store, Walk,
    Work, WorkerTimeouts, hash_bytes, run,
};
use serde_json::json;

/// What no test waits for.
const FOR_LONG: Duration = Duration::from_secs(60);

/// `read` gives the outside text, `upper` its capitals, `join` everything it gets, `fail` nothing.
#[derive(Default)]
struct Toys {
    outside: Mutex<String>,
    hashed: AtomicBool,
    log: Mutex<Vec<String>>,
}

impl Ops for Toys {
    fn fingerprint(&self, _: &Node, thorough: bool, _: &mut dyn Context) -> Result<Option<Digest>, Failure> {
        use std::sync::atomic::Ordering::SeqCst;
        self.hashed.fetch_or(thorough, SeqCst);
        Ok(self.hashed.load(SeqCst).then(|| hash_bytes(self.outside.lock().unwrap().as_bytes())))
    }

    fn run(&self, job: &Job, _: &mut dyn Context) -> Result<(), Failure> {
        self.log.lock().unwrap().push(job.node.to_string());
        let mut text = String::new();
        for object in job.open("in")? {
            text.push_str(std::str::from_utf8(object.all()?).unwrap());
        }
        let text = match job.op.as_str() {
            "read" => self.outside.lock().unwrap().clone(),
            "upper" => text.to_uppercase(),
            "join" => format!("{text}{}", job.params["end"].as_str().unwrap_or("")),
            "panic" => panic!("on purpose"),
            _ => return Err(Failure::Failed { message: "on purpose".into() }),
        };
        fs::write(job.output("text")?, text).map_err(|error| Failure::because(&error))
    }
}

impl Toys {
    fn ran(&self) -> Vec<String> {
        let mut ran = std::mem::take(&mut *self.log.lock().unwrap());
        ran.sort();
        ran
    }
}

/// One `join` node a word.
struct PerWord;

impl Grow for PerWord {
    fn grow(&self, inputs: &[Vec<Object>]) -> Result<Growth, Failure> {
        let text = std::str::from_utf8(inputs[0][0].all()?).unwrap();
        let mut growth = Growth::default();
        for (i, word) in text.split_whitespace().enumerate() {
            let mut each = node(numbered("word", i), "join", &[]);
            each.params = json!({ "end": format!("<{word}>") }).into();
            growth.ports.entry("words".into()).or_default().push(each.source("text"));
            growth.nodes.push(each);
        }
        Ok(growth)
    }

    fn yields(&self) -> Vec<NodeId> {
        vec![every("word")]
    }

    fn reads(&self) -> Vec<NodeId> {
        Vec::new()
    }
}

/// For every word `shout[n=…]`, the capitals of `word[n=…]`.
struct PerWordLouder;

impl Grow for PerWordLouder {
    fn grow(&self, inputs: &[Vec<Object>]) -> Result<Growth, Failure> {
        let text = std::str::from_utf8(inputs[0][0].all()?).unwrap();
        let mut growth = Growth::default();
        for i in 0..text.split_whitespace().count() {
            let each = node_of(numbered("shout", i), "upper", &[numbered("word", i)]);
            growth.ports.entry("words".into()).or_default().push(each.source("text"));
            growth.nodes.push(each);
        }
        Ok(growth)
    }

    fn yields(&self) -> Vec<NodeId> {
        vec![every("shout")]
    }

    fn reads(&self) -> Vec<NodeId> {
        vec!["words".into()]
    }
}

/// Of every two words the one that makes more of itself goes on, until one is left: `round[left=2]` looks at what the words of
/// the round before became.
struct Knockout {
    words: Vec<NodeId>,
}

impl Grow for Knockout {
    fn grow(&self, inputs: &[Vec<Object>]) -> Result<Growth, Failure> {
        let lengths: Vec<usize> = inputs[0].iter().map(Object::len).collect();
        let pairs = self.words.chunks(2).zip(lengths.chunks(2));
        let winners: Vec<&NodeId> =
            pairs.map(|(words, lengths)| &words[usize::from(lengths[1] > lengths[0])]).collect();
        let each = |id: &NodeId| {
            let mut each = node_of(louder(id), "join", std::slice::from_ref(id));
            each.params = json!({ "end": "+" }).into();
            each
        };
        let mut growth: Growth = winners.iter().map(|id| each(id)).collect();
        let words: Vec<NodeId> = growth.nodes.iter().map(|node| node.id.clone()).collect();
        if words.len() > 1 {
            let mut next = node(NodeId::new("round", [("left", (words.len() as u64).into())]), "grow", &[]);
            let from = growth.nodes.iter().map(|node| node.source("text")).collect();
            next.inputs = vec![Input { port: "in".into(), from }];
            next.work = Work::Grow(Arc::new(Self { words }));
            growth.ports = [("text".to_owned(), vec![next.source("text")])].into();
            growth.nodes.push(next);
        }
        Ok(growth)
    }

    fn yields(&self) -> Vec<NodeId> {
        self.words.iter().map(louder).flat_map(|once| [louder(&once), once]).collect()
    }

    fn reads(&self) -> Vec<NodeId> {
        self.words.clone()
    }
}

/// `word[n=3]`.
fn numbered(name: &str, n: usize) -> NodeId {
    NodeId::new(name, [("n", (n as u64).into())])
}

/// `word[n=*]`.
fn every(name: &str) -> NodeId {
    NodeId::new(name, [("n", AxisValue::Every)])
}

/// `word[n=3]+`.
fn louder(id: &NodeId) -> NodeId {
    NodeId::from(format!("{id}+").as_str())
}

fn out(id: &NodeId) -> OutputRef {
    OutputRef { node: id.clone(), output: "text".into() }
}

fn node(id: impl Into<NodeId>, op: &str, from: &[&str]) -> Node {
    node_of(id.into(), op, &from.iter().map(|id| NodeId::from(*id)).collect::<Vec<_>>())
}

fn node_of(id: NodeId, op: &str, from: &[NodeId]) -> Node {
    let from: Vec<_> = from.iter().map(|id| Source::Output(out(id))).collect();
    let inputs = if from.is_empty() { vec![] } else { vec![Input { port: "in".into(), from }] };
    Node {
        id,
        work: if op == "read" { Work::Source } else { Work::Op },
        op: op.into(),
        version: 1,
        params: json!({}).into(),
        steps: None,
        inputs,
        outputs: vec!["text".into()],
        seed: None,
        numerics: BTreeMap::new(),
        place: Place::Runner,
        resources: Resources::default(),
        reproducible: true,
    }
}

fn line() -> Vec<Node> {
    vec![node("read", "read", &[]), node("upper", "upper", &["read"]), node("end", "join", &["upper"])]
}

fn growing() -> Vec<Node> {
    vec![node("read", "read", &[]), growing_by("words", Arc::new(PerWord)), end_of("words")]
}

/// Words, and beside each the same word louder.
fn growing_twice() -> Vec<Node> {
    let mut nodes = growing();
    nodes.insert(2, growing_by("shouts", Arc::new(PerWordLouder)));
    nodes[3] = end_of("shouts");
    nodes
}

fn growing_by(id: &str, rule: Arc<dyn Grow>) -> Node {
    let mut growing = node(id, "grow", &["read"]);
    growing.work = Work::Grow(rule);
    growing
}

fn end_of(growing: &str) -> Node {
    let mut end = node("end", "join", &[]);
    let words = Source::Grown { node: growing.into(), port: "words".into() };
    end.inputs = vec![Input { port: "in".into(), from: vec![words] }];
    end
}

struct Nobody;

impl Observer for Nobody {
    fn event(&mut self, _: Event<'_>) {}
}

struct Bench {
    _folder: tempfile::TempDir,
    store: Store,
    toys: Toys,
    keep_going: bool,
}

impl Bench {
    fn new(outside: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let toys = Toys { outside: Mutex::new(outside.into()), ..Toys::default() };
        Self { _folder: folder, store, toys, keep_going: false }
    }

    fn say(&self, outside: &str) {
        *self.toys.outside.lock().unwrap() = outside.into();
    }

    fn run(&self, nodes: Vec<Node>) -> (Outcome, Vec<String>, String) {
        self.run_only(nodes, None)
    }

    fn run_only(&self, nodes: Vec<Node>, only: Option<&str>) -> (Outcome, Vec<String>, String) {
        let graph = Graph::new(nodes).unwrap();
        let mut walk = Walk::new(graph, &self.store, &self.toys, only.map(str::to_owned));
        let outcome =
            run(&mut walk, &self.toys, &self.options(), &AtomicBool::new(false), &mut Nobody).unwrap();
        let end = walk.graph().find("end").and_then(|at| match &walk.states()[at] {
            State::Done { record: Some(record), .. } => {
                let object = self.store.object(record.output("text").unwrap().digest).unwrap();
                Some(String::from_utf8(object.all().unwrap().to_vec()).unwrap())
            }
            _ => None,
        });
        (outcome, self.toys.ran(), end.unwrap_or_default())
    }

    fn options(&self) -> RunOptions<'static> {
        RunOptions {
            cores: 2,
            memory_mib: 0,
            gpus: &[],
            keep_going: self.keep_going,
            timeouts: WorkerTimeouts { hello: FOR_LONG, progress: FOR_LONG, stop: FOR_LONG },
            worker: &|| Err("there is no worker".into()),
            logs: self.store.root().join("logs"),
            provenance: BTreeMap::new(),
        }
    }

    fn plan(&self, nodes: Vec<Node>) -> Vec<String> {
        let mut walk = Walk::new(Graph::new(nodes).unwrap(), &self.store, &self.toys, None);
        walk.advance().unwrap();
        let shown = |at: NodeIndex| format!("{} {}", walk.graph().nodes()[at].id, walk.states()[at].name());
        walk.order().into_iter().map(shown).collect()
    }

    fn object_of(&self, text: &str) -> std::path::PathBuf {
        self.store.object_path(hash_bytes(text.as_bytes()))
    }
}

#[test]
fn three_states_and_nothing_runs_twice() {
    let bench = Bench::new("one two");
    assert_eq!(bench.plan(line()), ["read run", "upper may-run", "end may-run"]);
    let (outcome, ran, end) = bench.run(line());
    assert_eq!((outcome, end.as_str()), (Outcome::Done, "ONE TWO"));
    assert_eq!(ran, ["end", "read", "upper"]);
    assert_eq!(bench.plan(line()), ["read cached", "upper cached", "end cached"]);
    assert!(bench.run(line()).1.is_empty());
}

#[test]
fn an_identical_result_upstream_cuts_the_run_short() {
    let bench = Bench::new("one two");
    bench.run(line());
    bench.say("One two");
    let (_, ran, end) = bench.run(line());
    assert_eq!(ran, ["read", "upper"], "`upper` gives the same text, so `end` is not run");
    assert_eq!(end, "ONE TWO");
}

#[test]
fn a_parameter_of_the_last_node_runs_the_last_node() {
    let bench = Bench::new("one");
    bench.run(line());
    let mut nodes = line();
    nodes[2].params = json!({ "end": "!" }).into();
    let (_, ran, end) = bench.run(nodes);
    assert_eq!((ran, end.as_str()), (vec!["end".to_owned()], "ONE!"));
}

#[test]
fn names_and_resources_are_not_in_the_key_but_versions_and_numerics_are() {
    let bench = Bench::new("one");
    bench.run(line());
    let mut nodes = line();
    nodes[2].id = "renamed".into();
    nodes[2].resources =
        Resources { cpu: 2, memory_mib: 64, timeout_s: 60, retries: 2, ..Resources::default() };
    assert!(bench.run(nodes).1.is_empty());
    let mut nodes = line();
    nodes[1].version = 2;
    assert_eq!(bench.run(nodes).1, ["upper"]);
    let mut nodes = line();
    nodes[1].numerics = BTreeMap::from([("threads".into(), "2".into())]);
    assert_eq!(bench.run(nodes).1, ["upper"]);
}

#[test]
fn the_graph_grows_and_only_the_new_part_runs() {
    let bench = Bench::new("a b");
    assert_eq!(bench.plan(growing()), ["read run", "words may-run", "end may-run"]);
    let (_, ran, end) = bench.run(growing());
    assert_eq!(ran, ["end", "read", "word[n=0]", "word[n=1]"]);
    assert_eq!(end, "<a><b>");
    bench.say("a x b");
    let (_, ran, end) = bench.run(growing());
    assert_eq!(ran, ["end", "read", "word[n=1]"], "`b` moved to another name and keeps its result");
    assert_eq!(end, "<a><x><b>");
    assert_eq!(
        bench.plan(growing()),
        [
            "read cached",
            "words cached",
            "word[n=0] cached",
            "word[n=1] cached",
            "word[n=2] cached",
            "end cached"
        ]
    );
}

#[test]
fn what_grows_reads_what_grew_before_it() {
    let bench = Bench::new("a b");
    let (_, ran, end) = bench.run(growing_twice());
    assert_eq!(ran, ["end", "read", "shout[n=0]", "shout[n=1]", "word[n=0]", "word[n=1]"]);
    assert_eq!(end, "<A><B>");
    bench.say("a B");
    let (_, ran, end) = bench.run(growing_twice());
    assert_eq!(ran, ["read", "shout[n=1]", "word[n=1]"], "the end is what it was");
    assert_eq!(end, "<A><B>");
}

#[test]
fn only_what_was_asked_for_runs() {
    let bench = Bench::new("a b");
    let mut nodes = growing();
    nodes.push(node("aside", "upper", &["read"]));
    let (outcome, ran, _) = bench.run_only(nodes, Some("aside"));
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(ran, ["aside", "read"]);
    let (_, ran, _) = bench.run_only(growing(), Some("word"));
    assert_eq!(ran, ["word[n=0]", "word[n=1]"]);
}

#[test]
fn only_what_may_yield_what_was_asked_for_grows() {
    let bench = Bench::new("a b");
    let (outcome, ran, _) = bench.run_only(growing_twice(), Some("shout[n=1]"));
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(ran, ["read", "shout[n=1]", "word[n=1]"]);

    // The words are there before it is known which of them are shouted.
    let bench = Bench::new("a b");
    let mut nodes = growing_twice();
    nodes.insert(1, node("again", "upper", &["read"]));
    nodes[3].inputs = node("any", "join", &["again"]).inputs;
    let (outcome, ran, _) = bench.run_only(nodes, Some("shout[n=1]"));
    assert_eq!(outcome, Outcome::Done);
    assert!(ran.contains(&"shout[n=1]".to_owned()) && !ran.contains(&"shout[n=0]".to_owned()), "{ran:?}");

    // What grows elsewhere would have to wait for a node that fails.
    let bench = Bench::new("a b");
    let mut nodes = vec![node("read", "read", &[]), node("bad", "fail", &["read"])];
    nodes.push(growing_by("words", Arc::new(PerWord)));
    nodes[2].inputs = node("any", "join", &["bad"]).inputs;
    let (outcome, ran, _) = bench.run_only(nodes, Some("read"));
    assert_eq!((outcome, ran), (Outcome::Done, vec!["read".to_owned()]));
}

#[test]
fn what_a_kept_node_yielded_is_kept() {
    let bench = Bench::new("a b");
    bench.run(growing_twice());
    let walk = |kept: &[&str]| {
        let kept = kept.iter().map(|id| NodeId::from(*id));
        let mut walk =
            Walk::new(Graph::new(growing_twice()).unwrap(), &bench.store, &bench.toys, None).keeping(kept);
        walk.advance().unwrap();
        let at = walk.graph().find("word[n=1]").unwrap();
        walk.states()[at].name()
    };
    fs::remove_file(bench.object_of("<b>")).unwrap();
    assert_eq!(walk(&[]), "cached", "all that read it is done");
    assert_eq!(walk(&["words"]), "run");
}

#[test]
fn a_missing_object_is_made_again_only_when_somebody_needs_it() {
    let bench = Bench::new("one");
    bench.run(line());
    fs::remove_file(bench.object_of("one")).unwrap();
    assert!(bench.run(line()).1.is_empty(), "`end` is stored: nobody has to read what is gone");
    let mut nodes = line();
    nodes[1].version = 2;
    assert_eq!(bench.run(nodes).1, ["read", "upper"]);
    fs::remove_file(bench.object_of("ONE")).unwrap();
    let (_, ran, end) = bench.run(line());
    assert_eq!(
        (ran, end.as_str()),
        (vec!["upper".to_owned()], "ONE"),
        "the object of both `upper` and `end`"
    );
}

fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[0] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_object_is_found_when_read_quarantined_and_made_again() {
    let bench = Bench::new("one");
    bench.run(line());
    damage(&bench.object_of("ONE"));
    let mut nodes = line();
    nodes[2].params = json!({ "end": "!" }).into();
    let (outcome, ran, end) = bench.run(nodes);
    assert_eq!((outcome, end.as_str()), (Outcome::Done, "ONE!"));
    assert_eq!(ran, ["end", "end", "upper"]);
    assert_eq!(fs::read_dir(bench.store.root().join("quarantine")).unwrap().count(), 1);
}

#[test]
fn fsck_finds_damage_anywhere_in_large_objects() {
    let bench = Bench::new(&"long ".repeat(700_000));
    bench.run(line());
    assert_eq!(bench.store.fsck().unwrap().damaged, []);
    let path = bench.object_of(&"LONG ".repeat(700_000));
    let mut bytes = fs::read(&path).unwrap();
    bytes[3_000_000] ^= 4;
    fs::write(&path, bytes).unwrap();
    let found = bench.store.fsck().unwrap();
    assert_eq!(found.damaged.len(), 1);
    assert_eq!(found.missing, 2, "`upper` and `end` have the same text");
    assert_eq!(bench.run(line()).1, ["upper"], "which brings back the object of `end` too");
}

#[test]
fn a_failure_is_told_and_the_rest_goes_on_if_asked() {
    let mut bench = Bench::new("one");
    let nodes = || {
        let mut nodes = vec![node("read", "read", &[]), node("bad", "fail", &["read"])];
        nodes.push(node("worse", "panic", &["read"]));
        nodes.extend([node("below", "upper", &["bad"]), node("upper", "upper", &["read"])]);
        nodes.push(node("end", "join", &["upper"]));
        nodes
    };
    bench.keep_going = true;
    let (outcome, ran, end) = bench.run(nodes());
    assert_eq!((outcome, end.as_str()), (Outcome::Failed, "ONE"));
    assert_eq!(ran, ["bad", "end", "read", "upper", "worse"]);
}

#[test]
fn impossible_graphs_are_refused() {
    let cycle = vec![node("a", "upper", &["c"]), node("b", "upper", &["a"]), node("c", "upper", &["b"])];
    let error = Graph::new(cycle).err().unwrap();
    assert_eq!(error.to_string(), "nodes wait for each other: b → c → a → b");
    let twice = vec![node("a", "read", &[]), node("a", "read", &[])];
    assert!(matches!(Graph::new(twice), Err(GraphError::Duplicate(_))));
    assert!(matches!(Graph::new(vec![node("a", "upper", &["x"])]), Err(GraphError::Missing { .. })));
}

/// Words, of which the longest goes through two rounds, each of which depends on the one before.
fn knockout() -> Vec<Node> {
    let mut nodes: Vec<Node> = ["a", "bbb", "cc", "dddd"]
        .iter()
        .enumerate()
        .map(|(i, word)| {
            let mut each = node(numbered("word", i), "join", &["read"]);
            each.params = json!({ "end": word }).into();
            each
        })
        .collect();
    let words: Vec<NodeId> = nodes.iter().map(|node| node.id.clone()).collect();
    let mut first = node(NodeId::new("round", [("left", 4_u32.into())]), "grow", &[]);
    let from = nodes.iter().map(|node| node.source("text")).collect();
    first.inputs = vec![Input { port: "in".into(), from }];
    first.work = Work::Grow(Arc::new(Knockout { words }));
    let mut end = node("end", "upper", &[]);
    end.inputs = vec![Input { port: "in".into(), from: vec![first.source("text")] }];
    nodes.insert(0, node("read", "read", &[]));
    nodes.extend([first, end]);
    nodes
}

#[test]
fn what_grows_may_yield_what_grows_on() {
    let bench = Bench::new("-");
    let (_, ran, end) = bench.run(knockout());
    let own: Vec<&str> = ran.iter().map(String::as_str).filter(|id| id.ends_with('+')).collect();
    assert_eq!(own, ["word[n=1]+", "word[n=3]+", "word[n=3]++"], "losers are not gone on with");
    assert_eq!(end, "-DDDD++");
    let (_, ran, _) = bench.run(knockout());
    assert_eq!(ran, Vec::<String>::new(), "and it grows the same way again");
    // Another word wins the first round, and what is new is computed.
    let mut others = knockout();
    others[1].params = json!({ "end": "aaaaaa" }).into();
    let (_, ran, end) = bench.run(others);
    assert_eq!(ran, ["end", "word[n=0]", "word[n=0]+", "word[n=0]++"]);
    assert_eq!(end, "-AAAAAA++");
}

#[test]
fn only_what_a_grown_round_needs_is_run() {
    let bench = Bench::new("-");
    let (_, ran, _) = bench.run_only(knockout(), Some("word[n=3]++"));
    assert!(ran.contains(&"word[n=3]++".to_owned()) && !ran.contains(&"end".to_owned()), "{ran:?}");
}

/// `first` and `last` of two parts, and `aside`, which belongs to none, between the first of part 2 and whoever is told to read
/// it.
struct PerPart {
    reads_aside: &'static str,
}

impl Grow for PerPart {
    fn grow(&self, _: &[Vec<Object>]) -> Result<Growth, Failure> {
        let of = |name: &str, part: u32| NodeId::new(name, [("part", part.into())]);
        let last = |part: u32| {
            let id = of("last", part);
            let from =
                if id.as_str() == self.reads_aside { NodeId::from("aside") } else { of("first", part) };
            node_of(id, "join", &[from])
        };
        let firsts = [1, 2].map(|part| node(of("first", part), "join", &["read"]));
        let aside = node_of("aside".into(), "join", &[of("first", 2)]);
        Ok(firsts.into_iter().chain([aside, last(1), last(2)]).collect())
    }

    fn yields(&self) -> Vec<NodeId> {
        Vec::new()
    }

    fn reads(&self) -> Vec<NodeId> {
        Vec::new()
    }

    fn isolates(&self) -> Option<&'static str> {
        Some("part")
    }
}

#[test]
fn parts_that_reach_each_other_are_refused_when_planning() {
    let bench = Bench::new("one");
    let told = |reads_aside: &'static str, reader: Option<Node>| {
        let mut nodes =
            vec![node("read", "read", &[]), growing_by("parts", Arc::new(PerPart { reads_aside }))];
        nodes[1].inputs.clear();
        nodes.extend(reader);
        let mut walk = Walk::new(Graph::new(nodes).unwrap(), &bench.store, &bench.toys, None);
        walk.advance().map_err(|error| error.to_string())
    };
    assert_eq!(told("last[part=2]", None), Ok(()));
    assert_eq!(
        told("last[part=1]", None).unwrap_err(),
        "what is made for part=2 reaches part=1: first[part=2] → aside → last[part=1]"
    );
    // A node of no part may read them all.
    let mut everything = end_of("parts");
    everything.inputs[0].from = vec![Source::Grown { node: "parts".into(), port: "text".into() }];
    assert_eq!(told("last[part=2]", Some(everything)), Ok(()));
}

#[test]
fn results_that_cannot_be_repeated_are_not_replaced() {
    let bench = Bench::new("one");
    bench.run(vec![node("end", "join", &[])]);
    let record = |text: &str, reproducible| {
        let scratch = bench.store.scratch().unwrap();
        let file = scratch.path().join("text");
        fs::write(&file, text).unwrap();
        affekt_graph::Record {
            version: affekt_graph::Record::VERSION,
            key: affekt_graph::Key::of(&[]),
            op: "train".into(),
            outputs: vec![bench.store.adopt("text", &file).unwrap()],
            seconds: 0.0,
            reproducible,
            memory_mib: None,
            provenance: BTreeMap::new(),
        }
    };
    let first = bench.store.publish(record("first", false)).unwrap();
    assert_eq!(bench.store.publish(record("second", false)).unwrap(), first);
}

#[test]
fn a_lease_has_one_holder_and_keeps_the_state_of_the_dead() {
    let bench = Bench::new("");
    let key = affekt_graph::Key::of(&[]);
    let lease = bench.store.lease(key).unwrap().unwrap();
    assert!(bench.store.lease(key).unwrap().is_none());
    fs::write(lease.state().join("epoch"), "7").unwrap();
    drop(lease);
    let lease = bench.store.lease(key).unwrap().unwrap();
    assert_eq!(fs::read_to_string(lease.state().join("epoch")).unwrap(), "7");
    lease.finish();
    assert!(bench.store.lease(key).unwrap().unwrap().state().read_dir().unwrap().next().is_none());
}

/// One `join` node a number and seed, each reading `before` of its own number where there is one.
struct PerNumber {
    numbers: u32,
    name: String,
    seed: u64,
    before: Option<String>,
}

impl PerNumber {
    fn growing(self) -> Node {
        let mut growing = node_of(self.id(&self.name, AxisValue::Every), "grow", &[]);
        growing.work = Work::Grow(Arc::new(self));
        growing
    }

    fn id(&self, name: &str, n: AxisValue) -> NodeId {
        NodeId::new(name, [("n", n), ("seed", self.seed.into())])
    }
}

impl Grow for PerNumber {
    fn grow(&self, _: &[Vec<Object>]) -> Result<Growth, Failure> {
        let node = |n: u32| {
            let before = self.before.iter().map(|before| self.id(before, n.into()));
            let from: Vec<NodeId> = before.chain(["read".into()]).collect();
            let mut node = node_of(self.id(&self.name, n.into()), "join", &from);
            node.params = json!({ "end": format!("{}{n}{}", self.name, self.seed) }).into();
            node
        };
        Ok((1..=self.numbers).map(node).collect())
    }

    fn yields(&self) -> Vec<NodeId> {
        vec![self.id(&self.name, AxisValue::Every)]
    }

    fn reads(&self) -> Vec<NodeId> {
        let before = self.before.iter().map(|before| self.id(before, AxisValue::Every));
        before.chain(["read".into()]).collect()
    }

    fn isolates(&self) -> Option<&'static str> {
        Some("n")
    }
}

/// As an experiment with three folds and so many seeds: a training and a prediction each, and one node that reads them all.
fn many_seeds(seeds: u64) -> Vec<Node> {
    let mut nodes = vec![node("read", "read", &[])];
    let mut end = node("end", "join", &[]);
    end.inputs = vec![Input { port: "in".into(), from: Vec::new() }];
    for seed in 1..=seeds {
        let rule = |name: &str, before: Option<&str>| PerNumber {
            numbers: 3,
            name: name.into(),
            seed,
            before: before.map(str::to_owned),
        };
        nodes.push(rule("train", None).growing());
        nodes.push(rule("predict", Some("train")).growing());
        end.inputs[0].from.push(nodes[nodes.len() - 1].source("text"));
    }
    nodes.push(end);
    nodes
}

#[test]
fn planning_and_running_look_at_every_edge_a_few_times() {
    let visits = |seeds: u64, only: Option<&str>| {
        let bench = Bench::new("-");
        let only = only.map(str::to_owned);
        let mut walk =
            Walk::new(Graph::new(many_seeds(seeds)).unwrap(), &bench.store, &bench.toys, only.clone());
        walk.advance().unwrap();
        let planned = walk.visits();
        bench.run_only(many_seeds(seeds), only.as_deref());
        let mut walk = Walk::new(Graph::new(many_seeds(seeds)).unwrap(), &bench.store, &bench.toys, only);
        run(&mut walk, &bench.toys, &bench.options(), &AtomicBool::new(false), &mut Nobody).unwrap();
        assert_eq!(bench.toys.ran(), Vec::<String>::new());
        [planned, walk.visits()]
    };
    for only in [None, Some("predict")] {
        let (few, many) = (visits(2, only), visits(20, only));
        for (few, many) in few.into_iter().zip(many) {
            assert!(many <= 11 * few, "{few} edges of 2 seeds, {many} of 20, only {only:?}");
        }
    }
}

/// What the walk itself costs over a run in which every node is computed.
#[test]
fn a_run_looks_at_every_edge_a_few_times() {
    let visits = |seeds: u64| {
        let bench = Bench::new("-");
        let mut walk = Walk::new(Graph::new(many_seeds(seeds)).unwrap(), &bench.store, &bench.toys, None);
        run(&mut walk, &bench.toys, &bench.options(), &AtomicBool::new(false), &mut Nobody).unwrap();
        assert_eq!(bench.toys.ran().len() as u64, 6 * seeds + 2);
        walk.visits()
    };
    let (few, many) = (visits(2), visits(20));
    assert!(many <= 11 * few, "{few} edges of 2 seeds, {many} of 20");
}

#[test]
fn what_an_id_is_written_as_leads_back_to_its_node() {
    let bench = Bench::new("-");
    let mut walk = Walk::new(Graph::new(many_seeds(3)).unwrap(), &bench.store, &bench.toys, None);
    walk.advance().unwrap();
    for (at, node) in walk.graph().nodes().iter() {
        assert_eq!(walk.graph().find(node.id.as_str()), Some(at));
        assert_eq!(NodeId::new(node.id.name(), node.id.axes().iter().cloned()), node.id);
    }
    let at = walk.graph().find("train[n=2,seed=3]").unwrap();
    assert_eq!(walk.graph().nodes()[at].id.number("seed"), Some(3));
    assert_eq!(walk.graph().find("train[n=4,seed=3]"), None);
}

/// `cargo test -p affekt-graph -- --ignored --nocapture plan_time`: seconds of planning by the number of nodes.
#[test]
#[ignore = "prints how long planning takes"]
#[expect(clippy::print_stdout, reason = "what it is for")]
fn plan_time() {
    for nodes in [1000, 6000, 10_000, 100_000] {
        let bench = Bench::new("-");
        let started = Instant::now();
        let mut walk = Walk::new(Graph::new(many_seeds(nodes / 6)).unwrap(), &bench.store, &bench.toys, None);
        walk.advance().unwrap();
        let (seconds, visits) = (started.elapsed().as_secs_f64(), walk.visits());
        println!("{nodes} nodes: {seconds:.3} s, {visits} edges looked at");
    }
}

/// `cargo test -p affekt-graph -- --ignored --nocapture idle_time`: seconds of a run in which every node is cached.
#[test]
#[ignore = "prints how long a run with nothing to do takes"]
#[expect(clippy::print_stdout, reason = "what it is for")]
fn idle_time() {
    for nodes in [100, 1000, 10_000] {
        let bench = Bench::new("-");
        let mut times = Vec::new();
        for _ in 0..4 {
            let started = Instant::now();
            let graph = Graph::new(many_seeds(nodes / 6)).unwrap();
            let mut walk = Walk::new(graph, &bench.store, &bench.toys, None);
            run(&mut walk, &bench.toys, &bench.options(), &AtomicBool::new(false), &mut Nobody).unwrap();
            times.push(started.elapsed().as_secs_f64());
            let ran = bench.toys.ran().len();
            assert!(times.len() == 1 || ran == 0, "{ran} nodes ran again");
        }
        println!("{nodes} nodes: {:.3} s to make, then {:.3?} s", times[0], &times[1..]);
    }
}

/// Two nodes of op `meet` read what they read at the same time, once; whatever else there is is a toy.
struct Meeting {
    toys: Toys,
    barrier: std::sync::Barrier,
    readers: AtomicUsize,
}

impl Ops for Meeting {
    fn fingerprint(
        &self,
        node: &Node,
        thorough: bool,
        c: &mut dyn Context,
    ) -> Result<Option<Digest>, Failure> {
        self.toys.fingerprint(node, thorough, c)
    }

    fn run(&self, job: &Job, context: &mut dyn Context) -> Result<(), Failure> {
        if job.op != "meet" {
            return self.toys.run(job, context);
        }
        let is_first_time = self.readers.fetch_add(1, Ordering::SeqCst) < 2;
        let wait = || is_first_time.then(|| self.barrier.wait());
        wait();
        let opened = job.open("in");
        wait();
        let text = opened?[0].all()?.to_vec();
        fs::write(job.output("text")?, text).map_err(|error| Failure::because(&error))
    }
}

#[test]
fn nodes_that_read_a_damaged_object_at_once_all_read_it_again() {
    let bench = Bench::new("one");
    let nodes = || {
        let mut nodes = vec![node("read", "read", &[]), node("upper", "upper", &["read"])];
        for number in 0..2 {
            let mut reader = node(numbered("reader", number), "meet", &["upper"]);
            reader.seed = Some(number as u64);
            nodes.push(reader);
        }
        nodes.push(node("end", "join", &["reader[n=0]", "reader[n=1]"]));
        nodes
    };
    bench.run(nodes()[..2].to_vec());
    // Nothing of it is left, as after a crash.
    fs::write(bench.object_of("ONE"), "").unwrap();
    let ops = Meeting {
        toys: Toys { outside: Mutex::new("one".into()), ..Toys::default() },
        barrier: std::sync::Barrier::new(2),
        readers: AtomicUsize::new(0),
    };
    let mut walk = Walk::new(Graph::new(nodes()).unwrap(), &bench.store, &ops, None);
    let outcome = run(&mut walk, &ops, &bench.options(), &AtomicBool::new(false), &mut Nobody).unwrap();
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(ops.toys.ran(), ["end", "upper"]);
    assert_eq!(ops.readers.load(Ordering::SeqCst), 4, "each of them twice");
}

/// Writes nothing but damaged objects.
struct BadDisk<'b>(&'b Bench);

impl Ops for BadDisk<'_> {
    fn fingerprint(
        &self,
        node: &Node,
        thorough: bool,
        c: &mut dyn Context,
    ) -> Result<Option<Digest>, Failure> {
        self.0.toys.fingerprint(node, thorough, c)
    }

    fn run(&self, job: &Job, context: &mut dyn Context) -> Result<(), Failure> {
        if job.node == "end" {
            damage(&self.0.object_of("ONE"));
        }
        self.0.toys.run(job, context)
    }
}

#[test]
fn what_is_damaged_however_often_it_is_made_ends_the_run() {
    let bench = Bench::new("one");
    let ops = BadDisk(&bench);
    let mut walk = Walk::new(Graph::new(line()).unwrap(), &bench.store, &ops, None);
    let outcome = run(&mut walk, &ops, &bench.options(), &AtomicBool::new(false), &mut Nobody).unwrap();
    assert_eq!(outcome, Outcome::Failed);
    assert_eq!(bench.toys.ran(), ["end", "end", "read", "upper", "upper"]);
}

#[test]
fn a_result_with_other_outputs_than_its_node_is_computed_again() {
    let bench = Bench::new("one");
    bench.run(line());
    let mut walk = Walk::new(Graph::new(line()).unwrap(), &bench.store, &bench.toys, None);
    walk.advance().unwrap();
    let key = walk.key(walk.graph().find("upper").unwrap()).unwrap();
    // As records were filed that had no digest of their own.
    let mut record = bench.store.lookup(key).unwrap();
    record.version = 1;
    record.outputs[0].name = "tdxt".into();
    let name = key.to_string();
    let path = bench.store.root().join("results").join(&name[..2]).join(name).with_extension("json");
    fs::write(path, serde_json::to_vec(&record).unwrap()).unwrap();
    let (outcome, ran, end) = bench.run(line());
    assert_eq!((outcome, ran, end.as_str()), (Outcome::Done, vec!["upper".to_owned()], "ONE"));
}

#[test]
fn who_waits_for_another_run_is_said() {
    struct Told(Vec<String>);
    impl Observer for Told {
        fn event(&mut self, event: Event<'_>) {
            if let Event::Waits(node) = event {
                self.0.push(node.id.to_string());
            }
        }
    }
    let bench = Bench::new("one");
    let mut walk = Walk::new(Graph::new(line()).unwrap(), &bench.store, &bench.toys, None);
    bench.run_only(line(), Some("read"));
    walk.advance().unwrap();
    let lease = bench.store.lease(walk.key(walk.graph().find("upper").unwrap()).unwrap()).unwrap();
    let mut told = Told(Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(500));
            drop(lease);
        });
        run(&mut walk, &bench.toys, &bench.options(), &AtomicBool::new(false), &mut told).unwrap();
    });
    assert_eq!(told.0, ["upper"], "once");
}
