//! The workers of a run: started when needed, used again, replaced after a failure.
//!
//! # Approach
//! A job is sent, and its worker is heard until it says how the job ended. Whatever else happens has an end, too: every wait is
//! short, and after each it is looked whether the run was interrupted and whether the worker was silent for too long. A worker
//! that breaks the protocol, whichever way, is killed with all that it started, and its job fails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::gpus::Gpu;
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

/// How long a worker may be silent before it is taken for hung and killed.
#[derive(Debug, Clone, Copy)]
pub struct WorkerTimeouts {
    /// After it was started.
    pub hello: Duration,
    /// While it has a job.
    pub progress: Duration,
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
    /// When the job fails, or its worker or GPU does; or the run is interrupted.
    pub fn run(
        &self,
        job: &Job,
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
        loop {
            // Before each frame: they may come faster than any wait for them ends.
            if context.cancelled() {
                return Err(Failure::Cancelled);
            }
            match worker.hear(TICK) {
                Ok(Some(Reply::Progress { done, total, note })) => {
                    heard = Instant::now();
                    context.progress(done, total, &note);
                }
                Ok(Some(Reply::Done(Measured { provenance: of_job, memory_mib }))) => {
                    let mut provenance = worker.hello().provenance.clone();
                    provenance.extend(of_job);
                    worker.end_log();
                    lock(&self.idle).push(worker);
                    return Ok(Ran { provenance, memory_mib, took: started.elapsed() });
                }
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
