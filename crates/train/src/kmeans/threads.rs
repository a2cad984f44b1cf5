//! Work on several threads of our own.

use std::{panic, thread};

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
