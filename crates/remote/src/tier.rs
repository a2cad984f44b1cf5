//! A place that is asked before a node is run.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use affekt_domain::Digest;
use affekt_graph::{Key, Store, Upstream};

use crate::error::RemoteError;
use crate::item::Item;
use crate::pull::{Fetched, fetch_objects, fetch_records};
use crate::remote::Remote;

/// Hands results to a run. Once it fails it is not asked again: no run fails for it, or waits for it twice.
pub struct Tier {
    remote: Box<dyn Remote>,
    warn: Box<dyn Fn(&str) + Send + Sync>,
    state: Mutex<State>,
    /// Held while objects are fetched: what two nodes read is fetched once.
    fetching: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    has_failed: bool,
    /// Keys that it has no result of.
    absent: HashSet<Key>,
    /// Whether it has an object, where that is known.
    objects: HashMap<Digest, bool>,
    results: u64,
    bytes: u64,
}

impl Tier {
    /// Asks `remote`; what goes wrong is told to `warn`, one line each.
    #[must_use]
    pub fn new(remote: Box<dyn Remote>, warn: Box<dyn Fn(&str) + Send + Sync>) -> Self {
        Self { remote, warn, state: Mutex::default(), fetching: Mutex::default() }
    }

    /// Returns how many results came from it, and how many bytes of objects.
    pub fn handed_out(&self) -> (u64, u64) {
        let state = self.lock();
        (state.results, state.bytes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came of asking; `None` where it cannot be asked any more, which is said once.
    fn answer<T>(&self, asked: impl FnOnce() -> Result<T, RemoteError>) -> Option<T> {
        if self.lock().has_failed {
            return None;
        }
        match asked() {
            Ok(answer) => Some(answer),
            Err(error) => {
                if !std::mem::replace(&mut self.lock().has_failed, true) {
                    (self.warn)(&format!("{error}; going on without it"));
                }
                None
            }
        }
    }

    fn refuse(&self, item: &Item) {
        (self.warn)(&format!("{} at {} is damaged and was refused", item.describe(), self.remote.name()));
    }
}

impl fmt::Debug for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tier").field(&self.remote).finish()
    }
}

impl Upstream for Tier {
    fn results(&self, store: &Store, keys: &[Key]) {
        let unasked: Vec<Key> = {
            let state = self.lock();
            keys.iter().copied().filter(|key| !state.absent.contains(key)).collect()
        };
        if unasked.is_empty() {
            return;
        }
        let Some(fetched) = self.answer(|| fetch_records(store, &*self.remote, &unasked)) else { return };
        for (key, fetched) in fetched {
            match fetched {
                Fetched::Here(record) => {
                    let mut state = self.lock();
                    state.results += 1;
                    for output in record.outputs {
                        state.objects.entry(output.digest).or_insert(true);
                    }
                }
                Fetched::Absent => _ = self.lock().absent.insert(key),
                Fetched::Damaged => {
                    self.lock().absent.insert(key);
                    self.refuse(&Item::Record(key));
                }
            }
        }
    }

    fn has(&self, digests: &[Digest]) -> Vec<bool> {
        let unknown: Vec<Digest> = {
            let state = self.lock();
            digests.iter().copied().filter(|digest| !state.objects.contains_key(digest)).collect()
        };
        if !unknown.is_empty() {
            let items: Vec<Item> = unknown.iter().map(|digest| Item::Object(*digest)).collect();
            if let Some(sizes) = self.answer(|| self.remote.sizes(&items)) {
                self.lock().objects.extend(unknown.into_iter().zip(sizes.iter().map(Option::is_some)));
            }
        }
        let state = self.lock();
        let has = |digest| !state.has_failed && state.objects.get(digest) == Some(&true);
        digests.iter().map(has).collect()
    }

    fn objects(&self, store: &Store, digests: &[Digest]) {
        let _fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted: Vec<Digest> = {
            let state = self.lock();
            let may_have = |digest: &Digest| state.objects.get(digest) != Some(&false);
            digests.iter().copied().filter(|digest| may_have(digest) && !store.has(*digest)).collect()
        };
        if wanted.is_empty() {
            return;
        }
        let Some(fetched) = self.answer(|| fetch_objects(store, &*self.remote, &wanted)) else { return };
        for (digest, fetched) in fetched {
            match fetched {
                Fetched::Here(bytes) => self.lock().bytes += bytes,
                Fetched::Absent => _ = self.lock().objects.insert(digest, false),
                Fetched::Damaged => {
                    self.lock().objects.insert(digest, false);
                    self.refuse(&Item::Object(digest));
                }
            }
        }
    }
}
