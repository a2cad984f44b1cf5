//! What was made for one job and may serve the next.

use std::sync::{Mutex, PoisonError};

use affekt_graph::Failure;

/// The last thing of its sort, and what it was made from.
#[derive(Debug)]
pub struct Cached<K, T>(Mutex<Option<(K, T)>>);

impl<K, T> Default for Cached<K, T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<K: PartialEq, T> Cached<K, T> {
    /// Calls `work` with what `make` makes from `key`: that which is cached, where it was made from an equal one.
    pub fn with<R>(
        &self,
        key: K,
        make: impl FnOnce(&K) -> Result<T, Failure>,
        work: impl FnOnce(&T) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (made_from, made) = match cached.take().filter(|(made_from, _)| *made_from == key) {
            Some(cached) => cached,
            None => {
                let made = make(&key)?;
                (key, made)
            }
        };
        let (_, made) = cached.insert((made_from, made));
        work(made)
    }

    /// Gives its memory back.
    pub fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_is_made_once() {
        let cached = Cached::<i32, i32>::default();
        let made = std::cell::Cell::new(0);
        let make = |key: &i32| {
            made.set(made.get() + 1);
            if *key == 0 { Err(Failure::Cancelled) } else { Ok(key * 10) }
        };
        let with = |key| cached.with(key, make, |value| Ok(*value));
        assert_eq!((with(1), with(1), made.get()), (Ok(10), Ok(10), 1));
        assert_eq!((with(2), with(1), made.get()), (Ok(20), Ok(10), 3));
        assert_eq!((with(0), with(1), made.get()), (Err(Failure::Cancelled), Ok(10), 5));
        cached.forget();
        assert_eq!((with(1), made.get()), (Ok(10), 6));
    }
}
