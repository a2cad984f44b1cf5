//! The workers of a run: started when needed, used again, replaced after a failure.
//!
//! # Approach
//! A job is sent, and its worker is heard until it says how the job ended. Whatever else happens has an end, too: every wait is
//! short, and after each it is looked whether the run was interrupted and whether the worker was silent for too long. A worker
//! that breaks the protocol, whichever way, is killed with all that it started, and its job fails. Where the run is interrupted a
//! worker is asked to stop, which it does at its next checkpoint; it is killed where that takes too long.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::gpus::Gpu;
use crate::memory::occupied_mib;
use crate::node::Resources;
use crate::ops::{Context, Failure, Job};
use crate::protocol::{Measured, Reply, Request};
use crate::worker_log::lock;
use crate::worker_process::{Gone, TICK, Worker};

/// How to start a worker.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// The binary.
    pub program: PathBuf,
    /// Its environment, beside the runner's.
    pub env: Vec<(String, String)>,
}

/// How long a worker may take before it is taken for hung and killed.
#[derive(Debug, Clone, Copy)]
pub struct WorkerTimeouts {
    /// After it was started.
    pub hello: Duration,
    /// While it has a job.
    pub progress: Duration,
    /// While it has a job that it was asked to stop.
    pub stop: Duration,
}

/// What a job may take. The runner watches, at every tick.
#[derive(Debug, Clone, Copy, Default)]
pub struct JobLimits {
    /// How long, from when a worker has it. Then it is asked to stop, so that another attempt goes on from there.
    pub timeout: Option<Duration>,
    /// MiB of memory, without mapped files. Then its worker is killed.
    pub memory_mib: Option<u64>,
}

impl From<Resources> for JobLimits {
    fn from(resources: Resources) -> Self {
        let Resources { timeout_s, memory_mib, .. } = resources;
        Self {
            timeout: (timeout_s > 0).then(|| Duration::from_secs(timeout_s.into())),
            memory_mib: (memory_mib > 0).then_some(memory_mib),
        }
    }
}

/// What came of a job that a worker did.
#[derive(Debug)]
pub struct Ran {
    /// On what it was computed, and how.
    pub provenance: BTreeMap<String, String>,
    /// How much memory of its device it needed at most, in MiB.
    pub memory_mib: Option<u64>,
    /// How long it took from when the worker had it.
    pub took: Duration,
}

/// The workers of a run.
pub struct Pool<'a> {
    command: &'a (dyn Fn() -> Result<WorkerCommand, String> + Sync),
    timeouts: WorkerTimeouts,
    idle: Mutex<Vec<Worker>>,
}

impl<'a> Pool<'a> {
    /// Makes a pool of workers that `command` starts when there is the first job for them.
    pub fn new(
        command: &'a (dyn Fn() -> Result<WorkerCommand, String> + Sync),
        timeouts: WorkerTimeouts,
    ) -> Self {
        Self { command, timeouts, idle: Mutex::default() }
    }

    /// Runs a job in a worker that sees this GPU alone, or none. The first job also waits until there is a worker.
    ///
    /// # Errors
    /// When the job fails, or its worker or GPU does, or it takes more than it may; or the run is interrupted.
    pub fn run(
        &self,
        job: &Job,
        limits: JobLimits,
        log: &Path,
        gpu: Option<&Gpu>,
        context: &mut dyn Context,
    ) -> Result<Ran, Failure> {
        let mut worker = match self.idle(gpu) {
            Some(worker) => worker,
            None => self.start(gpu, context)?,
        };
        worker.log_to(log);
        worker.check_version(job)?;
        worker.send(&Request::Run(Box::new(job.clone())))?;
        let started = Instant::now();
        let mut heard = started;
        let mut looked = started;
        let mut asked_to_stop: Option<Instant> = None;
        let is_late = || limits.timeout.filter(|timeout| started.elapsed() > *timeout);
        let stopped = |is_cancelled: bool| match is_late() {
            Some(timeout) if !is_cancelled => too_long(timeout),
            _ => Failure::Cancelled,
        };
        loop {
            // Before each frame: they may come faster than any wait for them ends.
            match asked_to_stop {
                None if context.cancelled() || is_late().is_some() => {
                    worker.send(&Request::Stop)?;
                    asked_to_stop = Some(Instant::now());
                }
                Some(asked) if asked.elapsed() > self.timeouts.stop || worker.is_suspended() => {
                    return Err(stopped(context.cancelled()));
                }
                _ => {}
            }
            if let Some(allowed) = limits.memory_mib.filter(|_| looked.elapsed() >= TICK) {
                looked = Instant::now();
                if let Some(taken) = occupied_mib(worker.pid()).filter(|taken| *taken > allowed) {
                    return Err(worker.fail(Gone::TooLarge { taken, allowed }));
                }
            }
            match worker.hear(TICK) {
                Ok(Some(Reply::Progress { done, total, note })) => {
                    heard = Instant::now();
                    context.progress(done, total, &note);
                }
                Ok(Some(Reply::Done(Measured { provenance: of_job, memory_mib }))) => {
                    let mut provenance = worker.hello().provenance.clone();
                    provenance.extend(of_job);
                    if let Some(allowed) = limits.memory_mib {
                        provenance
                            .insert("memory limit".into(), format!("{allowed} MiB, watched by the runner"));
                    }
                    worker.end_log();
                    lock(&self.idle).push(worker);
                    return Ok(Ran { provenance, memory_mib, took: started.elapsed() });
                }
                Ok(Some(Reply::Failed(Failure::Cancelled))) => return Err(stopped(context.cancelled())),
                Ok(Some(Reply::Failed(failure))) => return Err(failure),
                Ok(Some(Reply::Hello(_))) => return Err(worker.fail(Gone::Unexpected("hello"))),
                Ok(None) if heard.elapsed() > self.timeouts.progress => {
                    return Err(worker.fail(Gone::Silent(self.timeouts.progress)));
                }
                Ok(None) => {}
                Err(gone) => return Err(worker.fail(gone)),
            }
        }
    }

    /// Takes a worker that waits for a job and sees this GPU, or none. One that ended meanwhile, or speaks without being asked, is
    /// not used again.
    fn idle(&self, gpu: Option<&Gpu>) -> Option<Worker> {
        let mut idle = lock(&self.idle);
        while let Some(at) = idle.iter().position(|worker| worker.gpu() == gpu) {
            let worker = idle.swap_remove(at);
            if worker.is_quiet() {
                return Some(worker);
            }
        }
        None
    }

    fn start(&self, gpu: Option<&Gpu>, context: &dyn Context) -> Result<Worker, Failure> {
        let command = (self.command)().map_err(|message| Failure::Failed { message })?;
        Worker::start(&command, gpu, self.timeouts.hello, &|| context.cancelled())
    }
}

fn too_long(timeout: Duration) -> Failure {
    let seconds = timeout.as_secs();
    let message = format!(
        "not done within {seconds} s, as `resources.timeout_s` asks; the worker was stopped. What has a checkpoint goes on from there: run again, or \
         raise `timeout_s` or `retries`"
    );
    Failure::Crashed { message }
}
