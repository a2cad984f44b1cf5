//! Work on several threads of our own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{hint, panic, thread};

/// What `work` makes of every item, each on a thread of its own but for the first.
pub fn side_by_side<T: Send, R: Send>(
    items: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let mut items = items.into_iter();
    let Some(first) = items.next() else { return vec![] };
    thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = items.map(|item| scope.spawn(move || work(item))).collect();
        let first = work(first);
        let others =
            others.into_iter().map(|other| other.join().unwrap_or_else(|why| panic::resume_unwind(why)));
        std::iter::once(first).chain(others).collect()
    })
}

/// Where threads meet every few hundred microseconds: too often to be put to sleep and woken.
pub struct Meeting {
    threads: usize,
    /// How many have ever come.
    come: AtomicUsize,
    /// Whether one will not come again, for it panicked.
    left: AtomicBool,
}

/// That a thread will come.
pub struct Attendance<'m>(&'m Meeting);

impl Meeting {
    /// Of so many threads.
    pub const fn new(threads: usize) -> Self {
        Self { threads, come: AtomicUsize::new(0), left: AtomicBool::new(false) }
    }

    /// What every thread holds for as long as the others may wait for it.
    pub const fn attend(&self) -> Attendance<'_> {
        Attendance(self)
    }

    /// Waits until all have come as often as this one. Returns whether they have: one that panicked does not.
    pub fn wait(&self) -> bool {
        /// Looks before other work of the machine gets its turn.
        const LOOKS: usize = 5_000;
        let number = self.come.fetch_add(1, Ordering::AcqRel);
        let all = (number / self.threads + 1) * self.threads;
        let mut looks = 0;
        while self.come.load(Ordering::Acquire) < all {
            if self.left.load(Ordering::Relaxed) {
                return false;
            }
            looks += 1;
            if looks < LOOKS { hint::spin_loop() } else { thread::yield_now() }
        }
        true
    }
}

impl Drop for Attendance<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.left.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody waits for a thread that is gone.
    #[test]
    fn a_panic_keeps_none_waiting() {
        let meeting = Meeting::new(2);
        let met = thread::scope(|scope| {
            let other = scope.spawn(|| {
                let _there = meeting.attend();
                assert!(meeting.wait());
                panic::resume_unwind(Box::new("gone"));
            });
            let met = (meeting.wait(), meeting.wait());
            assert!(other.join().is_err());
            met
        });
        assert_eq!(met, (true, false));
    }
}
