//! Synthetic corpora: each is made in the store when an experiment first asks for it, once however many ask at the same
//! time. What is made is listed beside it, so that a file that is damaged or gone is not taken for another corpus.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use affekt_atomic::{AtomicError, write_atomically};
use affekt_corpus::SyntheticDialogues;
use affekt_domain::Digest;
use affekt_graph::{Key, KeyPart, Lease, Store, hash_bytes};
use affekt_pipeline::Synthetic;
use serde::{Deserialize, Serialize};

use crate::exit::{Stop, error};
use crate::out::say;

/// How often who waits for another run to make it asks again.
const LEASE_RETRY: Duration = Duration::from_millis(200);

/// Its files, by their paths within it.
type Listing = BTreeMap<PathBuf, Listed>;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Listed {
    bytes: u64,
    /// When it was last changed, in nanoseconds since 1970.
    changed: u128,
    digest: Digest,
}

/// Returns the folder of a synthetic corpus, made if it is not there or no longer what was made. `paranoid` reads every
/// file, also those whose size and time are what they were.
pub fn folder(store: &Store, name: &str, synthetic: &Synthetic, paranoid: bool) -> Result<PathBuf, Stop> {
    let digest = hash_bytes(format!("{name} {synthetic:?} {}", env!("CARGO_PKG_VERSION")).as_bytes());
    let place = Place {
        corpus: store.root().join("synthetic").join(digest.short()).join(name),
        listing: store.root().join("synthetic").join(digest.short()).join(format!("{name}.json")),
    };
    if place.is_whole(paranoid) {
        return Ok(place.corpus);
    }
    let lease = wait_for_lease(store, name, digest)?;
    if !place.is_whole(paranoid) {
        if place.corpus.exists() {
            say!("warning: the synthetic corpus {name} was changed since it was made; making it again");
            store.set_aside(&place.corpus)?;
        }
        say!("making the synthetic corpus {name} …");
        place.make(store, synthetic)?;
    }
    lease.finish();
    Ok(place.corpus)
}

fn wait_for_lease(store: &Store, name: &str, digest: Digest) -> Result<Lease, Stop> {
    let key = Key::of(&[KeyPart { name: "synthetic corpus".into(), value: digest.to_string() }]);
    let mut is_waiting = false;
    loop {
        if let Some(lease) = store.lease(key)? {
            return Ok(lease);
        }
        if !std::mem::replace(&mut is_waiting, true) {
            say!("another run makes the synthetic corpus {name}; waiting for it");
        }
        std::thread::sleep(LEASE_RETRY);
    }
}

struct Place {
    corpus: PathBuf,
    listing: PathBuf,
}

impl Place {
    /// Whether the corpus is there, as it was made.
    fn is_whole(&self, paranoid: bool) -> bool {
        if !self.corpus.is_dir() {
            return false;
        }
        let text = fs::read(&self.listing).ok();
        // One that was made before there were listings is taken as it is.
        let known: Listing = text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let nothing = Listing::new();
        let Ok(found) = listing(&self.corpus, if paranoid { &nothing } else { &known }) else { return false };
        let digests = |listing: &Listing| listing.values().map(|it| it.digest).collect::<Vec<_>>();
        let is_whole =
            known.is_empty() || known.keys().eq(found.keys()) && digests(&known) == digests(&found);
        if is_whole && known != found {
            // Without it, more is read the next time.
            let _ = self.write(&found);
        }
        is_whole
    }

    /// Makes it aside, and moves it to its place.
    fn make(&self, store: &Store, synthetic: &Synthetic) -> Result<(), Stop> {
        let scratch = store.scratch()?;
        let made = match synthetic {
            Synthetic::Voices(config) => affekt_corpus::generate(scratch.path(), config),
            Synthetic::Bursts(config) => affekt_corpus::generate_bursts(scratch.path(), config),
            Synthetic::Dialogues { turns, seed, rate_hz } => {
                let dialogues = SyntheticDialogues::few(*turns, *seed, *rate_hz);
                affekt_corpus::generate_dialogues(scratch.path(), &dialogues)
            }
        };
        let made = made.map_err(|cause| error("failed to make a synthetic corpus", &cause))?;
        let moved = || {
            let found = listing(&made, &Listing::new())?;
            self.corpus.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::rename(&made, &self.corpus)?;
            self.write(&found)
        };
        moved().map_err(|cause| error(&format!("failed to make {}", self.corpus.display()), &cause))
    }

    fn write(&self, listing: &Listing) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(listing)?;
        write_atomically(&self.listing, |unfinished| {
            fs::write(unfinished, &text).map_err(|source| AtomicError { path: unfinished.to_owned(), source })
        })
        .map_err(|error: AtomicError| error.source)
    }
}

/// Lists the files below a folder. One that looks as it did when it was last listed is not read. What the system hides it
/// may have put there itself.
fn listing(folder: &Path, known: &Listing) -> io::Result<Listing> {
    let mut listing = Listing::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(&below)? {
            let entry = entry?;
            let path = entry.path();
            let metadata = entry.metadata()?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if metadata.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap_or(&path).to_owned();
            let bytes = metadata.len();
            let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            let before = known.get(&name).filter(|it| (it.bytes, it.changed) == (bytes, changed));
            let digest = match before {
                Some(before) => before.digest,
                None => hash_bytes(&fs::read(&path)?),
            };
            listing.insert(name, Listed { bytes, changed, digest });
        }
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use affekt_corpus::SyntheticConfig;

    use super::*;

    fn few() -> Synthetic {
        Synthetic::Voices(SyntheticConfig {
            actors: 1,
            statements: 1,
            repetitions: 1,
            seed: 3,
            rate_hz: 8000,
        })
    }

    fn opened() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        (folder, store)
    }

    fn digests(corpus: &Path) -> Vec<(PathBuf, Digest)> {
        listing(corpus, &Listing::new()).unwrap().into_iter().map(|(path, it)| (path, it.digest)).collect()
    }

    #[test]
    fn all_who_ask_at_once_get_the_one_that_is_made() {
        let (_folder, store) = opened();
        let ask = || folder(&store, "RAVDESS", &few(), false).unwrap();
        let corpora: Vec<PathBuf> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(corpora.iter().all(|corpus| *corpus == corpora[0]));
        assert_eq!(digests(&corpora[0]).len(), 15);
        for left in ["tmp", "work", "quarantine"] {
            assert_eq!(fs::read_dir(store.root().join(left)).unwrap().count(), 0, "{left}");
        }
    }

    #[test]
    fn what_is_damaged_is_made_again_and_what_is_only_touched_is_not() {
        let (_folder, store) = opened();
        let ask = |paranoid| folder(&store, "RAVDESS", &few(), paranoid).unwrap();
        let corpus = ask(false);
        let whole = digests(&corpus);
        let (first, last) = (corpus.join(&whole[0].0), corpus.join(&whole[14].0));
        let quarantined = || fs::read_dir(store.root().join("quarantine")).unwrap().count();

        let before = fs::metadata(&first).unwrap().modified().unwrap();
        fs::File::open(&first).unwrap().set_modified(before + Duration::from_secs(5)).unwrap();
        fs::write(corpus.join(".DS_Store"), "").unwrap();
        ask(false);
        assert_eq!(quarantined(), 0);

        let flip = |keep: Option<SystemTime>| {
            let mut bytes = fs::read(&last).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(&last, bytes).unwrap();
            keep.iter().for_each(|time| fs::File::open(&last).unwrap().set_modified(*time).unwrap());
        };
        flip(None);
        ask(false);
        assert_eq!((quarantined(), digests(&corpus) == whole), (1, true));
        fs::remove_file(&first).unwrap();
        ask(false);
        assert_eq!((quarantined(), digests(&corpus) == whole), (2, true));
        flip(fs::metadata(&last).unwrap().modified().ok());
        ask(true);
        assert_eq!((quarantined(), digests(&corpus) == whole), (3, true));
    }

    #[test]
    fn one_without_a_listing_is_taken_as_it_is() {
        let (_folder, store) = opened();
        let corpus = folder(&store, "RAVDESS", &few(), false).unwrap();
        let listing = corpus.with_extension("json");
        fs::remove_file(&listing).unwrap();
        let before = fs::metadata(&corpus).unwrap().modified().unwrap();
        folder(&store, "RAVDESS", &few(), false).unwrap();
        assert_eq!(fs::metadata(&corpus).unwrap().modified().unwrap(), before);
        assert!(listing.is_file());
    }
}
