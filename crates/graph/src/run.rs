//! Running what is not stored.
//!
//! # Approach
//! One thread owns the [`Walk`]. It resolves, hands every ready node that fits into the free resources to a
//! thread of its own, and waits for what they report; every report may make more nodes ready. The threads
//! run ops themselves or hand them on to a worker process, which where there are GPUs sees one of them (`gpus.rs`).
//! Nothing a node does can change what another computes: keys and objects are fixed before it starts.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use affekt_domain::Digest;
use crossbeam_channel::{Sender, unbounded};

use crate::gpus::{Gpu, Gpus, Verdict};
use crate::graph::GraphError;
use crate::id::NodeId;
use crate::index::NodeIndex;
use crate::key::{Key, KeyPart, parts};
use crate::node::{Node, Place, Resources, Work};
use crate::ops::{Context, Failure, Ops, Port, job};
use crate::pool::{Pool, Ran, WorkerCommand, WorkerTimeouts};
use crate::serve::panic_text;
use crate::store::{Record, Store};
use crate::walk::{State, Walk};

/// How often a node waiting for another run's lease asks again.
const LEASE_RETRY: Duration = Duration::from_millis(200);

/// How many reports may wait for the thread that owns the walk before progress is left out.
const UNREAD_REPORTS: usize = 1000;

/// How to run.
pub struct RunOptions<'a> {
    /// Processor cores that nodes may occupy at one time. Those on GPUs are not counted.
    pub cores: u32,
    /// Memory in MiB that nodes may occupy at one time; 0 sets no limit.
    pub memory_mib: u64,
    /// GPUs that nodes in workers are dealt out to. Where there are none they share the cores.
    pub gpus: &'a [Gpu],
    /// Whether nodes that do not depend on a failed one still start.
    pub keep_going: bool,
    /// How long a worker may be silent.
    pub timeouts: WorkerTimeouts,
    /// How to start a worker; asked when the first is needed.
    pub worker: &'a (dyn Fn() -> Result<WorkerCommand, String> + Sync),
    /// The folder for the logs of nodes that ran in workers.
    pub logs: PathBuf,
    /// What nodes in the runner run on; filed with their results.
    pub provenance: BTreeMap<String, String>,
}

/// What an observer is told of a run.
pub enum Event<'e> {
    /// The graph was resolved as far as the store reaches: at the start, and whenever a node has ended.
    Walked {
        /// The walk.
        walk: &'e Walk<'e>,
        /// The nodes whose state is new.
        changed: &'e [NodeIndex],
    },
    /// A node yielded more nodes.
    Grown(&'e NodeId),
    /// A node begins.
    Started {
        /// The node.
        node: &'e Node,
        /// The GPU that it runs on.
        gpu: Option<&'e Gpu>,
    },
    /// A GPU failed. Its node is tried on another, and none is started on it any more.
    GpuSetAside {
        /// The GPU.
        gpu: &'e Gpu,
        /// The node that failed on it.
        node: &'e Node,
        /// How.
        failure: &'e Failure,
    },
    /// A node took too much, or its worker died; it is tried again, as its `retries` say.
    Retried {
        /// The node.
        node: &'e Node,
        /// How it failed.
        failure: &'e Failure,
        /// The attempt that failed, from 1.
        attempt: u32,
    },
    /// Nodes are started on a GPU again: the node that failed on it failed on another, too.
    GpuUsedAgain(&'e Gpu),
    /// A node that began waits: another run computes the same.
    Waits(&'e Node),
    /// A node reports progress.
    Progress {
        /// The node.
        node: &'e Node,
        /// How many steps are done.
        done: u64,
        /// Of how many.
        total: u64,
        /// What is being done, for a person.
        note: &'e str,
    },
    /// A node has its result.
    Finished {
        /// The node.
        node: &'e Node,
        /// The result.
        record: &'e Record,
        /// Whether it was computed just now.
        ran: bool,
        /// What its key is made of.
        parts: &'e [KeyPart],
    },
    /// A node failed.
    Failed {
        /// The node.
        node: &'e Node,
        /// Why.
        failure: &'e Failure,
        /// What its key is made of, as far as that was known.
        parts: &'e [KeyPart],
    },
}

/// Observes a run.
pub trait Observer {
    /// Takes note of what happened.
    fn event(&mut self, event: Event<'_>);

    /// Returns how much memory comparable nodes needed of the device that they run on, in MiB, where that was measured.
    fn measured_memory(&self, _node: &Node) -> Option<u64> {
        None
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every node asked for has its result.
    Done,
    /// Some have not.
    Failed,
    /// It was interrupted. What was finished is stored, what was not resumes.
    Interrupted,
}

/// Runs a graph to its end.
///
/// # Errors
/// When a growing node yields what does not fit the graph.
pub fn run<'a>(
    walk: &mut Walk<'a>,
    ops: &'a dyn Ops,
    options: &RunOptions<'_>,
    interrupted: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<Outcome, GraphError> {
    let pool = Pool::new(options.worker, options.timeouts);
    let (reports, inbox) = unbounded();
    let mut running: BTreeMap<NodeIndex, Occupied> = BTreeMap::new();
    let mut gpus = Gpus::new(options.gpus, options.cores);
    let mut has_failed = false;
    let mut attempts = Attempts::default();
    let abandoned = AtomicBool::new(false);

    thread::scope(|scope| {
        // However this ends, by an error or a panic of the observer's: nothing is waited for any longer than it takes to stop it.
        let _abandon = Abandon(&abandoned);
        loop {
            walk.advance()?;
            let changed = walk.take_changed();
            has_failed |= tell_changes(walk, &changed, observer);

            let stop = interrupted.load(Ordering::Relaxed) || has_failed && !options.keep_going;
            while !stop && let Some(next) = next(walk, &running, &gpus, options, &attempts, observer) {
                let Next { at, inputs, gpu, need_mib, occupied } = next;
                let node = walk.graph().nodes()[at].clone();
                walk.start(at);
                running.insert(at, occupied);
                let gpu = gpu.map(|gpu| {
                    gpus.take(gpu, at, need_mib);
                    gpus.get(gpu)
                });
                observer.event(Event::Started { node: &node, gpu });
                let (store, pool, sender, abandoned) = (walk.store(), &pool, reports.clone(), &abandoned);
                let body = move || {
                    let mut context = Reporter { at, reports: &sender, interrupted, abandoned };
                    let task = Task { node: &node, inputs, gpu, store, ops, pool, options };
                    let result = task.execute(&mut context);
                    let _ = sender.send(Report::Ended { at, result });
                };
                if let Err(error) = thread::Builder::new().spawn_scoped(scope, body) {
                    let result = Err(Failure::no_thread(&error));
                    let _ = reports.send(Report::Ended { at, result });
                }
            }
            if running.is_empty() {
                break;
            }

            let (at, result) = loop {
                match inbox.recv() {
                    Ok(Report::Progress { at, done, total, note }) => {
                        let node = &walk.graph().nodes()[at];
                        observer.event(Event::Progress { node, done, total, note: &note });
                    }
                    Ok(Report::Waits { at }) => observer.event(Event::Waits(&walk.graph().nodes()[at])),
                    Ok(Report::Ended { at, result }) => break (at, result),
                    // Cannot be: this thread holds a sender itself.
                    Err(_) => return Ok(Outcome::Interrupted),
                }
            };
            running.remove(&at);
            let gpu = gpus.release(at);
            match result {
                Ok(Ended { record, ran, fingerprint, parts }) => {
                    let node = &walk.graph().nodes()[at];
                    observer.event(Event::Finished { node, record: &record, ran, parts: &parts });
                    walk.finish(at, record, ran, fingerprint);
                }
                // Somebody else asked its worker to stop: a batch system, which did not mean the run.
                Err(Failure::Cancelled) if !interrupted.load(Ordering::Relaxed) => {
                    walk.retry(at, "its worker was asked to stop");
                }
                Err(failure) => {
                    let verdict = gpu.map(|gpu| (gpu, gpus.judge(gpu, at, &failure)));
                    if let Some((gpu, Verdict::Elsewhere)) = verdict {
                        let node = &walk.graph().nodes()[at];
                        observer.event(Event::GpuSetAside { gpu: gpus.get(gpu), node, failure: &failure });
                        walk.retry(at, "the GPU that it ran on failed");
                        continue;
                    }
                    if let Some((_, Verdict::NodeFailed { used_again })) = verdict {
                        used_again
                            .into_iter()
                            .for_each(|gpu| observer.event(Event::GpuUsedAgain(gpus.get(gpu))));
                    }
                    let node = &walk.graph().nodes()[at];
                    if attempts.allow_another(at, node, &failure) {
                        observer.event(Event::Retried { node, failure: &failure, attempt: attempts.of(at) });
                        walk.retry(at, "an attempt failed");
                    } else {
                        walk.fail(at, failure);
                    }
                }
            }
        }
        if interrupted.load(Ordering::Relaxed) {
            return Ok(Outcome::Interrupted);
        }
        let whole = walk.states().values().all(|state| matches!(state, State::Done { .. } | State::Skipped));
        Ok(if whole { Outcome::Done } else { Outcome::Failed })
    })
}

/// Tells of nodes whose state is new, and returns whether one of them failed.
pub(crate) fn tell_changes(walk: &Walk<'_>, changed: &[NodeIndex], observer: &mut dyn Observer) -> bool {
    for at in changed {
        let node = &walk.graph().nodes()[*at];
        if matches!((&node.work, &walk.states()[*at]), (Work::Grow(_), State::Done { .. })) {
            observer.event(Event::Grown(&node.id));
        }
    }
    let mut has_failed = false;
    // Also those that failed without having been started: a corpus that cannot be read at all.
    for at in changed {
        if let State::Failed { failure } = &walk.states()[*at]
            && !matches!(failure, Failure::Above { .. } | Failure::Cancelled)
        {
            has_failed = true;
            let parts = walk.parts(*at).unwrap_or_default();
            observer.event(Event::Failed { node: &walk.graph().nodes()[*at], failure, parts: &parts });
        }
    }
    observer.event(Event::Walked { walk, changed });
    has_failed
}

/// What a running node occupies.
struct Occupied {
    resources: Resources,
    /// What it asks for, or what was measured where that is more; 0 where neither is known.
    memory_mib: u64,
    on_gpu: bool,
    /// Whether nothing runs beside it.
    is_alone: bool,
}

impl Occupied {
    /// Cores, of which those are not counted that wait for a GPU.
    fn cores(&self) -> u64 {
        if self.on_gpu { 0 } else { self.resources.cpu.into() }
    }
}

/// A node to start.
struct Next {
    at: NodeIndex,
    inputs: Vec<Port>,
    /// The position of the GPU that it is to run on.
    gpu: Option<usize>,
    /// How much of that GPU's memory comparable nodes needed.
    need_mib: Option<u64>,
    occupied: Occupied,
}

/// How often nodes have failed in a way that another attempt may mend.
#[derive(Default)]
struct Attempts {
    failed: BTreeMap<NodeIndex, u32>,
    /// Those that memory ran out for: they are tried again alone.
    out_of_memory: BTreeSet<NodeIndex>,
}

impl Attempts {
    /// Takes note of a failure, and returns whether the node is tried again: where its worker died or it took too long, as often as it asks.
    fn allow_another(&mut self, at: NodeIndex, node: &Node, failure: &Failure) -> bool {
        match failure {
            Failure::OutOfMemory { .. } => _ = self.out_of_memory.insert(at),
            Failure::Crashed { .. } if node.place == Place::Worker => {}
            _ => return false,
        }
        let failed = self.failed.entry(at).or_default();
        *failed += 1;
        *failed <= node.resources.retries
    }

    /// Returns how many attempts at a node have failed.
    fn of(&self, at: NodeIndex) -> u32 {
        self.failed.get(&at).copied().unwrap_or(0)
    }
}

/// The first node that is ready, whose inputs are there and which fits beside those running.
fn next(
    walk: &Walk<'_>,
    running: &BTreeMap<NodeIndex, Occupied>,
    gpus: &Gpus<'_>,
    options: &RunOptions<'_>,
    attempts: &Attempts,
    observer: &dyn Observer,
) -> Option<Next> {
    let wants_gpu = |at: NodeIndex| !gpus.is_empty() && walk.graph().nodes()[at].place == Place::Worker;
    let need = |at: NodeIndex| observer.measured_memory(&walk.graph().nodes()[at]);
    let occupied = |at: NodeIndex| {
        let Resources { memory_mib, .. } = walk.graph().nodes()[at].resources;
        let on_gpu = wants_gpu(at);
        let measured = need(at).filter(|_| !on_gpu).unwrap_or(0);
        Occupied {
            resources: walk.graph().nodes()[at].resources,
            memory_mib: memory_mib.max(measured),
            on_gpu,
            is_alone: attempts.out_of_memory.contains(&at),
        }
    };
    let at = walk.next_runnable(|at| {
        let asked = occupied(at);
        fits(&asked, running, options) && (!asked.on_gpu || gpus.find(at, need(at)).is_some())
    })?;
    let need_mib = need(at);
    let gpu = if wants_gpu(at) { gpus.find(at, need_mib) } else { None };
    Some(Next { at, inputs: walk.ports(at)?, gpu, need_mib, occupied: occupied(at) })
}

/// A node that asks for more than there is runs alone.
fn fits(asked: &Occupied, running: &BTreeMap<NodeIndex, Occupied>, options: &RunOptions<'_>) -> bool {
    let sum = |of: fn(&Occupied) -> u64| of(asked) + running.values().map(of).sum::<u64>();
    let is_alone = asked.is_alone || running.values().any(|it| it.is_alone);
    running.is_empty()
        || !is_alone
            && sum(Occupied::cores) <= options.cores.into()
            && (options.memory_mib == 0 || sum(|it| it.memory_mib) <= options.memory_mib)
}

struct Task<'t> {
    node: &'t Node,
    inputs: Vec<Port>,
    gpu: Option<&'t Gpu>,
    store: &'t Store,
    ops: &'t dyn Ops,
    pool: &'t Pool<'t>,
    options: &'t RunOptions<'t>,
}

struct Ended {
    record: Record,
    ran: bool,
    fingerprint: Option<Digest>,
    parts: Vec<KeyPart>,
}

impl Task<'_> {
    fn execute(self, context: &mut Reporter<'_>) -> Result<Ended, Failure> {
        let (parts, fingerprint) = self.settle_parts(context)?;
        let key = Key::of(&parts);
        if let Some(record) = self.usable(key) {
            return Ok(Ended { record, ran: false, fingerprint, parts });
        }
        let mut is_waiting = false;
        let lease = loop {
            if context.cancelled() {
                return Err(Failure::Cancelled);
            }
            if let Some(lease) = self.store.lease(key)? {
                break lease;
            }
            if !std::mem::replace(&mut is_waiting, true) {
                context.waits();
            }
            thread::sleep(LEASE_RETRY);
        };
        // Another run may have finished it while we waited.
        if let Some(record) = self.usable(key) {
            lease.finish();
            return Ok(Ended { record, ran: false, fingerprint, parts });
        }

        let inputs = self.inputs.iter().flat_map(|port| &port.items);
        self.store.ask_for_objects(&inputs.map(|item| item.digest).collect::<Vec<_>>());
        let scratch = self.store.scratch()?;
        let job = job(self.node, self.inputs.clone(), scratch.path(), Some(lease.state()));
        let Ran { provenance, memory_mib, took } = match self.node.place {
            Place::Runner => {
                let started = Instant::now();
                let ran = catch_unwind(AssertUnwindSafe(|| self.ops.run(&job, context)));
                ran.map_err(|panic| Failure::Crashed { message: panic_text(&*panic) })??;
                let provenance = self.options.provenance.clone();
                Ran { provenance, memory_mib: None, took: started.elapsed() }
            }
            Place::Worker => {
                let log = self.options.logs.join(format!("{}.log", self.node.id.as_str().replace('/', "_")));
                self.pool.run(&job, self.node.resources.into(), &log, self.gpu, context)?
            }
        };
        let mut outputs = Vec::with_capacity(self.node.outputs.len());
        for name in &self.node.outputs {
            outputs.push(self.store.adopt(name, job.output(name)?)?);
        }
        let record = self.store.publish(Record {
            version: Record::VERSION,
            key,
            op: self.node.op.clone(),
            outputs,
            seconds: took.as_secs_f64(),
            reproducible: self.node.reproducible,
            memory_mib,
            provenance,
        })?;
        lease.finish();
        Ok(Ended { record, ran: true, fingerprint, parts })
    }

    /// Finds what its key is made of; for a source this may mean reading everything first.
    fn settle_parts(&self, context: &mut Reporter<'_>) -> Result<(Vec<KeyPart>, Option<Digest>), Failure> {
        let fingerprint = match self.node.work {
            Work::Source => self.ops.fingerprint(self.node, true, context)?,
            _ => None,
        };
        let inputs: Vec<Vec<Digest>> =
            self.inputs.iter().map(|port| port.items.iter().map(|item| item.digest).collect()).collect();
        Ok((parts(self.node, &inputs, fingerprint), fingerprint))
    }

    fn usable(&self, key: Key) -> Option<Record> {
        self.store.ask_for_results(&[key]);
        let record = self.store.result_of(self.node, key)?;
        let digests: Vec<Digest> = record.outputs.iter().map(|output| output.digest).collect();
        self.store.can_have(&digests).into_iter().all(|is_there| is_there).then_some(record)
    }
}

enum Report {
    Waits { at: NodeIndex },
    Progress { at: NodeIndex, done: u64, total: u64, note: String },
    Ended { at: NodeIndex, result: Result<Ended, Failure> },
}

struct Reporter<'r> {
    at: NodeIndex,
    reports: &'r Sender<Report>,
    interrupted: &'r AtomicBool,
    abandoned: &'r AtomicBool,
}

/// Set once nobody waits any more for the nodes that run.
struct Abandon<'r>(&'r AtomicBool);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Reporter<'_> {
    fn waits(&self) {
        let _ = self.reports.send(Report::Waits { at: self.at });
    }
}

impl Context for Reporter<'_> {
    fn progress(&mut self, done: u64, total: u64, note: &str) {
        // Progress that nobody has had time for is made good by the next.
        if self.reports.len() > UNREAD_REPORTS {
            return;
        }
        let _ = self.reports.send(Report::Progress { at: self.at, done, total, note: note.to_owned() });
    }

    fn cancelled(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || self.abandoned.load(Ordering::Relaxed)
    }
}
