//! Other programs, which are waited for no longer than they may take.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// How often it is looked whether a program has ended.
const TICK: Duration = Duration::from_millis(5);

/// Waits for the end of a program; one that has not ended by then is killed, which gives `None`.
pub fn ended_by(child: &mut Child, until: Instant) -> Option<ExitStatus> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() > until {
            end(child);
            return None;
        }
        std::thread::sleep(TICK);
    }
}

/// Kills a program.
pub fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
