//! The jobs of a run: handed out, watched, and found again by a runner that was started anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use affekt_graph::{Elsewhere, Failure, Group, JobsEvent, Node, Place, State, Walk, Work, hash_bytes};
use affekt_ops::Grain;

use super::batch::{Batch, End, Status, read, write, write_text};
use super::profile::{Profile, System};
use super::script::{Asked, script};
use super::system::{BatchSystem, JobState};
use crate::context::{ExperimentArguments, ExperimentContext};
use crate::exit::{Stop, error};
use crate::out::say;
use crate::{libtorch, place, worker};

/// How often the jobs' own files are read.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether the run was interrupted.
const TICK: Duration = Duration::from_millis(100);
/// How long after it was handed out a job may be unknown to the batch system.
const KNOWN_WITHIN: Duration = Duration::from_secs(60);

/// The jobs of a run.
pub struct Jobs {
    profile: Profile,
    system: BatchSystem,
    /// The folder of this experiment's jobs in the store.
    root: PathBuf,
    /// What all batches of this run have in common.
    pattern: Batch,
    live: Vec<Live>,
    /// Where each node is that is handed out.
    taken: BTreeMap<String, (usize, usize)>,
    /// How often each node was handed out, and why it was the last time that its job left no result.
    attempts: BTreeMap<String, u32>,
    /// Memory for nodes whose jobs were killed for it.
    memory_mib: BTreeMap<String, u64>,
    /// What is to be told.
    events: Vec<JobsEvent>,
    looked: Instant,
    asked: Option<Instant>,
}

/// A batch that is not over.
struct Live {
    folder: PathBuf,
    batch: Batch,
    id: String,
    submitted: Instant,
    tasks: Vec<Task>,
    /// Whether some task of it left no result.
    has_failed: bool,
    /// The batches that it waits for.
    after: Vec<String>,
}

/// A job.
#[derive(Default)]
struct Task {
    is_over: bool,
    /// What it said of itself, as far as that was told on.
    told: Status,
}

impl Jobs {
    /// Opens the jobs of an experiment: those that an earlier runner handed out are found again.
    ///
    /// # Errors
    /// When the store cannot be written, or the batch system not be asked.
    pub fn open(
        profile: Profile,
        context: &ExperimentContext,
        arguments: &ExperimentArguments,
        logs: &Path,
    ) -> Result<Self, Stop> {
        let resolved = &context.experiment.resolved;
        let identity = format!("{resolved:?} {} {:?}", context.device.kind(), libtorch::version());
        let absolute = |path: &Path| {
            std::path::absolute(path)
                .map_err(|cause| error(&format!("failed to find {}", path.display()), &cause))
        };
        let store = absolute(context.store.root())?;
        let root = store.join("jobs").join(hash_bytes(identity.as_bytes()).short());
        let plan = root.join("plan");
        for (name, text) in &resolved.beside {
            write_text(&plan.join(name), text)?;
        }
        write_text(&plan.join("resolved.yaml"), &resolved.experiment)?;
        let logs = absolute(logs)?;
        fs::create_dir_all(&logs)
            .map_err(|cause| error(&format!("failed to make {}", logs.display()), &cause))?;
        let command = worker::command().ok();
        let requeue = match profile.kind {
            System::Slurm => Some("scontrol requeue \"$SLURM_JOB_ID\"".to_owned()),
            System::Command => None,
        };
        let pattern = Batch {
            version: Batch::VERSION,
            name: context.experiment.name.clone(),
            tasks: Vec::new(),
            attempts: BTreeMap::new(),
            device: context.device.kind().to_owned(),
            data: place::data(arguments.data.as_deref()).map(|data| absolute(&data)).transpose()?,
            folder: absolute(Path::new("."))?,
            fingerprints: BTreeMap::new(),
            worker: command.map(|command| (command.program, command.env)),
            logs,
            cpus: 1,
            memory_mib: profile.memory_mib,
            requeue,
            paranoid: arguments.paranoid,
            partial: arguments.partial,
            after: Vec::new(),
        };
        let system = BatchSystem::new(profile.clone());
        let mut jobs = Self {
            profile,
            system,
            root,
            pattern,
            live: Vec::new(),
            taken: BTreeMap::new(),
            attempts: BTreeMap::new(),
            memory_mib: BTreeMap::new(),
            events: Vec::new(),
            looked: Instant::now(),
            asked: None,
        };
        jobs.attach()?;
        Ok(jobs)
    }

    /// Finds the batches that an earlier runner handed out.
    fn attach(&mut self) -> Result<(), Stop> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        folders.sort();
        for folder in folders {
            let Some(batch) = read::<Batch>(&folder.join(Batch::FILE)) else { continue };
            if batch.version != Batch::VERSION {
                continue;
            }
            let is_over: Vec<bool> =
                (0..batch.tasks.len()).map(|task| Batch::over_path(&folder, task).exists()).collect();
            for (id, attempts) in &batch.attempts {
                let known = self.attempts.entry(id.clone()).or_default();
                *known = (*known).max(*attempts);
            }
            if is_over.iter().all(|is_over| *is_over) {
                continue;
            }
            let id = match Batch::submitted(&folder) {
                Some(id) => Some(id),
                // The runner ended between handing it out and taking note of that, or before.
                None => self.system.find(&batch.name)?,
            };
            let Some(id) = id else {
                let _ = fs::remove_dir_all(&folder);
                continue;
            };
            Batch::set_submitted(&folder, &id)?;
            self.watch(folder, batch, id, is_over);
        }
        if !self.live.is_empty() {
            let jobs: usize =
                self.live.iter().map(|live| live.tasks.iter().filter(|task| !task.is_over).count()).sum();
            say!("{jobs} jobs were handed out before; waiting for them");
        }
        Ok(())
    }

    fn watch(&mut self, folder: PathBuf, batch: Batch, id: String, is_over: Vec<bool>) {
        let number = self.live.len();
        for (task, nodes) in batch.tasks.iter().enumerate().filter(|(task, _)| !is_over[*task]) {
            self.taken.extend(nodes.iter().map(|id| (id.clone(), (number, task))));
        }
        let tasks = is_over.into_iter().map(|is_over| Task { is_over, ..Task::default() }).collect();
        let after = batch.after.clone();
        self.live.push(Live {
            folder,
            batch,
            id,
            submitted: Instant::now(),
            tasks,
            has_failed: false,
            after,
        });
    }

    /// Says how the jobs go on without the runner.
    pub fn leave(&self) {
        let ids: Vec<String> =
            self.live.iter().filter(|live| live.is_live()).map(|live| live.id.clone()).collect();
        if ids.is_empty() {
            return;
        }
        say!("jobs that were handed out go on; the same command attaches to them");
        self.system.how_to_cancel(&ids).iter().for_each(|command| say!("`{command}` ends them"));
    }

    /// Removes what was kept of the jobs: all of them are over, and their results are filed.
    pub fn finish(self) -> u64 {
        let _ = fs::remove_dir_all(&self.root);
        self.system.n_calls
    }

    /// Whether a batch may be handed out whose jobs need results of others that are not over.
    fn knows_after(&self) -> bool {
        self.profile.kind == System::Slurm || self.profile.after.is_some()
    }

    fn submit(
        &mut self,
        tasks: Vec<Vec<String>>,
        group: &Group,
        after: &[String],
        walk: &Walk<'_>,
    ) -> Result<(), Failure> {
        let is_worker = group.needs_worker;
        let mut batch = self.pattern.clone();
        batch.cpus = self.profile.cpus.unwrap_or(group.resources.cpu).max(1);
        batch.memory_mib = tasks
            .iter()
            .flatten()
            .filter_map(|id| self.memory_mib.get(id).copied())
            .chain(self.profile.memory_mib)
            .chain((group.resources.memory_mib > 0).then_some(group.resources.memory_mib))
            .max();
        for id in tasks.iter().flatten() {
            let attempts = self.attempts.entry(id.clone()).or_default();
            *attempts += 1;
            batch.attempts.insert(id.clone(), *attempts);
        }
        batch.fingerprints = fingerprints(walk);
        // Not what another batch was called, whatever of it was handed out before.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let text = format!("{tasks:?} {now}");
        let stem = hash_bytes(text.as_bytes()).short().to_string();
        batch.name = format!("affekt-{}-{stem}", self.pattern.name);
        batch.tasks = tasks;
        batch.after = after.to_vec();
        let folder = self.root.join(&stem);
        let program = std::env::current_exe()
            .map_err(|error| Failure::Failed { message: format!("failed to find this program: {error}") })?;
        let asked = Asked { gpu: is_worker && batch.device == "cuda" };
        let written = write_text(
            &folder.join(Batch::SCRIPT),
            &script(&self.profile, &batch, &folder, &program, &asked),
        )
        .and_then(|()| write(&folder.join(Batch::FILE), &batch));
        written.map_err(|stop| Failure::Failed { message: stop.text() })?;
        let log = batch.logs.join(format!("{}.log", batch.name));
        let id = self.system.submit(&folder.join(Batch::SCRIPT), &batch.name, &log, after)?;
        Batch::set_submitted(&folder, &id).map_err(|stop| Failure::Failed { message: stop.text() })?;
        let is_over = vec![false; batch.tasks.len()];
        self.watch(folder, batch, id, is_over);
        Ok(())
    }

    /// Reads what the jobs say of themselves.
    fn look(&mut self) {
        for number in 0..self.live.len() {
            for task in 0..self.live[number].tasks.len() {
                if self.live[number].tasks[task].is_over {
                    continue;
                }
                let path = Batch::status_path(&self.live[number].folder, task);
                let Some(status) = read::<Status>(&path) else { continue };
                self.tell(number, task, status);
            }
        }
    }

    /// Tells on what is new of a job.
    fn tell(&mut self, number: usize, task: usize, status: Status) {
        let told = std::mem::replace(&mut self.live[number].tasks[task].told, status.clone());
        let begun = status.started.iter().filter(|id| !told.started.contains(id));
        self.events.extend(begun.map(|id| JobsEvent::Started { id: id.clone() }));
        for node in status.done.iter().filter(|node| !told.done.contains(node)) {
            self.events.push(JobsEvent::Done {
                id: node.id.clone(),
                key: node.key,
                fingerprint: node.fingerprint,
                ran: node.ran,
            });
        }
        match status.end {
            Some(End::Done) => self.over(number, task, false),
            Some(End::Failed) => {
                for (id, failure) in status.failed {
                    if is_memory(&failure) {
                        self.raise_memory(number, &id);
                    } else if !matches!(failure, Failure::Above { .. } | Failure::Cancelled) {
                        self.events.push(JobsEvent::Failed { id, failure });
                    }
                }
                self.over(number, task, true);
            }
            // It is begun again by the batch system; where that says that it is over, by us.
            Some(End::Stopped) | None => {}
        }
    }

    /// Takes note that a job is over.
    fn over(&mut self, number: usize, task: usize, has_failed: bool) {
        let live = &mut self.live[number];
        live.tasks[task].is_over = true;
        live.has_failed |= has_failed;
        let _ = write_text(&Batch::over_path(&live.folder, task), "");
        for id in &live.batch.tasks[task] {
            if self.taken.get(id) == Some(&(number, task)) {
                self.taken.remove(id);
            }
        }
        self.events.push(JobsEvent::Over);
    }

    /// Asks for twice the memory, the next time that a node of a batch is handed out.
    fn raise_memory(&mut self, number: usize, id: &str) {
        let had = self.live[number].batch.memory_mib.unwrap_or(DEFAULT_MEMORY_MIB);
        self.memory_mib.insert(id.to_owned(), had * 2);
        say!("{id}: its job was killed for its memory, and is tried again with {} MiB", had * 2);
    }

    /// Asks the batch system what became of the jobs that do not say so themselves.
    fn ask(&mut self) -> Result<(), Failure> {
        let ids: Vec<String> =
            self.live.iter().filter(|live| live.is_live()).map(|live| live.id.clone()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let states = self.system.states(&ids)?;
        // What they said last, they may have said since it was looked.
        self.look();
        for number in 0..self.live.len() {
            for task in 0..self.live[number].tasks.len() {
                let live = &self.live[number];
                if live.tasks[task].is_over {
                    continue;
                }
                let id = match self.profile.kind {
                    System::Slurm => format!("{}_{task}", live.id),
                    System::Command => live.id.clone(),
                };
                let word = match states.get(&id) {
                    Some(JobState::Live) => continue,
                    Some(JobState::Over(word)) => word.clone(),
                    None if live.submitted.elapsed() < KNOWN_WITHIN && self.profile.kind == System::Slurm => {
                        continue;
                    }
                    None => "unknown to the batch system".to_owned(),
                };
                self.conclude(number, task, &word);
            }
        }
        Ok(())
    }

    /// Takes note of a job that is over without having said so.
    fn conclude(&mut self, number: usize, task: usize, word: &str) {
        let live = &self.live[number];
        let has_begun = live.tasks[task].told != Status::default();
        let name = live.batch.name.clone();
        let nodes = live.batch.tasks[task].clone();
        match word {
            "OUT_OF_MEMORY" => nodes.iter().for_each(|id| self.raise_memory(number, id)),
            // Slurm's end for a job that waits for another that failed. It is handed out again when that has been.
            "CANCELLED" if !has_begun && self.is_above_failed(number) => {
                for id in &nodes {
                    self.attempts
                        .entry(id.clone())
                        .and_modify(|attempts| *attempts = attempts.saturating_sub(1));
                }
            }
            "CANCELLED" => {
                let message = format!("its job {name} was cancelled");
                let failure = Failure::Failed { message };
                self.events
                    .extend(nodes.into_iter().map(|id| JobsEvent::Failed { id, failure: failure.clone() }));
            }
            _ => say!("{name}, job {task}: {word}; what it left undone is handed out again"),
        }
        self.over(number, task, true);
    }

    /// Whether a batch that this one waits for has left something undone.
    fn is_above_failed(&self, number: usize) -> bool {
        let after = &self.live[number].after;
        after.iter().any(|id| {
            self.live
                .iter()
                .any(|live| live.id == *id && (live.has_failed || self.is_above_failed_by_id(&live.after)))
        })
    }

    fn is_above_failed_by_id(&self, after: &[String]) -> bool {
        let of = |id: &String| self.live.iter().position(|live| live.id == *id);
        after.iter().filter_map(of).any(|number| self.live[number].has_failed || self.is_above_failed(number))
    }
}

/// What a job may have had that asked for no memory, in MiB.
const DEFAULT_MEMORY_MIB: u64 = 4096;

impl Live {
    fn is_live(&self) -> bool {
        self.tasks.iter().any(|task| !task.is_over)
    }
}

impl Elsewhere for Jobs {
    fn hand_out(&mut self, groups: &[Group], walk: &Walk<'_>) -> Result<(), Failure> {
        let id = |at| walk.graph().nodes()[at].id.as_str().to_owned();
        // Groups of one level that ask for the same are jobs of one array.
        let mut alike: BTreeMap<(usize, u32, u32, u64, bool), Vec<&Group>> = BTreeMap::new();
        for group in groups {
            let ids: Vec<String> = group.nodes.iter().map(|at| id(*at)).collect();
            let spent =
                ids.iter().find(|id| self.attempts.get(*id).is_some_and(|n| *n > self.profile.retries));
            if let Some(spent) = spent {
                let logs = self.pattern.logs.display();
                let message = format!(
                    "{} jobs ended without its result; their logs are in {logs}",
                    self.profile.retries + 1
                );
                self.events
                    .push(JobsEvent::Failed { id: spent.clone(), failure: Failure::Failed { message } });
                continue;
            }
            let raised = ids.iter().filter_map(|id| self.memory_mib.get(id).copied()).max().unwrap_or(0);
            let memory = group.resources.memory_mib.max(raised);
            let asked = (group.level, group.resources.cpu, group.resources.gpu, memory, group.needs_worker);
            alike.entry(asked).or_default().push(group);
        }
        let most = match self.profile.kind {
            System::Slurm => self.profile.array_limit as usize,
            System::Command => 1,
        };
        for alike in alike.into_values() {
            for groups in alike.chunks(most) {
                let mut after: BTreeSet<String> = BTreeSet::new();
                let mut waits = false;
                for at in groups.iter().flat_map(|group| &group.after) {
                    match self.taken.get(&id(*at)) {
                        Some((number, _)) => _ = after.insert(self.live[*number].id.clone()),
                        // What it needs could not be handed out itself.
                        None => waits = true,
                    }
                }
                if waits || !after.is_empty() && !self.knows_after() {
                    continue;
                }
                let tasks =
                    groups.iter().map(|group| group.nodes.iter().map(|at| id(*at)).collect()).collect();
                self.submit(tasks, groups[0], &after.into_iter().collect::<Vec<_>>(), walk)?;
            }
        }
        Ok(())
    }

    fn has(&self, id: &str) -> bool {
        self.taken.contains_key(id)
    }

    fn is_idle(&self) -> bool {
        self.taken.is_empty() && self.events.is_empty()
    }

    fn shards_per_job(&self) -> u64 {
        self.profile.shards_per_job
    }

    /// Steps of one node in the runner that read nothing outside the graph: tables, folds, figures.
    fn is_light(&self, node: &Node) -> bool {
        let is_whole = affekt_ops::find(&node.op).is_some_and(|definition| definition.grain == Grain::Whole);
        is_whole && node.place == Place::Runner && matches!(node.work, Work::Op)
    }

    fn wait(&mut self, interrupted: &AtomicBool) -> Result<Vec<JobsEvent>, Failure> {
        while self.events.is_empty() && !interrupted.load(Ordering::Relaxed) {
            if self.looked.elapsed() >= LOOK_EVERY {
                self.look();
                self.looked = Instant::now();
            }
            let every = Duration::from_secs(self.profile.poll_seconds.into());
            if self.events.is_empty() && self.asked.is_none_or(|asked| asked.elapsed() >= every) {
                // Not right after they were handed out: nothing is known of them yet.
                if self.asked.is_some() {
                    self.ask()?;
                }
                self.asked = Some(Instant::now());
            }
            if self.taken.is_empty() {
                break;
            }
            thread::sleep(TICK);
        }
        Ok(std::mem::take(&mut self.events))
    }
}

/// Whether a node failed for want of memory.
fn is_memory(failure: &Failure) -> bool {
    matches!(failure, Failure::OutOfMemory { .. })
}

/// The fingerprints of sources that have results, which jobs need not take again.
fn fingerprints(walk: &Walk<'_>) -> BTreeMap<String, affekt_domain::Digest> {
    let is_source = |node: &Node| matches!(node.work, Work::Source);
    let sources = walk.graph().nodes().iter().filter(|(_, node)| is_source(node));
    let done = sources.filter(|(at, _)| matches!(walk.states()[*at], State::Done { .. }));
    let outside = |at| {
        let parts = walk.parts(at)?;
        parts.iter().find(|part| part.name == "outside")?.value.parse().ok()
    };
    done.filter_map(|(at, node)| Some((node.id.to_string(), outside(at)?))).collect()
}
