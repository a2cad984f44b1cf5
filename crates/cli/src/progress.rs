//! Reports the progress of a run: to the journal, and on standard error.
//!
//! A terminal shows a bar for the whole run and one for each long-running node; elsewhere a line is written when a node
//! ends.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use affekt_config::printable;
use affekt_graph::{
    Event, Failure, Gpu, Journal, JournalRow, KeyPart, LastRun, Node, NodeId, NodeIndex, NodeRow, Observer,
    Outcome, Place, Record, State, Walk, Work,
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::context::ExperimentContext;
use crate::exit::{Stop, error};
use crate::out::say;
use crate::remarks::remarks;
use crate::run::cores;
use crate::run_folder::RunFolder;
use crate::timing::{CostSignature, Estimates, Signatures, Timings, Watch};

/// Elsewhere than on a terminal, how often a busy node is reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(15);

/// How often it is estimated how long the rest takes.
const ESTIMATE_INTERVAL: Duration = Duration::from_secs(1);

/// What a run came to.
pub struct Summary {
    pub ran: usize,
    pub cached: usize,
    pub seconds: f64,
    pub failures: String,
    /// Nodes that began and have no result: they were stopped on the way.
    pub stopped: Vec<String>,
    /// GPUs that failed, and were not used to the end.
    pub set_aside: BTreeSet<String>,
    /// Op → nodes run, nodes cached, seconds of those that ran.
    pub by_op: BTreeMap<String, (usize, usize, f64)>,
}

impl Summary {
    /// Says what an interrupted run leaves, and how to go on.
    pub fn interrupted(&self) -> String {
        let done = match self.ran {
            1 => "1 node was finished and is stored".to_owned(),
            ran => format!("{ran} nodes were finished and are stored"),
        };
        let stopped = match self.stopped.as_slice() {
            [] => String::new(),
            stopped => format!("; stopped on the way: {}", stopped.join(", ")),
        };
        format!(
            "interrupted: {done}{stopped}\nhint: the same command goes on; trainings go on from their last checkpoint"
        )
    }
}

/// Writes the journal of a run and shows its progress.
pub struct ProgressReporter<'c> {
    /// Whose recordings have not been remarked on yet.
    unremarked: Option<&'c ExperimentContext>,
    journal: Journal,
    /// The first failure to write the journal.
    error: Option<std::io::Error>,
    last: LastRun,
    timings: Timings,
    signatures: Signatures,
    /// The cost signatures of nodes that may run, in workers.
    signature_of: BTreeMap<NodeId, CostSignature>,
    /// How many nodes the walk has, and how many of them are to have a result.
    known: (usize, usize),
    /// When it was last estimated how long the rest takes.
    estimated: Option<Instant>,
    started: Instant,
    bars: MultiProgress,
    total: ProgressBar,
    busy: BTreeMap<NodeId, Busy>,
    /// Nodes whose row is in the journal.
    reported: BTreeMap<NodeId, &'static str>,
    by_op: BTreeMap<String, (usize, usize, f64)>,
    failures: Vec<(NodeId, Failure)>,
    set_aside: BTreeSet<String>,
    is_terminal: bool,
    /// How many nodes that take long are likely to run at one time: one a core, or one a GPU.
    at_once: f64,
}

struct Busy {
    node: Node,
    bar: Option<ProgressBar>,
    reported: Instant,
    watch: Watch,
}

impl<'c> ProgressReporter<'c> {
    /// Begins the journal of a run.
    pub fn new(context: &'c ExperimentContext, folder: &RunFolder) -> Result<Self, Stop> {
        let last = context.last_run();
        let path = folder.path().join("journal.jsonl");
        let mut journal =
            Journal::open(&path).map_err(|cause| error("failed to begin the journal", &cause))?;
        let command = std::env::args_os().map(|it| it.to_string_lossy().into_owned()).collect();
        let experiment = context.experiment.name.clone();
        let begun = JournalRow::RunStarted { version: 1, experiment, command };
        journal.write(&[begun]).map_err(|cause| error("failed to write the journal", &cause))?;
        let bars = MultiProgress::new();
        let total = bars.add(ProgressBar::new(0));
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} nodes  {msg}") {
            total.set_style(style);
        }
        Ok(Self {
            unremarked: Some(context),
            journal,
            error: None,
            last,
            timings: context.timings(),
            signatures: Signatures::new(context),
            signature_of: BTreeMap::new(),
            known: (0, 0),
            estimated: None,
            started: Instant::now(),
            bars,
            total,
            busy: BTreeMap::new(),
            reported: BTreeMap::new(),
            by_op: BTreeMap::new(),
            failures: Vec::new(),
            set_aside: BTreeSet::new(),
            is_terminal: std::io::stderr().is_terminal(),
            at_once: match context.device.gpus().len() {
                0 => f64::from(cores()),
                gpus => gpus as f64,
            },
        })
    }

    /// Ends the journal.
    pub fn finish(mut self, outcome: Outcome) -> Result<Summary, Stop> {
        self.remark();
        // What was broken off has shown how fast it is.
        let broken_off = std::mem::take(&mut self.busy);
        broken_off.values().for_each(|busy| self.remember(busy, None));
        self.total.finish_and_clear();
        let seconds = self.started.elapsed().as_secs_f64();
        let outcome = match outcome {
            Outcome::Done => "done",
            Outcome::Failed => "failed",
            Outcome::Interrupted => "interrupted",
        };
        self.write(&[JournalRow::RunFinished { outcome: outcome.into(), seconds }]);
        if let Some(cause) = self.error {
            return Err(error("failed to write the journal", &cause));
        }
        let count = |state: &str| self.reported.values().filter(|reported| **reported == state).count();
        let failures = self.failures.iter().map(|(id, failure)| format!("error: node `{id}`: {failure}\n"));
        Ok(Summary {
            ran: count("ran"),
            cached: count("cached"),
            seconds,
            failures: failures.collect(),
            stopped: broken_off.into_keys().map(|id| id.to_string()).collect(),
            set_aside: self.set_aside,
            by_op: self.by_op,
        })
    }

    fn write(&mut self, rows: &[JournalRow]) {
        if let Err(cause) = self.journal.write(rows) {
            self.error.get_or_insert(cause);
        }
    }

    /// Writes rows for nodes that were done before anything ran, and estimates how much is left.
    fn walked(&mut self, walk: &Walk<'_>, changed: &[NodeIndex]) {
        let (nodes, states) = (walk.graph().nodes(), walk.states());
        let has_result = |node: &Node| !matches!(node.work, Work::Grow(_));
        let new = nodes.values().skip(self.known.0).filter(|node| has_result(node)).count();
        self.known = (nodes.len(), self.known.1 + new);
        let mut rows = Vec::new();
        for at in changed {
            let node = &nodes[*at];
            match &states[*at] {
                State::Skipped if has_result(node) => self.known.1 -= 1,
                State::Done { record: Some(record), ran: false } if !self.reported.contains_key(&node.id) => {
                    self.reported.insert(node.id.clone(), "cached");
                    self.by_op.entry(node.op.clone()).or_default().1 += 1;
                    let parts = walk.parts(*at).unwrap_or_default();
                    rows.push(JournalRow::Node(node_row(node, "cached", Some(record), parts)));
                }
                State::Ready { .. } => {
                    let signature = self.signatures.of(walk, *at);
                    self.signature_of.extend(signature.map(|signature| (node.id.clone(), signature)));
                }
                _ => {}
            }
        }
        self.write(&rows);
        self.total.set_length(self.known.1 as u64);
        self.total.set_position(self.reported.len() as u64);
        self.estimate(walk);
    }

    /// Estimates how long the rest takes, unless that was done a moment ago: it looks at all nodes.
    fn estimate(&mut self, walk: &Walk<'_>) {
        if self.estimated.is_some_and(|estimated| estimated.elapsed() < ESTIMATE_INTERVAL) {
            return;
        }
        let estimates = Estimates::new(walk, &self.last, &self.timings, &self.signatures);
        if self.estimated.is_none()
            && let Some(expected) = estimates.expected().filter(|expected| expected.trainings > 0)
        {
            say!("{}", expected.line());
        }
        let is_left = |state: &State| {
            matches!(state, State::Ready { .. } | State::Running { .. } | State::Waiting { .. })
        };
        let left = walk.states().iter().filter(|(_, state)| is_left(state));
        let left: f64 = left.filter_map(|(at, _)| estimates.seconds(at)).sum();
        if left > 1.0 {
            let left = Duration::from_secs_f64(left / self.at_once);
            self.total.set_message(format!("about {} left", indicatif::HumanDuration(left)));
        }
        self.estimated = Some(Instant::now());
    }

    fn finished(&mut self, node: &Node, record: &Record, ran: bool, parts: &[KeyPart]) {
        let state = if ran { "ran" } else { "cached" };
        self.reported.insert(node.id.clone(), state);
        let op = self.by_op.entry(node.op.clone()).or_default();
        if ran {
            op.0 += 1;
            op.2 += record.seconds;
        } else {
            op.1 += 1;
        }
        let (done, total) = (self.reported.len(), self.total.length().unwrap_or(0));
        self.line(&format!("[{done}/{total}] {} {state} in {:.2} s", node.id, record.seconds));
        self.write(&[JournalRow::Node(node_row(node, state, Some(record), parts.to_vec()))]);
        if let Some(busy) = self.clear(&node.id).filter(|_| ran) {
            self.remember(&busy, Some(record));
        }
        self.total.set_position(done as u64);
    }

    /// Says, once, what should be known of the recordings before anything is trained on them.
    fn remark(&mut self) {
        let remarks = self.unremarked.take().map(remarks).unwrap_or_default();
        remarks.iter().for_each(|remark| self.warn(remark));
    }

    fn line(&self, line: &str) {
        if self.is_terminal {
            return;
        }
        say!("{line}");
    }

    fn warn(&self, text: &str) {
        self.say(&format!("warning: {text}"));
    }

    /// Says what a person must know, above the bars where there are any.
    fn say(&self, text: &str) {
        match self.bars.is_hidden() {
            true => say!("{text}"),
            // Not by `suspend`, which panics where the terminal is gone.
            false => _ = self.bars.println(printable(text)),
        }
    }

    /// Takes a node from those that are busy.
    fn clear(&mut self, id: &NodeId) -> Option<Busy> {
        let busy = self.busy.remove(id)?;
        if let Some(bar) = &busy.bar {
            bar.finish_and_clear();
            self.bars.remove(bar);
        }
        Some(busy)
    }

    fn remember(&mut self, busy: &Busy, record: Option<&Record>) {
        if let Some(signature) = self.signature_of.get(&busy.node.id) {
            self.timings.remember(&busy.node, *signature, &busy.watch, record);
        }
    }

    fn progress(&mut self, node: &Node, done: u64, total: u64, note: &str) {
        let Some(busy) = self.busy.get_mut(&node.id) else { return };
        busy.watch.note(Instant::now(), done);
        if self.is_terminal {
            let bar = busy.bar.get_or_insert_with(|| {
                let bar = self.bars.add(ProgressBar::new(total));
                if let Ok(style) = ProgressStyle::with_template("  {prefix} {bar:20} {pos}/{len} {msg}") {
                    bar.set_style(style);
                }
                bar.set_prefix(node.id.to_string());
                bar
            });
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(printable(note).into_owned());
        } else if busy.reported.elapsed() > REPORT_INTERVAL {
            busy.reported = Instant::now();
            say!("{}: {done}/{total} {note}", node.id);
        }
    }
}

impl Observer for ProgressReporter<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Walked { walk, changed } => self.walked(walk, changed),
            Event::Grown(id) => self.write(&[JournalRow::Grown { id: id.to_string() }]),
            Event::Started { node, gpu } => {
                if node.place == Place::Worker {
                    self.remark();
                }
                let (bar, reported, watch) = (None, Instant::now(), Watch::default());
                self.busy.insert(node.id.clone(), Busy { node: node.clone(), bar, reported, watch });
                let gpu = gpu.map(|gpu| gpu.name.clone());
                self.write(&[JournalRow::Started { id: node.id.to_string(), gpu }]);
            }
            Event::GpuSetAside { gpu: Gpu { name, visible, .. }, node, failure } => {
                self.clear(&node.id);
                self.set_aside.insert(name.clone());
                let id = &node.id;
                self.warn(&format!(
                    "{name} (CUDA_VISIBLE_DEVICES={visible}) failed and is set aside; {id} runs on another GPU: {failure}"
                ));
                self.write(&[JournalRow::GpuSetAside {
                    gpu: name.clone(),
                    visible: visible.clone(),
                    id: id.to_string(),
                    failure: failure.to_string(),
                }]);
            }
            Event::Retried { node, failure, attempt } => {
                self.clear(&node.id);
                let (id, retries) = (&node.id, node.resources.retries);
                self.warn(&format!(
                    "{id} failed and is tried again ({attempt} of {retries} retries): {failure}"
                ));
                let (id, failure) = (id.to_string(), failure.to_string());
                self.write(&[JournalRow::Retried { id, attempt, failure }]);
            }
            Event::GpuUsedAgain(Gpu { name, .. }) => {
                self.set_aside.remove(name);
                self.warn(&format!("{name} is used again: what failed on it failed on another GPU, too"));
                self.write(&[JournalRow::GpuUsedAgain { gpu: name.clone() }]);
            }
            Event::Waits(node) => {
                self.say(&format!("{}: another run computes it; waiting for its result", node.id));
            }
            Event::Progress { node, done, total, note } => self.progress(node, done, total, note),
            Event::Finished { node, record, ran, parts } => self.finished(node, record, ran, parts),
            Event::Failed { node, failure, parts } => {
                self.clear(&node.id);
                self.line(&format!("{} failed: {failure}", node.id));
                self.reported.insert(node.id.clone(), "failed");
                let mut row = node_row(node, "failed", None, parts.to_vec());
                row.failure = Some(failure.to_string());
                self.write(&[JournalRow::Node(row)]);
                self.failures.push((node.id.clone(), failure.clone()));
            }
        }
    }

    fn measured_memory(&self, node: &Node) -> Option<u64> {
        self.timings.memory_mib(*self.signature_of.get(&node.id)?)
    }
}

fn node_row(node: &Node, state: &str, record: Option<&Record>, parts: Vec<KeyPart>) -> NodeRow {
    NodeRow {
        id: node.id.to_string(),
        op: node.op.clone(),
        state: state.to_owned(),
        key: match record {
            Some(record) => Some(record.key),
            None => (!parts.is_empty()).then(|| affekt_graph::Key::of(&parts)),
        },
        seconds: record.map(|record| record.seconds),
        parts,
        outputs: record.map(|record| record.outputs.clone()).unwrap_or_default(),
        failure: None,
    }
}

/// An observer that only remembers failures.
#[derive(Default)]
pub struct FailureCollector {
    failures: Vec<String>,
}

impl FailureCollector {
    /// The failures, a line each.
    pub fn text(&self) -> String {
        self.failures.join("\n")
    }
}

impl Observer for FailureCollector {
    fn event(&mut self, event: Event<'_>) {
        if let Event::Failed { node, failure, .. } = event {
            self.failures.push(format!("error: node `{}`: {failure}", node.id));
        }
    }
}

/// Shows on a terminal how far files on their way have come.
pub struct MovingBar(ProgressBar);

impl MovingBar {
    /// Shows nothing yet.
    pub fn new() -> Self {
        let bar = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}  {msg}  {eta}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Shows so much.
    pub fn show(&self, progress: affekt_remote::Progress) {
        self.0.set_length(progress.of_bytes);
        self.0.set_position(progress.bytes);
        self.0.set_message(format!("{}/{} files", progress.files, progress.of_files));
    }

    /// Clears the line.
    pub fn finish(self) {
        self.0.finish_and_clear();
    }
}
