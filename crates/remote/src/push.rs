//! Sending results: objects before the records that name them, records before the lists of runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use affekt_domain::Digest;
use affekt_graph::{Key, Listed, Listing, Store, hash_bytes};

use crate::error::{RemoteError, local};
use crate::item::Item;
use crate::remote::{Progress, Remote, Transfer};

/// How much is sent before it is said how far it has come.
const FILES_A_CHUNK: usize = 256;
const BYTES_A_CHUNK: u64 = 256 << 20;

/// What a push came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Results that are there now.
    pub results: u64,
    /// Of these, results that were sent just now.
    pub sent: u64,
    /// Objects that were sent just now.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Results that are not in the store.
    pub unknown: u64,
}

/// Sends results, with their objects as far as the store has them, and the lists of finished runs. What is there already is
/// not sent again, so that a push that was broken off goes on.
///
/// # Errors
/// When an object is damaged here, or something does not arrive.
pub fn push(
    store: &Store,
    remote: &dyn Remote,
    keys: &BTreeSet<Key>,
    runs: &[Listing],
    progress: &mut dyn FnMut(Progress),
) -> Result<Pushed, RemoteError> {
    let mut pushed = Pushed::default();
    let mut records = Vec::new();
    let mut objects: BTreeMap<Digest, u64> = BTreeMap::new();
    for key in keys {
        match store.lookup(*key) {
            Some(record) => {
                let here = record.outputs.iter().filter(|output| store.has(output.digest));
                objects.extend(here.map(|output| (output.digest, output.bytes)));
                records.push(Item::Record(*key));
            }
            None => pushed.unknown += 1,
        }
    }
    let wanted: Vec<(Digest, u64)> = objects.into_iter().collect();
    let items: Vec<Item> = wanted.iter().map(|(digest, _)| Item::Object(*digest)).collect();
    let there = remote.sizes(&items)?;
    let missing = wanted.into_iter().zip(there).filter(|((_, bytes), there)| *there != Some(*bytes));
    let objects: Vec<(Digest, u64)> = missing.map(|(object, _)| object).collect();
    let there = remote.sizes(&records)?;
    let mut small = Vec::new();
    for (item, there) in records.into_iter().zip(there) {
        pushed.results += 1;
        let file = store.root().join(item.path());
        let bytes = fs::read(&file).map_err(local("read", &file))?;
        if there != Some(bytes.len() as u64) {
            small.push(Transfer { item, file, digest: Some(hash_bytes(&bytes)) });
        }
    }
    pushed.sent = small.len() as u64;

    let mut done = Progress {
        of_files: (objects.len() + small.len()) as u64,
        of_bytes: objects.iter().map(|(_, bytes)| bytes).sum(),
        ..Progress::default()
    };
    progress(done);
    let mark = store.root().join(Item::Mark.path());
    if mark.is_file() && remote.sizes(&[Item::Mark])? == [None] {
        remote.put(&[Transfer { item: Item::Mark, file: mark, digest: None }])?;
    }
    for chunk in chunks(&objects) {
        let mut trees = Vec::new();
        let mut whole = Vec::new();
        for (digest, _) in chunk {
            let item = Item::Object(*digest);
            let object = store.object(*digest).map_err(|_| RemoteError::Damaged(item.clone()))?;
            object.all().map_err(|_| RemoteError::Damaged(item.clone()))?;
            let tree = store.root().join(Item::Tree(*digest).path());
            if tree.is_file() {
                trees.push(Transfer { item: Item::Tree(*digest), file: tree, digest: None });
            }
            whole.push(Transfer { item, file: object.path().to_owned(), digest: Some(*digest) });
        }
        remote.put(&trees)?;
        remote.put(&whole)?;
        let bytes: u64 = chunk.iter().map(|(_, bytes)| bytes).sum();
        pushed.objects += chunk.len() as u64;
        pushed.bytes += bytes;
        done.files += chunk.len() as u64;
        done.bytes += bytes;
        progress(done);
    }
    for chunk in small.chunks(FILES_A_CHUNK) {
        remote.put(chunk)?;
        done.files += chunk.len() as u64;
        progress(done);
    }
    put_lists(remote, runs)?;
    Ok(pushed)
}

/// Sends the lists of runs, without the folders that they have on this machine.
fn put_lists(remote: &dyn Remote, runs: &[Listing]) -> Result<(), RemoteError> {
    let folder = tempfile::tempdir().map_err(local("create", &std::env::temp_dir()))?;
    let mut lists = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        let listing = Listing { folder: None, ..run.clone() };
        let path = listing.path(Listed::Run);
        let name = path.strip_prefix("runs").unwrap_or(&path).to_string_lossy().into_owned();
        let file = folder.path().join(number.to_string());
        fs::write(&file, listing.to_bytes()).map_err(local("write", &file))?;
        lists.push(Transfer { item: Item::Run(name), file, digest: None });
    }
    if lists.is_empty() { Ok(()) } else { remote.put(&lists) }
}

/// Divides objects into what is moved at a time.
pub fn chunks(objects: &[(Digest, u64)]) -> Vec<&[(Digest, u64)]> {
    let mut chunks = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, (_, size)) in objects.iter().enumerate() {
        bytes += size;
        if at + 1 - start == FILES_A_CHUNK || bytes >= BYTES_A_CHUNK || at + 1 == objects.len() {
            chunks.push(&objects[start..=at]);
            (start, bytes) = (at + 1, 0);
        }
    }
    chunks
}
