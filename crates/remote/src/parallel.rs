//! Waiting for many things at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many requests are under way at a time.
const THREADS: usize = 8;

/// Does something for each item, several at a time; what came of each, in their order. After an error nothing new is begun.
///
/// # Errors
/// The first.
pub fn in_parallel<T: Sync, R: Send, E: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Done { results: Vec::with_capacity(items.len()), error: None });
    let lock = || done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    std::thread::scope(|scope| {
        for _ in 0..THREADS.min(items.len()) {
            scope.spawn(|| {
                while let Some((at, item)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|at| Some((at, items.get(at)?)))
                    .filter(|_| lock().error.is_none())
                {
                    let result = work(item);
                    let mut done = lock();
                    match result {
                        Ok(result) => done.results.push((at, result)),
                        Err(error) => _ = done.error.get_or_insert(error),
                    }
                }
            });
        }
    });
    let Done { mut results, error } = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    error.map_or_else(|| Ok(results.into_iter().map(|(_, result)| result).collect()), Err)
}

/// What has come of the items so far, each with its position, and the first error.
struct Done<R, E> {
    results: Vec<(usize, R)>,
    error: Option<E>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_and_the_first_error_is_told() {
        let items: Vec<usize> = (0..100).collect();
        assert_eq!(
            in_parallel(&items, |n| Ok::<_, ()>(n * 2)).unwrap(),
            items.iter().map(|n| n * 2).collect::<Vec<_>>()
        );
        let told = in_parallel(&items, |n| if *n == 7 { Err(*n) } else { Ok(()) });
        assert_eq!(told, Err(7));
        assert_eq!(in_parallel(&[0; 0], |_| Ok::<(), ()>(())), Ok(vec![]));
    }
}
