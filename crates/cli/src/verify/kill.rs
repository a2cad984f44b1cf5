//! Processes as the kernel shows them: who started whom, who is still there, who holds a lease.

use std::fs::{self, File, TryLockError};
use std::path::Path;

/// A process, told apart from later ones of its number by when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    pid: u32,
    began: u64,
}

impl Process {
    /// Finds a process that is there.
    pub fn find(pid: u32) -> Option<Self> {
        let (state, began) = stat(pid)?;
        (state != 'Z').then_some(Self { pid, began })
    }

    /// Lists the processes that a process started, on whichever of its threads.
    pub fn children(of: u32) -> Vec<Self> {
        let mut children = Vec::new();
        for task in fs::read_dir(format!("/proc/{of}/task")).into_iter().flatten().flatten() {
            let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            children.extend(text.split_whitespace().filter_map(|pid| Self::find(pid.parse().ok()?)));
        }
        children
    }

    /// Whether it is still there, and no zombie.
    pub fn is_alive(self) -> bool {
        Self::find(self.pid) == Some(self)
    }

    /// Kills it.
    pub fn kill(self) {
        if self.is_alive()
            && let Ok(pid) = libc::pid_t::try_from(self.pid)
        {
            // SAFETY: a signal to a process that this one started, or that its child did.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    }
}

/// The state of a process, and when it began, in ticks since the system did.
fn stat(pid: u32) -> Option<(char, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may hold anything.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// Counts the leases of a store that somebody holds.
pub fn held_leases(store: &Path) -> usize {
    let folders = fs::read_dir(store.join("work")).into_iter().flatten().flatten();
    let leases = folders.filter_map(|folder| File::open(folder.path().join("lease")).ok());
    leases.filter(|lease| matches!(lease.try_lock(), Err(TryLockError::WouldBlock))).count()
}
