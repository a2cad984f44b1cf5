//! Being asked to stop: Ctrl-C, a batch system's SIGTERM, a terminal that closes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::exit::{Stop, error};
use crate::out::say;

/// A terminal that closes is told of twice, by the shell and by the kernel. That is one request.
const ONE_REQUEST: Duration = Duration::from_millis(500);

/// Returns what is set once somebody asks to stop, and says what happens then; a second time ends the program, and its workers, at once. Under `nohup` a terminal that closes
/// is none of its business.
///
/// # Errors
/// When the system refuses.
pub fn listen() -> Result<Arc<AtomicBool>, Stop> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let (flag, first) = (Arc::clone(&interrupted), OnceLock::new());
    let handler = move || {
        if !flag.swap(true, Ordering::Relaxed) {
            say!("stopping: what is trained stops at its next checkpoint; once more (Ctrl-C) stops at once");
        }
        if first.get_or_init(Instant::now).elapsed() > ONE_REQUEST {
            std::process::exit(130);
        }
    };
    let is_under_nohup = is_ignored(libc::SIGHUP);
    ctrlc::set_handler(handler).map_err(|cause| error("failed to listen for Ctrl-C", &cause))?;
    if is_under_nohup {
        // SAFETY: it is what it was before.
        unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
    }
    Ok(interrupted)
}

/// Set by a signal that a batch system sends some time before it ends a job.
static TIME_IS_UP: AtomicBool = AtomicBool::new(false);

/// Listens for SIGUSR1, which tells a job that its time is nearly up.
pub fn listen_for_time_limit() {
    extern "C" fn note(_: libc::c_int) {
        TIME_IS_UP.store(true, Ordering::Relaxed);
    }
    // SAFETY: the handler does nothing but store to an atomic.
    unsafe { libc::signal(libc::SIGUSR1, note as *const () as libc::sighandler_t) };
}

/// Returns whether the time is nearly up.
pub fn is_time_up() -> bool {
    TIME_IS_UP.load(Ordering::Relaxed)
}

fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: all zeros is a valid value of this plain structure, which the call fills without changing anything.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0
            && action.sa_sigaction == libc::SIG_IGN
    }
}
