//! Worker processes: started when needed, used again, replaced after a failure.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};

use crate::gpus::Gpu;
use crate::ops::{Context, Failure, Job};
use crate::protocol::{Hello, Measured, PROTOCOL, Reply, Request, receive, send};

/// How often a waiting runner looks whether it should stop.
const TICK: Duration = Duration::from_millis(50);
/// A worker that has not said hello by then never will.
const HELLO_WITHIN: Duration = Duration::from_secs(120);
/// How much of what a worker last said is quoted when it dies.
const LAST_LINES: usize = 8;

/// How to start a worker.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// The binary.
    pub program: PathBuf,
    /// Its environment, beside the runner's.
    pub env: Vec<(String, String)>,
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
    silence: Duration,
    idle: Mutex<Vec<Worker>>,
}

/// The variable that says which GPUs a process sees.
const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

impl<'a> Pool<'a> {
    /// Makes a pool of workers that `command` starts when there is the first job for them. One that reports no progress for
    /// `silence` is taken for hung and killed.
    pub fn new(command: &'a (dyn Fn() -> Result<WorkerCommand, String> + Sync), silence: Duration) -> Self {
        Self { command, silence, idle: Mutex::default() }
    }

    /// Runs a job in a worker that sees this GPU alone, or none. The first job also waits until there is a worker.
    ///
    /// # Errors
    /// When the job fails, or its worker or GPU does.
    pub fn run(
        &self,
        job: &Job,
        log: &Path,
        gpu: Option<&Gpu>,
        context: &mut dyn Context,
    ) -> Result<Ran, Failure> {
        let mut worker = match self.idle(gpu) {
            Some(worker) => worker,
            None => self.start(gpu)?,
        };
        *lock(&worker.log) = Log::to(log);
        worker.check_version(job)?;
        if send(&mut worker.stdin, &Request::Run(Box::new(job.clone()))).is_err() {
            return Err(worker.post_mortem(Some(log)));
        }
        let started = Instant::now();
        let mut heard = started;
        loop {
            match worker.replies.recv_timeout(TICK) {
                Ok(Reply::Progress { done, total, note }) => {
                    heard = Instant::now();
                    context.progress(done, total, &note);
                }
                Ok(Reply::Done(Measured { provenance: of_job, memory_mib })) => {
                    let mut provenance = worker.hello.provenance.clone();
                    provenance.extend(of_job);
                    lock(&self.idle).push(worker);
                    return Ok(Ran { provenance, memory_mib, took: started.elapsed() });
                }
                Ok(Reply::Failed(failure)) => return Err(failure),
                Ok(Reply::Hello(_)) => {
                    return Err(crashed("protocol error: unexpected `Hello` from the worker"));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(worker.post_mortem(Some(log))),
                Err(RecvTimeoutError::Timeout) if context.cancelled() => return Err(Failure::Cancelled),
                Err(RecvTimeoutError::Timeout) if heard.elapsed() > self.silence => {
                    let seconds = self.silence.as_secs();
                    return Err(crashed(&format!("no progress for {seconds} s; the worker was killed")));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Takes a worker that waits and sees this GPU, or none.
    fn idle(&self, gpu: Option<&Gpu>) -> Option<Worker> {
        let mut idle = lock(&self.idle);
        let at = idle.iter().position(|worker| worker.gpu.as_ref() == gpu)?;
        Some(idle.swap_remove(at))
    }

    fn start(&self, gpu: Option<&Gpu>) -> Result<Worker, Failure> {
        let command = (self.command)().map_err(|message| Failure::Failed { message })?;
        let mut child = Command::new(&command.program)
            .envs(command.env.iter().map(|(name, value)| (name, value)))
            .env(VISIBLE, gpu.map_or("", |gpu| gpu.visible.as_str()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C on the terminal is for the runner, which then ends its workers.
            .process_group(0)
            .spawn()
            .map_err(|error| failed(&format!("failed to start {}: {error}", command.program.display())))?;
        let (Some(stdin), Some(mut stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed("the worker has no pipes"));
        };
        // Where memory runs out, a worker should go rather than the runner or the user's other programs.
        let _ = fs::write(format!("/proc/{}/oom_score_adj", child.id()), "500");
        let (sender, replies) = unbounded();
        std::thread::spawn(move || {
            while let Ok(Some(reply)) = receive::<Reply>(&mut stdout) {
                if sender.send(reply).is_err() {
                    break;
                }
            }
        });
        let log = Arc::new(Mutex::new(Log::default()));
        let sink = Arc::clone(&log);
        let stderr = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lock(&sink).line(line);
            }
        });
        let none = Hello { protocol: 0, ops: BTreeMap::new(), provenance: BTreeMap::new() };
        let gpu = gpu.cloned();
        let mut worker = Worker { child, stdin, replies, log, stderr: Some(stderr), hello: none, gpu };
        worker.hello = match worker.replies.recv_timeout(HELLO_WITHIN) {
            Ok(Reply::Hello(hello)) if hello.protocol == PROTOCOL => hello,
            Ok(Reply::Hello(hello)) => {
                return Err(failed(&format!(
                    "protocol error: the worker has version {}, the runner {PROTOCOL}; build both from one source",
                    hello.protocol
                )));
            }
            _ => {
                // It may be there, and silent.
                let _ = worker.child.kill();
                let has_gpu = worker.gpu.is_some();
                return Err(match worker.post_mortem(None) {
                    Failure::Crashed { message } if has_gpu => Failure::Device { message },
                    failure => failure,
                });
            }
        };
        Ok(worker)
    }
}

struct Worker {
    child: Child,
    stdin: ChildStdin,
    replies: Receiver<Reply>,
    log: Arc<Mutex<Log>>,
    stderr: Option<JoinHandle<()>>,
    hello: Hello,
    /// The GPU that it sees.
    gpu: Option<Gpu>,
}

impl Worker {
    fn check_version(&self, job: &Job) -> Result<(), Failure> {
        match self.hello.ops.get(&job.op) {
            Some(version) if *version == job.version => Ok(()),
            found => Err(failed(&format!(
                "the worker has op `{}` in version {found:?}, the plan asks for {}; build both from one source",
                job.op, job.version
            ))),
        }
    }

    /// What is known of a worker that stopped answering.
    fn post_mortem(mut self, log: Option<&Path>) -> Failure {
        let status = self.child.wait().map_or_else(|error| error.to_string(), describe);
        if let Some(stderr) = self.stderr.take() {
            let _ = stderr.join();
        }
        let last = lock(&self.log).last.iter().cloned().collect::<Vec<_>>().join("\n  ");
        let last = if last.is_empty() { "it said nothing".to_owned() } else { format!("it said:\n  {last}") };
        let log = log.map_or_else(String::new, |log| format!("\n  its log is {}", log.display()));
        crashed(&format!("the worker {status}; {last}{log}"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a worker's standard error goes: the log of the node it runs.
#[derive(Default)]
struct Log {
    file: Option<File>,
    last: VecDeque<String>,
}

impl Log {
    fn to(path: &Path) -> Self {
        let file = path.parent().and_then(|folder| fs::create_dir_all(folder).ok());
        Self { file: file.and_then(|()| File::create(path).ok()), last: VecDeque::new() }
    }

    fn line(&mut self, line: String) {
        if let Some(file) = &mut self.file {
            let _ = writeln!(file, "{line}");
        }
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(libc::SIGKILL), _) => "was killed (signal 9; if nobody did, memory ran out)".into(),
        (Some(signal), _) => format!("was ended by signal {signal}"),
        (None, Some(code)) => format!("ended with exit code {code}"),
        (None, None) => "ended".into(),
    }
}

fn failed(message: &str) -> Failure {
    Failure::Failed { message: message.to_owned() }
}

fn crashed(message: &str) -> Failure {
    Failure::Crashed { message: message.to_owned() }
}

/// A poisoned lock only means that some thread panicked between two whole statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
