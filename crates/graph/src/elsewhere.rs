//! Running a graph by jobs of a batch system: whoever runs this only resolves, hands out and waits.
//!
//! # Approach
//! As in [`crate::run`] one thread owns the [`Walk`]. Nodes are handed out in groups as soon as it is known which nodes they read
//! from (`walk/groups.rs`), also before those have results: a job resolves the graph itself, and finds by then what it needs. A
//! result comes from the store alone. What is told of a job only says when to look there, so that it makes no difference whether
//! this process was there when the job ended.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use affekt_domain::Digest;

use crate::graph::GraphError;
use crate::index::NodeIndex;
use crate::key::Key;
use crate::node::Node;
use crate::ops::Failure;
use crate::run::{Event, Observer, Outcome, tell_changes};
use crate::walk::{Group, Grouping, State, Walk};

/// How long a result that a job is said to have filed may take to be seen: file systems of clusters tell late.
const SEEN_WITHIN: Duration = Duration::from_secs(60);

/// Jobs that run groups of nodes.
pub trait Elsewhere {
    /// Hands out these groups, or those of them that can be. Groups come before those that need them.
    ///
    /// # Errors
    /// When no job can be begun.
    fn hand_out(&mut self, groups: &[Group], walk: &Walk<'_>) -> Result<(), Failure>;

    /// Returns whether a node of this id is handed out, and its job not over.
    fn has(&self, id: &str) -> bool;

    /// Returns whether nothing is handed out.
    fn is_idle(&self) -> bool;

    /// Returns how many shards in a row make a group.
    fn shards_per_job(&self) -> u64;

    /// Returns whether a node is so little work that whoever needs it computes it.
    fn is_light(&self, node: &Node) -> bool;

    /// Waits a moment, and returns what has happened. Fails where the batch system can no longer be asked.
    ///
    /// # Errors
    /// When nothing can be known of the jobs any more.
    fn wait(&mut self, interrupted: &AtomicBool) -> Result<Vec<JobsEvent>, Failure>;
}

/// What happened to a node in a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobsEvent {
    /// It has begun.
    Started {
        /// Its id.
        id: String,
    },
    /// It has its result, which is in the store.
    Done {
        /// Its id.
        id: String,
        /// The key of the result.
        key: Key,
        /// The fingerprint of what it reads outside the graph, of a source.
        fingerprint: Option<Digest>,
        /// Whether the job computed it.
        ran: bool,
    },
    /// It failed, and is not tried again.
    Failed {
        /// Its id.
        id: String,
        /// Why.
        failure: Failure,
    },
    /// A job is over, whatever came of it: those of its nodes that have no result can be handed out again.
    Over,
}

/// A result that a job is said to have filed.
struct Told {
    key: Key,
    fingerprint: Option<Digest>,
    ran: bool,
    when: Instant,
}

/// Runs a graph to its end by jobs. Interrupted, it leaves them to themselves.
///
/// # Errors
/// When a growing node yields what does not fit the graph.
pub fn run_elsewhere(
    walk: &mut Walk<'_>,
    jobs: &mut dyn Elsewhere,
    keep_going: bool,
    interrupted: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<Outcome, GraphError> {
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    let mut failures: BTreeMap<String, Failure> = BTreeMap::new();
    let mut taken_in = HashSet::new();
    let mut has_failed = false;
    let mut is_new = true;
    loop {
        walk.advance()?;
        let changed = walk.take_changed();
        for at in changed.iter().filter(|at| !taken_in.contains(*at)) {
            finished(walk, *at, jobs, &mut told, observer);
        }
        has_failed |= tell_changes(walk, &changed, observer);
        if fail(walk, &mut failures) {
            continue;
        }
        let stop = interrupted.load(Ordering::Relaxed) || has_failed && !keep_going;
        if !stop && (is_new || !changed.is_empty()) {
            is_new = false;
            let groups = {
                let nodes = walk.graph().nodes();
                let is_taken = |at: NodeIndex| {
                    let id = nodes[at].id.as_str();
                    jobs.has(id) || told.contains_key(id) || failures.contains_key(id)
                };
                let is_light = |node: &Node| jobs.is_light(node);
                let shards = jobs.shards_per_job();
                let grouping = Grouping { is_taken: &is_taken, is_light: &is_light, shards };
                let groups = walk.groups(&grouping);
                // What was left to others that failed since.
                match groups.is_empty() && jobs.is_idle() && told.is_empty() {
                    true => walk.groups(&Grouping { is_light: &|_| false, ..grouping }),
                    false => groups,
                }
            };
            if !groups.is_empty()
                && let Err(failure) = jobs.hand_out(&groups, walk)
            {
                has_failed = true;
                for at in groups.iter().flat_map(|group| group.nodes.clone()) {
                    if matches!(walk.states()[at], State::Ready { .. }) {
                        walk.fail(at, failure.clone());
                        break;
                    }
                }
                continue;
            }
        }
        if interrupted.load(Ordering::Relaxed) {
            return Ok(Outcome::Interrupted);
        }
        if jobs.is_idle() && told.is_empty() {
            if failures.is_empty() || stop {
                break;
            }
            // What they needed is not what it was when they failed.
            failures.clear();
            is_new = true;
            continue;
        }
        let events = match jobs.wait(interrupted) {
            Ok(events) => events,
            Err(failure) => {
                let open = walk.states().iter().find(|(_, state)| matches!(state, State::Ready { .. }));
                let Some(at) = open.map(|(at, _)| at) else { break };
                walk.fail(at, failure);
                has_failed = true;
                continue;
            }
        };
        for event in events {
            match event {
                JobsEvent::Started { id } => {
                    if let Some(at) = walk.graph().find(&id) {
                        observer.event(Event::Started { node: &walk.graph().nodes()[at], gpu: None });
                    }
                }
                JobsEvent::Done { id, key, fingerprint, ran } => {
                    told.insert(id, Told { key, fingerprint, ran, when: Instant::now() });
                }
                JobsEvent::Failed { id, failure } => {
                    failures.insert(id, failure);
                }
                JobsEvent::Over => is_new = true,
            }
        }
        take_in(walk, &mut told, &mut taken_in, &mut is_new, observer);
    }
    let whole = walk.states().values().all(|state| matches!(state, State::Done { .. } | State::Skipped));
    Ok(if whole { Outcome::Done } else { Outcome::Failed })
}

/// Takes note of nodes that failed, as far as what they need has come; whether there was any.
fn fail(walk: &mut Walk<'_>, failures: &mut BTreeMap<String, Failure>) -> bool {
    let found = failures.keys().filter_map(|id| Some((id.clone(), walk.graph().find(id)?)));
    let settled: Vec<_> =
        found.filter(|(_, at)| !matches!(walk.states()[*at], State::Waiting { .. })).collect();
    let mut is_any = false;
    for (id, at) in settled {
        let failure = failures.remove(&id);
        if let (State::Ready { .. }, Some(failure)) = (&walk.states()[at], failure) {
            walk.fail(at, failure);
            is_any = true;
        }
    }
    is_any
}

/// Tells of a node whose result was found in the store when the walk came to it, and that a job has made.
fn finished(
    walk: &Walk<'_>,
    at: NodeIndex,
    jobs: &dyn Elsewhere,
    told: &mut BTreeMap<String, Told>,
    observer: &mut dyn Observer,
) {
    let node = &walk.graph().nodes()[at];
    let State::Done { record: Some(record), ran: false } = &walk.states()[at] else { return };
    let told = told.remove(node.id.as_str());
    let ran = told.map_or_else(|| jobs.has(node.id.as_str()), |told| told.ran);
    if ran {
        let parts = walk.parts(at).unwrap_or_default();
        observer.event(Event::Finished { node, record, ran, parts: &parts });
    }
}

/// Takes in the results that jobs are said to have filed, as far as they are seen.
fn take_in(
    walk: &mut Walk<'_>,
    told: &mut BTreeMap<String, Told>,
    taken_in: &mut HashSet<NodeIndex>,
    is_new: &mut bool,
    observer: &mut dyn Observer,
) {
    let ids: Vec<String> = told.keys().cloned().collect();
    for id in ids {
        let found = walk.graph().find(&id).map(|at| (at, walk.states()[at].clone()));
        let Told { key, fingerprint, ran, when } = &told[&id];
        let (fingerprint, ran) = (*fingerprint, *ran);
        match found {
            Some((at, State::Ready { key: expected, .. })) => {
                let is_it = expected.is_none_or(|expected| expected == *key);
                let record =
                    if is_it { walk.store().result_of(&walk.graph().nodes()[at], *key) } else { None };
                match record {
                    Some(record) => {
                        walk.finish(at, record.clone(), ran, fingerprint);
                        taken_in.insert(at);
                        let parts = walk.parts(at).unwrap_or_default();
                        let node = &walk.graph().nodes()[at];
                        observer.event(Event::Finished { node, record: &record, ran, parts: &parts });
                    }
                    None if is_it && when.elapsed() < SEEN_WITHIN => continue,
                    // It was computed for another key, or is gone again: it is to be handed out anew.
                    None => *is_new = true,
                }
            }
            // Its turn comes when what it reads has come.
            Some((_, State::Waiting { .. })) if when.elapsed() < SEEN_WITHIN => continue,
            _ => {}
        }
        told.remove(&id);
    }
}
