//! Being asked to stop: one flag of a worker's process. Its runner asks with a frame, a batch system with a signal before it takes the
//! machine away. Either way the job writes what it needs to go on, at the next place where it can, and ends.

use std::sync::atomic::{AtomicBool, Ordering};

static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// Asks this process' job to stop at its next checkpoint. Nothing takes that back: the process takes no other job.
pub fn ask_to_stop() {
    IS_ASKED.store(true, Ordering::Relaxed);
}

/// Returns whether somebody asked.
#[must_use]
pub fn is_asked_to_stop() -> bool {
    IS_ASKED.load(Ordering::Relaxed)
}

/// Takes SIGTERM and SIGUSR1 for being asked to stop, from now on.
pub fn stop_on_signals() {
    extern "C" fn ask(_: libc::c_int) {
        ask_to_stop();
    }
    let ask: extern "C" fn(libc::c_int) = ask;
    for signal in [libc::SIGTERM, libc::SIGUSR1] {
        // SAFETY: all zeros is a valid value of this plain structure: no flags, nothing masked. The handler stores to an atomic and
        // does nothing else. Calls that the signal meets go on.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = ask as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}
