//! Workers that break the protocol, whichever way: each ends its node with one clear error, soon, and leaves no process behind.
//!
//! A worker is a shell script here, which says what a test has written into files beside it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use affekt_domain::Digest;
use affekt_graph::{
    Context, Event, Failure, Graph, Job, Node, Observer, Ops, Outcome, PROTOCOL, Place, Resources,
    RunOptions, Store, Walk, Work, WorkerCommand, WorkerTimeouts, run,
};
use serde_json::{Value, json};

/// What no test waits for: whoever is waited for longer than this is waited for without an end.
const FOR_EVER: Duration = Duration::from_secs(20);

/// The runner has no ops of its own.
struct NoOps;

impl Ops for NoOps {
    fn fingerprint(&self, _: &Node, _: bool, _: &mut dyn Context) -> Result<Option<Digest>, Failure> {
        Ok(None)
    }

    fn run(&self, _: &Job, _: &mut dyn Context) -> Result<(), Failure> {
        Err(Failure::Failed { message: "nothing runs here".into() })
    }
}

/// Keeps what failed, and how much progress was told of.
#[derive(Default)]
struct Heard {
    failures: Vec<String>,
    /// How attempts failed that were followed by another.
    retried: Vec<String>,
    progress: usize,
    /// How long it takes to show progress.
    takes: Duration,
}

impl Observer for Heard {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Failed { node, failure, .. } => self.failures.push(format!("{}: {failure}", node.id)),
            Event::Retried { failure, .. } => self.retried.push(failure.to_string()),
            Event::Progress { .. } => {
                self.progress += 1;
                std::thread::sleep(self.takes);
            }
            _ => {}
        }
    }
}

struct Bench {
    folder: tempfile::TempDir,
    timeouts: WorkerTimeouts,
    resources: Resources,
    interrupted: AtomicBool,
    heard: Mutex<Heard>,
}

impl Bench {
    /// A worker that does what the script says. `hello`, `done` and `progress` are files with frames.
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("#!/bin/sh\ncd '{}'\necho $$ >> pids\n{script}\n", folder.path().display());
        fs::write(folder.path().join("worker"), text).unwrap();
        fs::set_permissions(folder.path().join("worker"), fs::Permissions::from_mode(0o755)).unwrap();
        let hello = json!({ "hello": { "protocol": PROTOCOL, "ops": { "toy": 1 }, "provenance": {} } });
        let progress = json!({ "progress": { "done": 1, "total": 2, "note": "on" } });
        let done = json!({ "done": { "provenance": {}, "memory_mib": null } });
        let old = json!({ "hello": { "protocol": 1, "ops": {}, "provenance": {} } });
        fs::write(folder.path().join("hello"), frame(&hello)).unwrap();
        fs::write(folder.path().join("old"), frame(&old)).unwrap();
        fs::write(folder.path().join("progress"), frame(&progress).repeat(10_000)).unwrap();
        fs::write(folder.path().join("done"), frame(&done)).unwrap();
        let long = Duration::from_secs(60);
        let timeouts = WorkerTimeouts { hello: long, progress: long, stop: Duration::from_millis(300) };
        let resources = Resources::default();
        Self { folder, timeouts, resources, interrupted: AtomicBool::new(false), heard: Mutex::default() }
    }

    /// Runs nodes with these parameters, one after the other; returns what failed.
    fn run(&self, params: &[Value]) -> (Outcome, String) {
        let store = Store::open(&self.folder.path().join("store")).unwrap();
        let node = |(number, params)| Node { resources: self.resources, ..node(number, params) };
        let nodes = params.iter().enumerate().map(node).collect();
        let mut walk = Walk::new(Graph::new(nodes).unwrap(), &store, &NoOps, None);
        let program = self.folder.path().join("worker");
        let worker = || Ok(WorkerCommand { program: program.clone(), env: Vec::new() });
        let options = RunOptions {
            cores: 1,
            memory_mib: 0,
            gpus: &[],
            keep_going: true,
            timeouts: self.timeouts,
            worker: &worker,
            logs: self.logs(),
            provenance: BTreeMap::new(),
        };
        let began = Instant::now();
        let mut heard = self.heard.lock().unwrap();
        let outcome = run(&mut walk, &NoOps, &options, &self.interrupted, &mut *heard).unwrap();
        assert!(began.elapsed() < FOR_EVER, "it took {:?}: {:?}", began.elapsed(), heard.failures);
        self.nobody_is_left();
        (outcome, heard.failures.join("\n").replace(self.folder.path().to_str().unwrap(), "BENCH"))
    }

    /// Runs one node, interrupted after a moment; returns how long it took from then.
    fn interrupted(&self) -> Duration {
        let moment = Duration::from_millis(400);
        let began = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(moment);
                self.interrupted.store(true, Ordering::Relaxed);
            });
            assert_eq!(self.run(&[json!({})]), (Outcome::Interrupted, String::new()));
        });
        began.elapsed() - moment
    }

    fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    /// Whatever wrote its number down has ended.
    #[track_caller]
    fn nobody_is_left(&self) {
        let pids = fs::read_to_string(self.folder.path().join("pids")).unwrap_or_default();
        let began = Instant::now();
        for pid in pids.lines() {
            while fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
                assert!(began.elapsed() < Duration::from_secs(5), "process {pid} is left behind");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

fn frame(message: &Value) -> Vec<u8> {
    let text = message.to_string();
    [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn node(number: usize, params: &Value) -> Node {
    Node {
        id: format!("toy{number}").as_str().into(),
        work: Work::Op,
        op: "toy".into(),
        version: 1,
        params: json!([number, params]).into(),
        steps: None,
        inputs: Vec::new(),
        outputs: Vec::new(),
        seed: None,
        numerics: BTreeMap::new(),
        place: Place::Worker,
        resources: Resources::default(),
        reproducible: true,
    }
}

/// Ends without an end of its own, and so does a process that it starts, which holds its pipes.
const HANG: &str = "sleep 600 & echo $! >> pids; wait";

#[test]
fn whatever_a_worker_does_its_node_ends_with_one_clear_error() {
    let short = Duration::from_millis(300);
    let hello = "cat hello";
    let cases = [
        ("no hello", "", HANG, "the worker did not say hello within 0.3 s and was killed; it said nothing"),
        (
            "words and no hello",
            "echo loading >&2",
            HANG,
            "the worker did not say hello within 0.3 s and was killed; it said:\n  loading",
        ),
        (
            "no frame",
            r"printf '\5\0\0\0{{{{{'",
            HANG,
            "protocol error: the worker sent what is no frame (key must be a string at line 1 column 2) and was killed; \
             it said nothing",
        ),
        (
            "an oversize frame",
            r"printf '\377\377\377\377'",
            HANG,
            "protocol error: the worker sent what is no frame (4294967295 bytes, expected at most 67108864) and was killed; \
             it said nothing",
        ),
        (
            "text",
            "echo Hello, this is Python 3.12",
            HANG,
            "protocol error: the worker sent what is no frame (1819043144 bytes, expected at most 67108864) and was killed; \
             it said nothing",
        ),
        (
            "another frame than hello",
            "cat done",
            HANG,
            "protocol error: the worker sent a frame out of turn (other than hello) and was killed; it said nothing",
        ),
        ("another version", "cat old", HANG, "protocol error: the worker has version 1,"),
        (
            "a closed output",
            "exec >&-",
            HANG,
            "the worker closed its output, did not end and was killed; it said nothing",
        ),
        (
            "an end",
            "echo no memory >&2",
            "exit 3",
            "the worker ended with exit code 3; it said:\n  no memory",
        ),
        (
            "an end, and a process of its own that holds its pipes",
            "setsid sleep 4 &",
            "exit 3",
            "the worker ended with exit code 3; it said nothing",
        ),
        (
            "no hello, stopped",
            "",
            "kill -STOP $$",
            "the worker did not say hello within 0.3 s and was killed",
        ),
        (
            "silence",
            hello,
            HANG,
            "no progress for 0.3 s; the worker was killed; it said nothing\n  its log is BENCH/logs/toy0.log",
        ),
        (
            "half a frame",
            r"cat hello; printf '\100\0\0\0{'",
            HANG,
            "no progress for 0.3 s; the worker was killed",
        ),
        (
            "an end in a frame",
            r"cat hello; printf '\100\0\0\0{'",
            "exit 3",
            "the worker ended with exit code 3",
        ),
        (
            "a closed output with a job",
            "cat hello; exec >&-",
            HANG,
            "the worker closed its output, did not end and was killed",
        ),
        (
            "a closed input",
            "exec <&-; sleep 0.1; cat hello",
            HANG,
            "the worker closed its input, did not end and was killed",
        ),
        (
            "hello twice",
            "cat hello hello",
            HANG,
            "protocol error: the worker sent a frame out of turn (hello) and was killed",
        ),
        ("a stop", hello, "kill -STOP $$; sleep 600", "no progress for 0.3 s; the worker was killed"),
        ("a signal", hello, "kill -SEGV $$", "the worker was ended by signal 11"),
    ];
    for (what, before, then, message) in cases {
        let mut bench = Bench::new(&format!("{before}\n{then}"));
        bench.timeouts.progress = short;
        if message.contains("say hello within") {
            bench.timeouts.hello = short;
        }
        let (outcome, failures) = bench.run(&[json!({})]);
        assert_eq!(outcome, Outcome::Failed, "{what}: {failures}");
        assert!(failures.starts_with(&format!("toy0: {message}")), "{what}: {failures}");
    }
}

#[test]
fn a_job_that_nobody_takes_is_not_waited_for() {
    let mut bench = Bench::new(&format!("cat hello; {HANG}"));
    bench.timeouts.progress = Duration::from_millis(300);
    let (_, failures) = bench.run(&[json!("longer than a pipe".repeat(100_000))]);
    assert!(failures.starts_with("toy0: no progress for 0.3 s; the worker was killed"), "{failures}");
}

#[test]
fn an_interruption_is_seen_whatever_the_worker_does() {
    let flood = "cat hello; while :; do cat progress; done";
    for script in [HANG, "cat hello; sleep 600", flood] {
        let bench = Bench::new(script);
        let took = bench.interrupted();
        assert!(took < Duration::from_secs(3), "`{script}`: {took:?}");
    }
}

/// It answers the second frame that it is sent: the job is the first.
#[test]
fn a_worker_is_asked_to_stop_and_heard_until_it_has() {
    let stopped = json!({ "failed": { "kind": "cancelled" } });
    let mut bench = Bench::new("exec 3<&0; cat hello; cat <&3 > taken & sleep 1.5; cat stopped; sleep 600");
    bench.timeouts.stop = Duration::from_secs(60);
    fs::write(bench.folder.path().join("stopped"), frame(&stopped)).unwrap();
    let took = bench.interrupted();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(10), "{took:?}");
    let taken = fs::read(bench.folder.path().join("taken")).unwrap();
    assert!(taken.ends_with(&frame(&json!("stop"))), "{}", String::from_utf8_lossy(&taken));
}

#[test]
fn a_suspended_worker_is_not_waited_for() {
    let mut bench = Bench::new("cat hello; kill -STOP $$; sleep 600");
    bench.timeouts.stop = Duration::from_secs(60);
    let took = bench.interrupted();
    assert!(took < Duration::from_secs(3), "{took:?}");
}

/// A batch system asks workers to stop without a word to the runner.
#[test]
fn a_worker_that_stops_unasked_leaves_its_node_to_another() {
    let script = "cat hello; head -c 20 > taken; if [ -e once ]; then cat done; else touch once; cat stopped; fi; sleep 600";
    let bench = Bench::new(script);
    let stopped = json!({ "failed": { "kind": "cancelled" } });
    fs::write(bench.folder.path().join("stopped"), frame(&stopped)).unwrap();
    assert_eq!(bench.run(&[json!({})]), (Outcome::Done, String::new()));
    assert_eq!(fs::read_to_string(bench.folder.path().join("pids")).unwrap().lines().count(), 2);
}

/// As often as it is given; the third worker does the job.
#[test]
fn a_node_whose_worker_died_is_tried_again_as_often_as_it_asks() {
    let script =
        "cat hello; head -c 20 > taken; [ $(wc -l < pids) -ge 3 ] || kill -KILL $$; cat done; sleep 600";
    for (retries, outcome, workers) in
        [(0, Outcome::Failed, 1), (1, Outcome::Failed, 2), (2, Outcome::Done, 3)]
    {
        let mut bench = Bench::new(script);
        bench.resources.retries = retries;
        let (ended, failures) = bench.run(&[json!({})]);
        assert_eq!(ended, outcome, "{failures}");
        assert_eq!(fs::read_to_string(bench.folder.path().join("pids")).unwrap().lines().count(), workers);
        let heard = bench.heard.lock().unwrap();
        assert_eq!(heard.retried.len(), workers - 1, "{:?}", heard.retried);
        assert!(heard.retried.iter().all(|failure| failure.starts_with("the worker was killed (signal 9")));
    }
    // What an op says of itself is not tried again.
    let mut bench = Bench::new("cat hello; cat failed; sleep 600");
    bench.resources.retries = 5;
    fs::write(
        bench.folder.path().join("failed"),
        frame(&json!({ "failed": { "kind": "failed", "message": "no" } })),
    )
    .unwrap();
    assert_eq!(bench.run(&[json!({})]), (Outcome::Failed, "toy0: no".to_owned()));
}

/// It is asked to stop, so that the next attempt goes on from its checkpoint.
#[test]
fn a_node_that_takes_too_long_is_stopped_and_tried_again() {
    let once = "cat hello; exec 3<&0; cat <&3 > taken$(wc -l < pids) & sleep 2; cat stopped; sleep 600";
    let mut bench = Bench::new(once);
    bench.timeouts.stop = Duration::from_secs(60);
    bench.resources = Resources { timeout_s: 1, retries: 1, ..Resources::default() };
    fs::write(bench.folder.path().join("stopped"), frame(&json!({ "failed": { "kind": "cancelled" } })))
        .unwrap();
    let (outcome, failures) = bench.run(&[json!({})]);
    assert_eq!(outcome, Outcome::Failed);
    assert!(failures.starts_with("toy0: not done within 1 s, as `resources.timeout_s` asks"), "{failures}");
    for attempt in ["taken1", "taken2"] {
        let taken = fs::read(bench.folder.path().join(attempt)).unwrap();
        assert!(taken.ends_with(&frame(&json!("stop"))), "{attempt}: {}", String::from_utf8_lossy(&taken));
    }
    // Whoever does not stop is killed.
    let mut bench = Bench::new("cat hello; sleep 600");
    bench.resources.timeout_s = 1;
    let (outcome, failures) = bench.run(&[json!({})]);
    assert_eq!(outcome, Outcome::Failed);
    assert!(failures.starts_with("toy0: not done within 1 s"), "{failures}");
}

#[test]
fn a_worker_that_takes_more_memory_than_its_node_may_is_killed_and_its_node_tried_again() {
    let mut bench =
        Bench::new("cat hello; a=0123456789abcdef; for n in $(seq 24); do a=$a$a; done; sleep 600");
    bench.resources = Resources { memory_mib: 100, retries: 1, ..Resources::default() };
    let (outcome, failures) = bench.run(&[json!({})]);
    assert_eq!(outcome, Outcome::Failed);
    assert!(failures.starts_with("toy0: the worker took "), "{failures}");
    assert!(failures.contains("where `resources.memory_mib` allows 100"), "{failures}");
    assert_eq!(bench.heard.lock().unwrap().retried.len(), 1);
    let mut small = Bench::new("cat hello; cat done; sleep 600");
    small.resources.memory_mib = 100;
    assert_eq!(small.run(&[json!({})]), (Outcome::Done, String::new()));
}

#[test]
fn progress_that_nobody_has_time_for_is_left_out() {
    let bench = Bench::new("cat hello progress progress done; sleep 600");
    bench.heard.lock().unwrap().takes = Duration::from_millis(3);
    let (outcome, failures) = bench.run(&[json!({})]);
    assert_eq!((outcome, failures.as_str()), (Outcome::Done, ""));
    let progress = bench.heard.lock().unwrap().progress;
    assert!((1..20_000).contains(&progress), "{progress}");
}

#[test]
fn a_worker_that_died_or_spoke_between_jobs_is_replaced() {
    // What it says too much would be taken for the answer to the next job.
    for then in ["exit 3", "cat done; cat > taken", HANG] {
        let bench = Bench::new(&format!("cat hello; head -c 20 > taken; cat done; sleep 0.1; {then}"));
        let (outcome, failures) = bench.run(&[json!(1)]);
        assert_eq!((outcome, failures.as_str()), (Outcome::Done, ""), "{then}");
        let started = || fs::read_to_string(bench.folder.path().join("pids")).unwrap().lines().count();
        assert!(started() <= 2, "{then}");
    }
    let bench = Bench::new("cat hello; head -c 20 > taken; cat done done; sleep 600");
    let (outcome, failures) = bench.run(&[json!(1), json!(2), json!(3)]);
    assert_eq!((outcome, failures.as_str()), (Outcome::Done, ""));
    let workers = fs::read_to_string(bench.folder.path().join("pids")).unwrap().lines().count();
    assert_eq!(workers, 3, "each said more than it was asked");
}

#[test]
fn what_a_worker_says_is_kept_whatever_its_bytes_and_without_an_end() {
    let bench = Bench::new(r"cat hello; printf 'first \377\376\nlast' >&2; exit 3");
    let (_, failures) = bench.run(&[json!({})]);
    assert!(
        failures.contains("it said:\n  first \u{fffd}\u{fffd}\n  last\n  its log is BENCH/logs/toy0.log"),
        "{failures}"
    );

    // Hundreds of MB and not a line: the runner keeps some kB.
    let mut bench = Bench::new("cat hello; exec cat /dev/zero >&2");
    bench.timeouts.progress = Duration::from_millis(1500);
    let before = resident_mib();
    let (_, failures) = bench.run(&[json!({})]);
    assert!(failures.contains("more bytes of this line)"), "{failures}");
    assert!(failures.len() < 20_000 && resident_mib() < before + 50, "{} MiB before", before);
    assert!(fs::metadata(bench.logs().join("toy0.log")).unwrap().len() < 100_000);
}

fn resident_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
