//! The store: objects by content, results by key, and a leased area for training in progress.
//!
//! ```text
//! affekt-store.json       what marks the folder as a store
//! objects/ab/abcd…        a finished file, named by the digest of its bytes; never changed
//! objects/ab/abcd….tree   its digest tree, where it is longer than one block
//! results/ab/abcd….json   the outputs of one key
//! work/abcd…/             lease and resumable state of a key that is being computed
//! runs/                   which results each finished run is made of
//! pins/                   which results somebody wants kept
//! tmp/                    files being written, each node's in a folder that it holds
//! quarantine/             damaged objects, kept for whoever wants to know why
//! ```
//! Whatever appears under its final name is whole: written aside, synced, renamed, the folder synced; the
//! result record last. Two runs may share a store at any time.

mod bus_error;
mod evict;
mod holder;
mod lease;
mod listing;
mod mark;
mod object;
mod record;
mod scratch;
mod seal;
mod tidy;
mod tree;
mod upstream;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use affekt_domain::Digest;

pub use bus_error::explain_bus_errors;
pub use evict::{Dropped, Eviction, Keep, Retention};
pub use lease::Lease;
pub use listing::{Listed, Listing};
pub use object::{Object, ObjectError};
pub use record::{Output, Record};
pub use scratch::Scratch;
pub use tidy::{Fsck, Usage};
pub use upstream::Upstream;

use crate::Key;
use crate::node::Node;
use object::tree_path;
use seal::Sealed;

/// Of what was used less long ago the use is not noted again.
const USE_NOTED_AFTER: Duration = Duration::from_secs(24 * 3600);

/// A folder of results.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    /// Who is asked for what is not here.
    upstream: Option<Arc<dyn Upstream>>,
}

/// The store cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} {}{}", .path.display(), advice(.source))]
pub struct StoreError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Returns the BLAKE3 digest of `bytes`.
#[must_use]
pub fn hash_bytes(bytes: &[u8]) -> Digest {
    Digest::from_bytes(*blake3::hash(bytes).as_bytes())
}

impl Store {
    /// Opens the store in `root`, making it where there is nothing yet.
    ///
    /// # Errors
    /// When the folder cannot be made, or holds something else: a store is tidied up, and nobody's files are to be lost
    /// by that.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        mark::claim(root)?;
        for folder in ["objects", "results", "work", "tmp", "quarantine"] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(failed("create", &path))?;
        }
        Ok(Self { root: root.to_owned(), upstream: None })
    }

    /// Returns whether there is a store in `root`.
    #[must_use]
    pub fn is_in(root: &Path) -> bool {
        mark::is_marked(root) || mark::looks_like_a_store(root)
    }

    /// Returns its folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where the object called `digest` lies, or would.
    #[must_use]
    pub fn object_path(&self, digest: Digest) -> PathBuf {
        self.sharded("objects", &digest.to_string())
    }

    /// Returns whether there is an object of that name (its bytes are verified when read).
    #[must_use]
    pub fn has(&self, digest: Digest) -> bool {
        self.object_path(digest).is_file()
    }

    /// Opens an object. One that is not here is asked for elsewhere.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn object(&self, digest: Digest) -> Result<Object, ObjectError> {
        self.ask_for_objects(&[digest]);
        Object::open(&self.object_path(digest), digest)
    }

    /// Takes a finished file (below `tmp/`) into the store under the digest of its bytes.
    ///
    /// # Errors
    /// When it cannot be read or moved.
    pub fn adopt(&self, name: &str, file: &Path) -> Result<Output, StoreError> {
        let finished = Finished::read(file)?;
        self.place(file, &finished)?;
        Ok(Output { name: name.to_owned(), digest: finished.digest, bytes: finished.len })
    }

    /// Takes a file (below `tmp/`) that came from elsewhere into the store as the object called `digest`; whether it is that.
    ///
    /// # Errors
    /// When it cannot be read or moved.
    pub fn receive(&self, digest: Digest, file: &Path) -> Result<bool, StoreError> {
        let finished = Finished::read(file)?;
        let is_it = finished.digest == digest;
        if is_it {
            self.place(file, &finished)?;
        }
        Ok(is_it)
    }

    /// Moves a finished file to its place, after its digest tree.
    fn place(&self, file: &Path, finished: &Finished) -> Result<(), StoreError> {
        let path = self.object_path(finished.digest);
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
        if !finished.blocks.is_empty() {
            self.write(&tree_path(&path), finished.blocks.as_flattened())?;
        }
        finished.opened.sync_all().map_err(failed("sync", file))?;
        self.clear(&path)?;
        fs::rename(file, &path).map_err(failed("move a result to", &path))?;
        sync_folder(folder)
    }

    /// Returns the stored result of a key. A record that cannot be read, is damaged, or was filed for another key counts
    /// as none: the result is computed again.
    #[must_use]
    pub fn lookup(&self, key: Key) -> Option<Record> {
        match Record::unsealed(&fs::read(self.record_path(key)).ok()?) {
            Sealed::Whole(record) if record.key == key => Some(record),
            _ => None,
        }
    }

    /// Returns the keys of all results.
    ///
    /// # Errors
    /// When they cannot be listed, or a record was written by a later version.
    pub fn keys(&self) -> Result<BTreeSet<Key>, StoreError> {
        Ok(self.records()?.into_iter().filter_map(|(_, record)| Some(record?.key)).collect())
    }

    /// Returns the stored result of a node, whose key this is, and takes note that it was used today. One that has other
    /// outputs than the node is none.
    #[must_use]
    pub fn result_of(&self, node: &Node, key: Key) -> Option<Record> {
        let record = self.lookup(key).filter(|record| record.is_of(node))?;
        self.note_use(&self.record_path(key));
        Some(record)
    }

    /// Has a record's time tell the day on which it was last used. Whoever may only read a store uses it without a word.
    fn note_use(&self, record: &Path) {
        let used = fs::metadata(record).and_then(|metadata| metadata.modified());
        if used.is_ok_and(|used| used.elapsed().is_ok_and(|age| age > USE_NOTED_AFTER)) {
            let _ = File::open(record).and_then(|file| file.set_modified(SystemTime::now()));
        }
    }

    /// Files a result. A result that is already there and cannot be recomputed to the same bytes stays as it
    /// is, as long as its objects are there; the record in force is returned.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn publish(&self, record: Record) -> Result<Record, StoreError> {
        if let Some(old) = self.lookup(record.key)
            && !old.reproducible
            && old.outputs.iter().all(|output| self.has(output.digest))
        {
            return Ok(old);
        }
        self.write(&self.record_path(record.key), &seal::sealed(&record))?;
        Ok(record)
    }

    /// Moves a damaged object out of the way, so that it is computed again. One that is whole after all stays: another
    /// run has made it again.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn quarantine(&self, digest: Digest) -> Result<(), StoreError> {
        if self.object(digest).is_ok_and(|object| object.all().is_ok()) {
            return Ok(());
        }
        // Its digest tree stays, for whoever makes it again writes that first.
        self.set_aside(&self.object_path(digest))
    }

    /// Moves what lies at `path` in the store, if there is anything, to the quarantine.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn set_aside(&self, path: &Path) -> Result<(), StoreError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let places = (1..).map(|number| match number {
            1 => self.root.join("quarantine").join(&*name),
            _ => self.root.join("quarantine").join(format!("{name}-{number}")),
        });
        let Some(aside) = places.into_iter().find(|place| fs::symlink_metadata(place).is_err()) else {
            return Ok(());
        };
        match fs::rename(path, &aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("quarantine", path)(error)),
            _ => Ok(()),
        }
    }

    /// Moves a folder out of the way that lies where a file is to be.
    fn clear(&self, path: &Path) -> Result<(), StoreError> {
        if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
            self.set_aside(path)?;
        }
        Ok(())
    }

    /// Writes a small file of the store whole or not at all.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
        // What the umask leaves of this, as for any other file: a store may be shared between users.
        let mut file = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(self.root.join("tmp"))
            .map_err(failed("write", path))?;
        file.write_all(bytes).map_err(failed("write", path))?;
        file.as_file().sync_all().map_err(failed("sync", path))?;
        self.clear(path)?;
        file.persist(path).map_err(|error| failed("write", path)(error.error))?;
        sync_folder(folder)
    }

    fn record_path(&self, key: Key) -> PathBuf {
        self.sharded("results", &key.to_string()).with_extension("json")
    }

    fn sharded(&self, folder: &str, name: &str) -> PathBuf {
        self.root.join(folder).join(&name[..2]).join(name)
    }
}

/// A finished file.
struct Finished {
    opened: File,
    len: u64,
    digest: Digest,
    /// Its digest tree.
    blocks: Vec<[u8; 32]>,
}

impl Finished {
    fn read(file: &Path) -> Result<Self, StoreError> {
        let opened = File::open(file).map_err(failed("read", file))?;
        let len = opened.metadata().map_err(failed("read", file))?.len();
        // SAFETY: the file is this process' own scratch file, finished before it is handed over.
        let map = if len == 0 {
            None
        } else {
            Some(unsafe { memmap2::Mmap::map(&opened) }.map_err(failed("map", file))?)
        };
        let (digest, blocks) = tree::hash(map.as_deref().unwrap_or(&[]));
        Ok(Self { opened, len, digest, blocks })
    }
}

fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(failed("sync", folder))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| StoreError { action, path, source }
}

/// Writes out the error, and what helps against the commonest one.
pub fn advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => {
            format!(": {error}; free some space (`cache du` shows what the store holds) and run again")
        }
        _ => format!(": {error}"),
    }
}
