//! The worker's side of the protocol.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_channel::unbounded;

use crate::ops::{Context, Failure, Ops};
use crate::protocol::{Hello, Measured, Reply, Request, receive, send};
use crate::stop::{ask_to_stop, is_asked_to_stop};

/// Runs the jobs that arrive on standard input until it ends, which ends the process.
///
/// # Errors
/// When nothing can be written to the runner.
pub fn serve(ops: &dyn Ops, hello: Hello) -> io::Result<()> {
    let mut replies = take_stdout()?;
    let (requests, inbox) = unbounded();
    std::thread::Builder::new().spawn(move || {
        let mut stdin = io::stdin().lock();
        while let Ok(Some(request)) = receive(&mut stdin) {
            match request {
                Request::Stop => ask_to_stop(),
                Request::Run(job) => {
                    if requests.send(job).is_err() {
                        break;
                    }
                }
            }
        }
        // The runner is gone (or does not speak our language): whatever is in progress is in vain, and its
        // resumable state is on disk.
        std::process::exit(0);
    })?;
    send(&mut replies, &Reply::Hello(hello))?;
    for job in inbox {
        let mut context = Wire { replies: &mut replies, measured: Measured::default() };
        let result = catch_unwind(AssertUnwindSafe(|| ops.run(&job, &mut context)));
        let reply = match result {
            Ok(Ok(())) => Reply::Done(context.measured),
            Ok(Err(failure)) => Reply::Failed(failure),
            Err(panic) => Reply::Failed(Failure::Crashed { message: panic_text(&*panic) }),
        };
        send(&mut replies, &reply)?;
    }
    Ok(())
}

/// Returns the message of a panic.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_else(|| "no message".into()))
}

struct Wire<'a> {
    replies: &'a mut File,
    measured: Measured,
}

impl Context for Wire<'_> {
    fn progress(&mut self, done: u64, total: u64, note: &str) {
        if send(&mut self.replies, &Reply::Progress { done, total, note: note.to_owned() }).is_err() {
            std::process::exit(0);
        }
    }

    fn cancelled(&self) -> bool {
        is_asked_to_stop()
    }

    fn computed_with(&mut self, name: &str, value: &str) {
        self.measured.provenance.insert(name.to_owned(), value.to_owned());
    }

    fn memory(&mut self, mib: u64) {
        self.measured.memory_mib = Some(mib);
    }
}

/// Standard output as a private stream; whatever a library prints goes to standard error instead of between
/// the frames.
fn take_stdout() -> io::Result<File> {
    io::stdout().flush()?;
    // SAFETY: plain system calls on the process' own standard streams, before anything else uses them.
    unsafe {
        let private = libc::dup(io::stdout().as_raw_fd());
        if private < 0 || libc::dup2(io::stderr().as_raw_fd(), io::stdout().as_raw_fd()) < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(File::from_raw_fd(private))
    }
}
