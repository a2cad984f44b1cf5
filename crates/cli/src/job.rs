//! `job`: what a batch system runs of an experiment. It resolves the same graph as the runner, against the same store, runs what
//! it was given and what that still lacks, and files the results.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use affekt_domain::Digest;
use affekt_graph::{
    Context, Event, Failure, Job, KeyPart, Node, NodeIndex, Observer, Ops, Outcome, Record, RunOptions,
    State, Walk, WorkerCommand,
};
use affekt_runner::RunnerOps;

use crate::context::{ExperimentArguments, ExperimentContext};
use crate::executor::batch::{Batch, DoneNode, End, Status, read, write};
use crate::exit::{Exit, Stop, error};
use crate::out::say;
use crate::run::{TIMEOUTS, memory_mib, provenance};
use crate::{interrupt, worker};

/// How often a job shows that it lives.
const BEAT: Duration = Duration::from_secs(5);
/// How often it is looked whether the time is up.
const TICK: Duration = Duration::from_millis(200);

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder of a batch of jobs, in the store
    batch: PathBuf,
    /// Which of its jobs
    task: usize,
}

/// Runs a job.
pub fn job(arguments: &Arguments) -> Result<Exit, Stop> {
    let folder = &arguments.batch;
    let wrong = |why: &str| Stop::wrong(format!("error: {} {why}", folder.display()));
    let batch: Batch = read(&folder.join(Batch::FILE)).ok_or_else(|| wrong("is no batch of jobs"))?;
    if batch.version != Batch::VERSION {
        return Err(wrong("was made by another version of this program"));
    }
    let nodes = batch.tasks.get(arguments.task).ok_or_else(|| wrong("has no such job"))?;
    let interrupted = interrupt::listen()?;
    interrupt::listen_for_time_limit();
    let status = StatusFile::begin(&Batch::status_path(folder, arguments.task))?;
    std::env::set_current_dir(&batch.folder)
        .map_err(|cause| error(&format!("failed to enter {}", batch.folder.display()), &cause))?;

    let over = Arc::new(AtomicBool::new(false));
    let beating = beat(&status, &interrupted, &over);
    let ended = compute(folder, &batch, nodes, &interrupted, &status);
    over.store(true, Ordering::Relaxed);
    let _ = beating.join();
    if let Err(stop) = &ended {
        let failure = Failure::Failed { message: stop.as_str().to_owned() };
        status.change(|status| status.failed.extend(nodes.iter().map(|id| (id.clone(), failure.clone()))));
    }
    let end = match ended {
        Ok(Outcome::Done) => End::Done,
        Ok(Outcome::Interrupted) => End::Stopped,
        Ok(Outcome::Failed) | Err(_) => End::Failed,
    };
    status.change(|status| status.end = Some(end));
    status.write()?;
    match ended? {
        Outcome::Done => Ok(Exit::Done),
        Outcome::Failed => Ok(Exit::Failed),
        Outcome::Interrupted => {
            say!("stopped; what is finished is stored, what is not goes on where it was");
            if interrupt::is_time_up()
                && let Some(requeue) = &batch.requeue
            {
                let asked = Command::new("sh").args(["-c", requeue]).status();
                if !asked.is_ok_and(|status| status.success()) {
                    say!("warning: `{requeue}` failed; the runner begins the job again");
                }
            }
            Ok(Exit::Interrupted)
        }
    }
}

fn compute(
    folder: &Path,
    batch: &Batch,
    nodes: &[String],
    interrupted: &AtomicBool,
    status: &StatusFile,
) -> Result<Outcome, Stop> {
    let jobs = folder.parent().unwrap_or(folder);
    let store = jobs.parent().and_then(Path::parent).unwrap_or(jobs);
    let context = ExperimentContext::open(&ExperimentArguments {
        file: jobs.join("plan").join("resolved.yaml"),
        settings: Vec::new(),
        data: batch.data.clone(),
        cache: Some(store.to_owned()),
        runs: batch.logs.clone(),
        partial: batch.partial,
        device: batch.device.clone(),
        paranoid: batch.paranoid,
        files_elsewhere: false,
    })?;
    let ops = KnownSources { ops: &context.ops, known: &batch.fingerprints };
    let graph = context.experiment.graph.clone();
    let mut walk = Walk::new(graph, &context.store, &ops, None).limited_to(nodes.iter().cloned());
    let given = batch.worker.clone().map(|(program, env)| WorkerCommand { program, env });
    let needed = worker::when_needed();
    let worker = || given.clone().map_or_else(&needed, Ok);
    let options = RunOptions {
        cores: batch.cpus,
        memory_mib: memory_mib(),
        gpus: context.device.gpus(),
        // What the failed node is needed for is no other job's.
        keep_going: true,
        timeouts: TIMEOUTS,
        worker: &worker,
        logs: batch.logs.clone(),
        provenance: provenance(),
    };
    let mut observer = JobObserver { status, nodes };
    let outcome = affekt_graph::run(&mut walk, &ops, &options, interrupted, &mut observer)?;
    Ok(outcome)
}

/// The runner's operations, where the fingerprints of some sources are known: whole corpora need not be looked through for them.
struct KnownSources<'k> {
    ops: &'k RunnerOps,
    known: &'k BTreeMap<String, Digest>,
}

impl Ops for KnownSources<'_> {
    fn fingerprint(
        &self,
        node: &Node,
        thorough: bool,
        context: &mut dyn Context,
    ) -> Result<Option<Digest>, Failure> {
        match self.known.get(node.id.as_str()).filter(|_| !thorough) {
            Some(known) => Ok(Some(*known)),
            None => self.ops.fingerprint(node, thorough, context),
        }
    }

    fn run(&self, job: &Job, context: &mut dyn Context) -> Result<(), Failure> {
        self.ops.run(job, context)
    }
}

/// What a job says of itself, written whenever it changes and every few seconds.
#[derive(Clone)]
struct StatusFile {
    path: PathBuf,
    status: Arc<Mutex<Status>>,
}

impl StatusFile {
    fn begin(path: &Path) -> Result<Self, Stop> {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
        let status = Status { host, beat: 1, ..Status::default() };
        let file = Self { path: path.to_owned(), status: Arc::new(Mutex::new(status)) };
        file.write()?;
        Ok(file)
    }

    fn change(&self, change: impl FnOnce(&mut Status)) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut status);
        status.beat += 1;
    }

    fn write(&self) -> Result<(), Stop> {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        write(&self.path, &*status)
    }
}

/// Shows that the job lives, and has it stop when its time is up.
fn beat(
    status: &StatusFile,
    interrupted: &Arc<AtomicBool>,
    over: &Arc<AtomicBool>,
) -> thread::JoinHandle<()> {
    let (status, interrupted, over) = (status.clone(), Arc::clone(interrupted), Arc::clone(over));
    thread::spawn(move || {
        let mut beaten = Instant::now();
        while !over.load(Ordering::Relaxed) {
            if interrupt::is_time_up() {
                interrupted.store(true, Ordering::Relaxed);
            }
            if beaten.elapsed() >= BEAT {
                status.change(|_| {});
                // A disk that is full for a moment is no reason to end.
                let _ = status.write();
                beaten = Instant::now();
            }
            thread::sleep(TICK);
        }
    })
}

struct JobObserver<'j> {
    status: &'j StatusFile,
    /// What the job is to compute: it also tells where nothing was left to do.
    nodes: &'j [String],
}

impl JobObserver<'_> {
    fn change(&self, change: impl FnOnce(&mut Status)) {
        self.status.change(change);
        if let Err(stop) = self.status.write() {
            say!("warning: {}", stop.as_str());
        }
    }
}

impl Observer for JobObserver<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Walked { walk, changed } => {
                let is_asked_for = |at: &&NodeIndex| {
                    self.nodes.iter().any(|id| id == walk.graph().nodes()[**at].id.as_str())
                };
                let mut found = Vec::new();
                for at in changed.iter().filter(is_asked_for) {
                    if let State::Done { record: Some(record), ran: false } = &walk.states()[*at] {
                        let parts = walk.parts(*at).unwrap_or_default();
                        found.push(done(&walk.graph().nodes()[*at], record, &parts, false));
                    }
                }
                if !found.is_empty() {
                    self.change(|status| {
                        found.retain(|node| status.done.iter().all(|known| known.id != node.id));
                        status.done.extend(found);
                    });
                }
            }
            Event::Started { node, .. } => {
                say!("{} begins", node.id);
                self.change(|status| status.started.push(node.id.to_string()));
            }
            Event::Waits(node) => {
                say!("{}: another run computes it; waiting for its result", node.id);
            }
            Event::Finished { node, record, ran, parts } => {
                say!("{} {} in {:.2} s", node.id, if ran { "ran" } else { "cached" }, record.seconds);
                self.change(|status| status.done.push(done(node, record, parts, ran)));
            }
            Event::Failed { node, failure, .. } => {
                say!("{} failed: {failure}", node.id);
                self.change(|status| _ = status.failed.insert(node.id.to_string(), failure.clone()));
            }
            _ => {}
        }
    }
}

fn done(node: &Node, record: &Record, parts: &[KeyPart], ran: bool) -> DoneNode {
    let fingerprint =
        parts.iter().find(|part| part.name == "outside").and_then(|part| part.value.parse().ok());
    DoneNode { id: node.id.to_string(), key: record.key, fingerprint, ran }
}
