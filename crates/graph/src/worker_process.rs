//! A worker's process: started, spoken to, heard, and ended with all that it started itself.
//!
//! Threads of their own write to it and read from it, so that whoever waits for it can wait for as long as he likes and no
//! longer: a worker may take no job, send half a frame, or close a pipe and live on.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded, unbounded};

use crate::gpus::Gpu;
use crate::memory::kills_for_memory;
use crate::ops::{Failure, Job};
use crate::pool::WorkerCommand;
use crate::protocol::{Hello, PROTOCOL, Reply, Request, frame, receive};
use crate::worker_log::{WorkerLog, follow, lock};

/// How often a waiting runner looks whether it should stop.
pub const TICK: Duration = Duration::from_millis(50);

/// How long a worker that closed a pipe has to end by itself, and what it said to arrive, before it is killed.
const END_WITHIN: Duration = Duration::from_secs(2);

/// How many frames wait to be heard, before the worker must wait.
const UNHEARD: usize = 64;

/// What helps where memory ran out.
const NEEDS_LESS: &str = "try a smaller batch, fewer nodes at one time (`--jobs`), or say what the node needs (`resources.memory_mib`), so that \
                          it is not started beside others that leave too little";

/// The variable that says which GPUs a process sees.
const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// A worker that is there and has said hello.
pub struct Worker {
    process: Process,
    requests: Sender<Vec<u8>>,
    heard: Receiver<Heard>,
    log: Arc<Mutex<WorkerLog>>,
    log_path: Option<PathBuf>,
    /// Disconnected once all of its standard error is in the log.
    all_said: Receiver<()>,
    hello: Hello,
    /// The GPU that it sees.
    gpu: Option<Gpu>,
    /// How many processes the kernel had killed for want of memory when its job began.
    kills_for_memory: u64,
}

/// What the threads bring that attend to a worker's pipes.
enum Heard {
    Reply(Reply),
    NoFrame(io::Error),
    /// Its output is at its end.
    Closed,
    /// Its input is.
    TakesNothing,
}

/// Why a worker is of no more use.
#[derive(Debug)]
pub enum Gone {
    /// It closed its output.
    OutputClosed,
    /// It closed its input.
    InputClosed,
    /// It sent what is no frame.
    NoFrame(io::Error),
    /// It sent a frame out of turn.
    Unexpected(&'static str),
    /// It said nothing for so long after it was started.
    NoHello(Duration),
    /// It reported no progress for so long.
    Silent(Duration),
    /// It took more memory than its job may, in MiB.
    TooLarge {
        /// How much.
        taken: u64,
        /// Of how much.
        allowed: u64,
    },
}

impl Worker {
    /// Starts a worker that sees this GPU alone, or none, and waits until it says hello.
    ///
    /// # Errors
    /// When it does not start, or say hello in time, or the wait is cancelled.
    pub fn start(
        command: &WorkerCommand,
        gpu: Option<&Gpu>,
        hello_within: Duration,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Self, Failure> {
        let mut worker = Self::spawn(command, gpu)?;
        let started = Instant::now();
        loop {
            if is_cancelled() {
                return Err(Failure::Cancelled);
            }
            let gone = match worker.hear(TICK) {
                Ok(Some(Reply::Hello(hello))) if hello.protocol == PROTOCOL => {
                    worker.hello = hello;
                    return Ok(worker);
                }
                Ok(Some(Reply::Hello(hello))) => {
                    return Err(failed(&format!(
                        "protocol error: the worker has version {}, the runner {PROTOCOL}; build both from one source",
                        hello.protocol
                    )));
                }
                Ok(Some(_)) => Gone::Unexpected("other than hello"),
                Ok(None) if started.elapsed() > hello_within => Gone::NoHello(hello_within),
                Ok(None) => continue,
                Err(gone) => gone,
            };
            let has_gpu = worker.gpu.is_some();
            return Err(match worker.fail(gone) {
                Failure::Crashed { message } if has_gpu => Failure::Device { message },
                failure => failure,
            });
        }
    }

    fn spawn(command: &WorkerCommand, gpu: Option<&Gpu>) -> Result<Self, Failure> {
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
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let process = Process { child, is_over: false };
        let (Some(mut stdin), Some(mut stdout), Some(stderr)) = pipes else {
            return Err(failed("the worker has no pipes"));
        };
        // Where memory runs out, a worker should go rather than the runner or the user's other programs.
        let _ = fs::write(format!("/proc/{}/oom_score_adj", process.child.id()), "500");
        let (sender, heard) = bounded(UNHEARD);
        let (requests, frames) = unbounded::<Vec<u8>>();
        let deaf = sender.clone();
        in_background(move || {
            for frame in frames {
                if stdin.write_all(&frame).and_then(|()| stdin.flush()).is_err() {
                    let _ = deaf.send(Heard::TakesNothing);
                    return;
                }
            }
        })?;
        in_background(move || {
            loop {
                let heard = match receive::<Reply>(&mut stdout) {
                    Ok(Some(reply)) => Heard::Reply(reply),
                    Ok(None) => break,
                    // It ended in the middle of a frame.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                    Err(error) => Heard::NoFrame(error),
                };
                let is_last = matches!(heard, Heard::NoFrame(_));
                if sender.send(heard).is_err() || is_last {
                    return;
                }
            }
            let _ = sender.send(Heard::Closed);
        })?;
        let log = Arc::new(Mutex::new(WorkerLog::default()));
        let (saying, all_said) = bounded(0);
        let sink = Arc::clone(&log);
        in_background(move || {
            follow(stderr, &sink);
            drop(saying);
        })?;
        let hello = Hello { protocol: 0, ops: BTreeMap::new(), provenance: BTreeMap::new() };
        let gpu = gpu.cloned();
        let kills_for_memory = kills_for_memory();
        Ok(Self { process, requests, heard, log, log_path: None, all_said, hello, gpu, kills_for_memory })
    }

    /// Returns what it said it is.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Returns the number of its process.
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// Returns whether somebody holds its process (SIGSTOP, a debugger): it does nothing that it is asked for.
    pub fn is_suspended(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        // The name before may hold anything.
        let state = stat.rsplit_once(") ").and_then(|(_, fields)| fields.chars().next());
        matches!(state, Some('T' | 't'))
    }

    /// Returns the GPU that it sees.
    pub fn gpu(&self) -> Option<&Gpu> {
        self.gpu.as_ref()
    }

    /// Keeps what it says from now on in this file.
    pub fn log_to(&mut self, path: &Path) {
        self.kills_for_memory = kills_for_memory();
        lock(&self.log).begin(path);
        self.log_path = Some(path.to_owned());
    }

    /// Ends the log of a job: what it says before the next belongs to that.
    pub fn end_log(&mut self) {
        *lock(&self.log) = WorkerLog::default();
        self.log_path = None;
    }

    /// Returns whether it said nothing since it was last heard, and is there.
    pub fn is_quiet(&self) -> bool {
        matches!(self.heard.try_recv(), Err(TryRecvError::Empty))
    }

    /// Checks that it runs the op of a job in the version that the job asks for.
    ///
    /// # Errors
    /// When it does not.
    pub fn check_version(&self, job: &Job) -> Result<(), Failure> {
        match self.hello.ops.get(&job.op) {
            Some(version) if *version == job.version => Ok(()),
            found => Err(failed(&format!(
                "the worker has op `{}` in version {found:?}, the plan asks for {}; build both from one source",
                job.op, job.version
            ))),
        }
    }

    /// Sends a request, without waiting until it is taken.
    ///
    /// # Errors
    /// When it is too long for a frame.
    pub fn send(&self, request: &Request) -> Result<(), Failure> {
        let frame = frame(request).map_err(|error| failed(&format!("failed to send a job: {error}")))?;
        // Where nobody takes it, that is heard.
        let _ = self.requests.send(frame);
        Ok(())
    }

    /// Waits for its next frame; `None` where none came within this time.
    ///
    /// # Errors
    /// When there will be no more.
    pub fn hear(&self, within: Duration) -> Result<Option<Reply>, Gone> {
        match self.heard.recv_timeout(within) {
            Ok(Heard::Reply(reply)) => Ok(Some(reply)),
            Ok(Heard::NoFrame(error)) => Err(Gone::NoFrame(error)),
            Ok(Heard::TakesNothing) => Err(Gone::InputClosed),
            Ok(Heard::Closed) | Err(RecvTimeoutError::Disconnected) => Err(Gone::OutputClosed),
            Err(RecvTimeoutError::Timeout) => Ok(None),
        }
    }

    /// Ends it, and says what is known of its end.
    pub fn fail(mut self, gone: Gone) -> Failure {
        let ended = match gone {
            // Most likely it ended, or is about to.
            Gone::OutputClosed | Gone::InputClosed => self.process.ends_within(END_WITHIN),
            _ => false,
        };
        let status = self.process.end();
        // What it started may hold the pipe, where it could not be killed.
        let _ = self.all_said.recv_timeout(END_WITHIN);
        let memory_ran_out = ended
            && status.is_some_and(|status| status.signal() == Some(libc::SIGKILL))
            && kills_for_memory() > self.kills_for_memory;
        let is_out_of_memory = memory_ran_out || matches!(gone, Gone::TooLarge { .. });
        let what = match gone {
            Gone::OutputClosed | Gone::InputClosed if memory_ran_out => {
                format!("memory ran out, and the system killed the worker; {NEEDS_LESS}")
            }
            Gone::TooLarge { taken, allowed } => {
                format!(
                    "the worker took {taken} MiB of memory, where `resources.memory_mib` allows {allowed} (mapped files not counted; watched by \
                     the runner), and was killed; {NEEDS_LESS}"
                )
            }
            Gone::OutputClosed | Gone::InputClosed if ended => {
                format!("the worker {}", status.map_or_else(|| "ended".into(), describe))
            }
            Gone::OutputClosed => "the worker closed its output, did not end and was killed".into(),
            Gone::InputClosed => "the worker closed its input, did not end and was killed".into(),
            Gone::NoFrame(error) => {
                format!("protocol error: the worker sent what is no frame ({error}) and was killed")
            }
            Gone::Unexpected(what) => {
                format!("protocol error: the worker sent a frame out of turn ({what}) and was killed")
            }
            Gone::NoHello(within) => {
                format!("the worker did not say hello within {} s and was killed", within.as_secs_f64())
            }
            Gone::Silent(within) => {
                format!("no progress for {} s; the worker was killed", within.as_secs_f64())
            }
        };
        let said = lock(&self.log).last_words();
        let log = self
            .log_path
            .as_ref()
            .map_or_else(String::new, |log| format!("\n  its log is {}", log.display()));
        let message = format!("{what}; {said}{log}");
        if is_out_of_memory { Failure::OutOfMemory { message } } else { Failure::Crashed { message } }
    }
}

/// A process that leads a group of its own. Dropped, all of the group are killed.
struct Process {
    child: Child,
    /// Whether it was waited for: its number may be another's by now.
    is_over: bool,
}

impl Process {
    /// Waits for its end for as long as this, and returns whether it came. Its number is not free before [`Process::end`].
    fn ends_within(&self, within: Duration) -> bool {
        let started = Instant::now();
        while !self.has_ended() {
            if started.elapsed() > within {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    fn has_ended(&self) -> bool {
        // SAFETY: all zeros is a valid value of this plain structure.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: a plain system call on a child that has not been waited for, which fills the structure.
        let asked = unsafe { libc::waitid(libc::P_PID, self.child.id(), &raw mut info, options) };
        // SAFETY: filled by the call, or zeros.
        asked != 0 || unsafe { info.si_pid() } != 0
    }

    /// Kills it and all that it started in its group, and returns how it ended: as it would have, where it had ended before.
    fn end(&mut self) -> Option<ExitStatus> {
        if self.is_over {
            return None;
        }
        if let Ok(group) = libc::pid_t::try_from(self.child.id()) {
            // SAFETY: a signal to the group of a child that has not been waited for, so that the number is still its own.
            unsafe { libc::kill(-group, libc::SIGKILL) };
        }
        // A process that the kernel cannot kill, for its disk does not answer, is left behind.
        self.is_over = true;
        self.ends_within(END_WITHIN).then(|| self.child.wait().ok()).flatten()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
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

/// Does this on a thread of its own. Fails where the system gives none.
fn in_background(work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    thread::Builder::new().spawn(work).map(drop).map_err(|error| Failure::no_thread(&error))
}

fn failed(message: &str) -> Failure {
    Failure::Failed { message: message.to_owned() }
}
