//! Fetching results: each object is put into the store once its bytes have the digest that it is named for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use affekt_domain::Digest;
use affekt_graph::{Key, Listing, Record, Store};

use crate::error::{RemoteError, local};
use crate::item::Item;
use crate::push::chunks;
use crate::remote::{Listable, Progress, Remote, Transfer};

/// What a pull came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Results that are here now.
    pub results: u64,
    /// Of these, results that were fetched just now.
    pub fetched: u64,
    /// Objects that were fetched just now.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was refused because it is damaged there.
    pub refused: Vec<Item>,
    /// Objects that results name and that are not there: computed again when they are needed.
    pub missing: u64,
}

/// Fetches all results, or those of runs: `<experiment>` for all of its runs, `<experiment>/<run id>` for one. What is here
/// already is not fetched again, so that a pull that was broken off goes on.
///
/// # Errors
/// When it cannot be asked, or what it sent cannot be written; and where no run is called so.
pub fn pull(
    store: &Store,
    remote: &dyn Remote,
    runs: &[String],
    progress: &mut dyn FnMut(Progress),
) -> Result<Pulled, RemoteError> {
    let mut pulled = Pulled::default();
    let keys = if runs.is_empty() { all(remote)? } else { of_runs(store, remote, runs, &mut pulled)? };
    let records = records(store, remote, &keys, &mut pulled)?;
    let outputs = records.iter().flat_map(|record| &record.outputs);
    let wanted: BTreeMap<Digest, u64> = outputs.map(|output| (output.digest, output.bytes)).collect();
    let objects: Vec<(Digest, u64)> = wanted.into_iter().filter(|(digest, _)| !store.has(*digest)).collect();
    let mut done = Progress {
        of_files: objects.len() as u64,
        of_bytes: objects.iter().map(|(_, bytes)| bytes).sum(),
        ..Progress::default()
    };
    progress(done);
    for chunk in chunks(&objects) {
        let digests: Vec<Digest> = chunk.iter().map(|(digest, _)| *digest).collect();
        for (digest, fetched) in fetch_objects(store, remote, &digests)? {
            match fetched {
                Fetched::Here(bytes) => {
                    pulled.objects += 1;
                    pulled.bytes += bytes;
                }
                Fetched::Absent => pulled.missing += 1,
                Fetched::Damaged => pulled.refused.push(Item::Object(digest)),
            }
        }
        done.files += chunk.len() as u64;
        done.bytes += chunk.iter().map(|(_, bytes)| bytes).sum::<u64>();
        progress(done);
    }
    Ok(pulled)
}

/// What became of a file that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched<T> {
    /// It is in the store.
    Here(T),
    /// It is not there.
    Absent,
    /// It is not what it is named for, and was not taken.
    Damaged,
}

/// Fetches objects into the store, verified; of one that was fetched, its bytes.
///
/// # Errors
/// When they cannot be asked for, or not be written.
pub fn fetch_objects(
    store: &Store,
    remote: &dyn Remote,
    digests: &[Digest],
) -> Result<Vec<(Digest, Fetched<u64>)>, RemoteError> {
    let scratch = store.scratch()?;
    let transfers: Vec<Transfer> = digests
        .iter()
        .map(|digest| Transfer {
            item: Item::Object(*digest),
            file: scratch.path().join(digest.to_string()),
            digest: None,
        })
        .collect();
    let found = remote.get(&transfers)?;
    let mut fetched = Vec::with_capacity(digests.len());
    for ((digest, transfer), found) in digests.iter().zip(&transfers).zip(found) {
        let came = if !found {
            Fetched::Absent
        } else {
            let bytes = fs::metadata(&transfer.file).map_err(local("read", &transfer.file))?.len();
            if store.receive(*digest, &transfer.file)? { Fetched::Here(bytes) } else { Fetched::Damaged }
        };
        fetched.push((*digest, came));
    }
    Ok(fetched)
}

/// Fetches records into the store, verified.
///
/// # Errors
/// As [`fetch_objects`].
pub fn fetch_records(
    store: &Store,
    remote: &dyn Remote,
    keys: &[Key],
) -> Result<Vec<(Key, Fetched<Record>)>, RemoteError> {
    let scratch = store.scratch()?;
    let transfers: Vec<Transfer> = keys
        .iter()
        .map(|key| Transfer {
            item: Item::Record(*key),
            file: scratch.path().join(key.to_string()),
            digest: None,
        })
        .collect();
    let found = remote.get(&transfers)?;
    let mut fetched = Vec::with_capacity(keys.len());
    for ((key, transfer), found) in keys.iter().zip(&transfers).zip(found) {
        let came = if found {
            let bytes = fs::read(&transfer.file).map_err(local("read", &transfer.file))?;
            store.receive_record(*key, &bytes)?.map_or(Fetched::Damaged, Fetched::Here)
        } else {
            Fetched::Absent
        };
        fetched.push((*key, came));
    }
    Ok(fetched)
}

fn all(remote: &dyn Remote) -> Result<BTreeSet<Key>, RemoteError> {
    let items = remote.list(Listable::Records)?.into_iter();
    Ok(items.filter_map(|item| if let Item::Record(key) = item { Some(key) } else { None }).collect())
}

/// The keys of what runs are made of.
fn of_runs(
    store: &Store,
    remote: &dyn Remote,
    runs: &[String],
    pulled: &mut Pulled,
) -> Result<BTreeSet<Key>, RemoteError> {
    let is_asked_for = |path: &str, run: &String| match run.split_once('/') {
        Some(_) => path.rsplit_once('-').is_some_and(|(name, _)| name == run),
        None => path.split_once('/').is_some_and(|(name, _)| name == run),
    };
    let there: Vec<String> = remote
        .list(Listable::Runs)?
        .into_iter()
        .filter_map(|item| if let Item::Run(path) = item { Some(path) } else { None })
        .collect();
    if let Some(unknown) = runs.iter().find(|run| !there.iter().any(|path| is_asked_for(path, run))) {
        let mut names: Vec<&str> = there.iter().filter_map(|path| Some(path.split_once('/')?.0)).collect();
        names.dedup();
        let names = if names.is_empty() { "no runs were pushed there".to_owned() } else { names.join(", ") };
        let remote = remote.name();
        return Err(RemoteError::Location(format!(
            "{remote} has no run of `{unknown}`\nhint: it has {names}"
        )));
    }
    let scratch = store.scratch()?;
    let asked = there.into_iter().filter(|path| runs.iter().any(|run| is_asked_for(path, run))).enumerate();
    let transfers: Vec<Transfer> = asked
        .map(|(number, path)| Transfer {
            item: Item::Run(path),
            file: scratch.path().join(number.to_string()),
            digest: None,
        })
        .collect();
    let found = remote.get(&transfers)?;
    let mut keys = BTreeSet::new();
    for (transfer, _) in transfers.into_iter().zip(found).filter(|(_, found)| *found) {
        let bytes = fs::read(&transfer.file).map_err(local("read", &transfer.file))?;
        match Listing::from_bytes(&bytes) {
            Some(listing) => keys.extend(listing.keys),
            None => pulled.refused.push(transfer.item),
        }
    }
    Ok(keys)
}

/// The records of these keys, fetched where they are not here.
fn records(
    store: &Store,
    remote: &dyn Remote,
    keys: &BTreeSet<Key>,
    pulled: &mut Pulled,
) -> Result<Vec<Record>, RemoteError> {
    const RECORDS_A_CHUNK: usize = 1024;
    let (mut records, mut lacking) = (Vec::new(), Vec::new());
    for key in keys {
        match store.lookup(*key) {
            Some(record) => records.push(record),
            None => lacking.push(*key),
        }
    }
    for chunk in lacking.chunks(RECORDS_A_CHUNK) {
        for (key, fetched) in fetch_records(store, remote, chunk)? {
            match fetched {
                Fetched::Here(record) => {
                    pulled.fetched += 1;
                    records.push(record);
                }
                Fetched::Absent => {}
                Fetched::Damaged => pulled.refused.push(Item::Record(key)),
            }
        }
    }
    pulled.results = records.len() as u64;
    Ok(records)
}
