//! Makes things on another thread while the one before is being used, in their order.

use std::sync::mpsc;
use std::thread;

/// How many are made while one is being used: no more than three are in memory.
const AHEAD: usize = 2;

/// Calls `each` with every item and what `make` makes of it, one after the other. Another thread makes the next ones meanwhile. What
/// fails there comes in its turn, behind what was made before; where `each` fails, no more are made.
///
/// # Errors
/// Those of `each`.
///
/// # Panics
/// When `make` does.
pub fn ahead<I: Sync, T: Send, E: Send, F>(
    items: &[I],
    make: impl Fn(&I) -> Result<T, E> + Sync,
    mut each: impl FnMut(&I, Result<T, E>) -> Result<(), F>,
) -> Result<(), F> {
    let make = &make;
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(AHEAD - 1);
        // Nobody listens any more when `each` failed.
        scope.spawn(move || items.iter().try_for_each(|item| sender.send(make(item)).ok()));
        // The scope passes on what panics there, which is the only way for one not to come.
        items.iter().zip(receiver).try_for_each(|(item, made)| each(item, made))
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{self, RecvTimeoutError};
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn the_next_one_is_made_while_one_is_used() {
        let items: Vec<usize> = (0..20).collect();
        let (begun, beginnings) = mpsc::channel();
        let (used, uses) = mpsc::channel();
        let (begun, uses) = (Mutex::new(begun), Mutex::new(uses));
        let make = |&item: &usize| {
            begun.lock().unwrap().send(item).unwrap();
            // The fourth is not begun before the first is done with: three are in memory.
            if item > AHEAD {
                uses.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            }
            Ok::<_, ()>(10 * item)
        };
        let (mut order, mut last_begun) = (Vec::new(), None);
        let each = |&item: &usize, made: Result<usize, ()>| {
            // It waits for the next one's beginning: neither would ever end if that waited for it.
            while last_begun.is_none_or(|last| last < (item + 1).min(items.len() - 1)) {
                last_begun = Some(beginnings.recv_timeout(PATIENCE)?);
            }
            order.push(made.unwrap());
            let _ = used.send(item);
            Ok::<_, RecvTimeoutError>(())
        };
        ahead(&items, make, each).unwrap();
        assert_eq!(order, items.iter().map(|item| 10 * item).collect::<Vec<_>>());
    }

    #[test]
    fn no_more_is_made_when_using_one_fails() {
        let items: Vec<usize> = (0..1000).collect();
        let made = AtomicUsize::new(0);
        let make = |_: &usize| Ok::<_, ()>(made.fetch_add(1, Ordering::Relaxed));
        let failed = ahead(&items, make, |&item, _| if item == 3 { Err("diverged") } else { Ok(()) });
        assert_eq!(failed, Err("diverged"));
        assert!(made.into_inner() <= 3 + 1 + AHEAD);
    }

    #[test]
    fn what_fails_comes_in_its_turn() {
        let make = |&item: &usize| if item == 2 { Err(format!("row {item}")) } else { Ok(item) };
        let mut used = Vec::new();
        let failed = ahead(&[0, 1, 2, 3], make, |_, made| {
            used.push(made?);
            Ok::<_, String>(())
        });
        assert_eq!((failed, used), (Err("row 2".to_owned()), vec![0, 1]));
    }

    #[test]
    fn panics_pass_on() {
        let make = |&item: &usize| if item == 1 { panic!("an illegal access") } else { Ok::<_, ()>(()) };
        assert!(catch_unwind(AssertUnwindSafe(|| ahead(&[0, 1, 2], make, |_, _| Ok::<_, ()>(())))).is_err());
    }
}
