//! Looking after a store: how large it is, whether it is whole, what can go.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use affekt_domain::Digest;

use super::listing::Listed;
use super::object::tree_path;
use super::scratch::{Use, use_of};
use super::seal::Sealed;
use super::{ObjectError, Record, Store, StoreError, failed, tree};
use crate::Key;

/// What nobody can be asked about, and is younger than this, may be in use.
const IN_PROGRESS: Duration = Duration::from_secs(24 * 3600);
/// Unfinished work that nobody has touched for so long is given up.
const GIVEN_UP: Duration = Duration::from_secs(60 * 24 * 3600);

/// What names begin with of files and folders that are moved to their place when they are whole.
const HALF_WRITTEN: &[u8] = b".writing-";

/// What a store holds.
#[derive(Debug, Default, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Usage {
    /// Objects and their bytes, by the op that made them (the first in the alphabet where several did).
    pub by_op: BTreeMap<String, (u64, u64)>,
    /// Objects that no result names, and their bytes.
    pub unnamed: (u64, u64),
    /// Result records.
    pub results: u64,
    /// Objects of pinned results, and their bytes.
    pub pinned: (u64, u64),
    /// Bytes of resumable state of unfinished work.
    pub work_bytes: u64,
    /// Bytes of everything else: the quarantine, files being written, what is remembered of files.
    pub other_bytes: u64,
}

/// What `fsck` found.
#[derive(Debug, Default, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fsck {
    /// Objects whose every byte was verified.
    pub verified: u64,
    /// Damaged objects, now in quarantine; they are computed again when needed.
    pub damaged: Vec<Digest>,
    /// Result records that are damaged or filed under the key of another, removed.
    pub bad_records: Vec<PathBuf>,
    /// Objects that were whole, and whose digest trees were made again.
    pub mended: Vec<Digest>,
    /// Lists of finished runs and of pins that are damaged, now in quarantine.
    pub bad_lists: Vec<PathBuf>,
    /// Outputs that results name but the store does not hold; they are computed again when needed.
    pub missing: u64,
}

/// What goes, or would.
struct Sweep {
    freed: u64,
    dry_run: bool,
}

impl Sweep {
    fn take(&mut self, path: &Path) -> Result<(), StoreError> {
        self.freed += bytes_below(path);
        if self.dry_run { Ok(()) } else { remove(path) }
    }
}

impl Store {
    /// Sums up what it holds, by op.
    ///
    /// # Errors
    /// When it cannot be walked.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        let mut usage = Usage::default();
        let mut makers: BTreeMap<Digest, String> = BTreeMap::new();
        let pinned_keys: HashSet<Key> =
            self.listings(Listed::Pin)?.into_iter().flat_map(|listing| listing.keys).collect();
        let mut pinned = HashSet::new();
        for record in self.records()?.into_iter().filter_map(|(_, record)| record) {
            usage.results += 1;
            if pinned_keys.contains(&record.key) {
                pinned.extend(record.outputs.iter().map(|output| output.digest));
            }
            for output in &record.outputs {
                let maker = makers.entry(output.digest).or_insert_with(|| record.op.clone());
                if record.op < *maker {
                    maker.clone_from(&record.op);
                }
            }
        }
        for (digest, path) in self.objects()? {
            let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
            let entry = match makers.get(&digest) {
                Some(op) => usage.by_op.entry(op.clone()).or_default(),
                None => &mut usage.unnamed,
            };
            entry.0 += 1;
            entry.1 += bytes;
            if pinned.contains(&digest) {
                usage.pinned = (usage.pinned.0 + 1, usage.pinned.1 + bytes);
            }
        }
        usage.work_bytes = bytes_below(&self.root().join("work"));
        let counted = ["objects", "results", "work"];
        let others = children(self.root())?;
        let others = others.iter().filter(|path| !counted.iter().any(|name| path.ends_with(name)));
        usage.other_bytes = others.map(|path| bytes_below(path)).sum();
        Ok(usage)
    }

    /// Verifies every byte and quarantines what is damaged.
    ///
    /// # Errors
    /// When it cannot be read, or what is damaged cannot be moved. What cannot be read is not taken for damaged.
    pub fn fsck(&self) -> Result<Fsck, StoreError> {
        let mut found = Fsck::default();
        for (digest, path) in self.objects()? {
            match self.object(digest).and_then(|object| object.all().map(drop)) {
                Ok(()) => found.verified += 1,
                // Removed since the objects were listed.
                Err(ObjectError::Damaged { .. }) if fs::symlink_metadata(&path).is_err() => {}
                Err(ObjectError::Damaged { .. }) if self.mend_tree(digest, &path)? => {
                    found.verified += 1;
                    found.mended.push(digest);
                }
                Err(ObjectError::Damaged { .. }) => {
                    self.quarantine(digest)?;
                    found.damaged.push(digest);
                }
                Err(ObjectError::Io { path, source }) => return Err(failed("read", &path)(source)),
            }
        }
        for (path, record) in self.records()? {
            match record {
                Some(record) => {
                    found.missing +=
                        record.outputs.iter().filter(|output| !self.has(output.digest)).count() as u64;
                }
                None => {
                    remove(&path)?;
                    found.bad_records.push(path);
                }
            }
        }
        for why in [Listed::Run, Listed::Pin] {
            for (path, listing) in self.listing_files(why)? {
                if listing.is_none() {
                    self.set_aside(&path)?;
                    found.bad_lists.push(path);
                }
            }
        }
        Ok(found)
    }

    /// Makes the digest tree of an object again, where that is all that was damaged.
    fn mend_tree(&self, digest: Digest, path: &Path) -> Result<bool, StoreError> {
        let Ok(file) = fs::File::open(path) else { return Ok(false) };
        if !file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0) {
            return Ok(false);
        }
        // SAFETY: as objects are never changed in place, nor is this one.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(failed("map", path))?;
        let (found, blocks) = tree::hash(&map);
        let is_whole = found == digest && !blocks.is_empty();
        if is_whole {
            self.write(&tree_path(path), blocks.as_flattened())?;
        }
        Ok(is_whole)
    }

    /// Removes objects that no result names, the quarantine, what killed runs left half-written, and unfinished
    /// work that was finished elsewhere or given up. Returns the bytes freed. Results stay, and with them every
    /// object they name, but for the outputs (op, output) that are `passing`: of use to a run in progress alone, which
    /// makes them again where it misses them.
    ///
    /// A run in progress may go on meanwhile. Whoever computes a result holds a scratch folder until the result is filed:
    /// folders that are held stay, and so does every object that came after the first of them was taken. With `dry_run`
    /// nothing is removed.
    ///
    /// # Errors
    /// When it cannot be walked.
    pub fn gc(&self, passing: impl Fn(&str, &str) -> bool, dry_run: bool) -> Result<u64, StoreError> {
        // Held by ourselves, the last of all: whoever takes one later makes objects that come later, too.
        let own = self.scratch()?;
        let mut sweep = Sweep { freed: 0, dry_run };
        let mut first_held = SystemTime::now();
        let mut is_idle = true;
        for path in children(&self.root().join("tmp"))? {
            match use_of(&path) {
                Use::Held { since } => {
                    first_held = first_held.min(since);
                    // By name: the store's folder may be written as a relative path, a scratch folder's never is.
                    is_idle &= path.file_name() == own.path().file_name();
                }
                Use::Unknown if age(&path) <= IN_PROGRESS => {}
                Use::Left { .. } | Use::Unknown => {
                    sweep.take(&path)?;
                }
            }
        }

        // Objects first: what is filed for them meanwhile is seen.
        let objects = self.objects()?;
        let trees = self.orphaned_trees()?;
        let records = self.records()?;
        let (mut named, mut in_passing) = (HashSet::new(), HashSet::new());
        for record in records.iter().filter_map(|(_, record)| record.as_ref()) {
            for output in &record.outputs {
                let passes = passing(&record.op, &output.name);
                if passes { &mut in_passing } else { &mut named }.insert(output.digest);
            }
        }
        for (digest, path) in objects {
            let is_settled = came(&path).is_some_and(|time| time < first_held);
            let is_old = !in_passing.contains(&digest) || is_idle && age(&path) > IN_PROGRESS;
            if !named.contains(&digest) && is_settled && is_old {
                sweep.take(&tree_path(&path))?;
                sweep.take(&path)?;
            }
        }
        for path in trees.into_iter().filter(|path| came(path).is_some_and(|time| time < first_held)) {
            sweep.take(&path)?;
        }
        for path in children(&self.root().join("quarantine"))? {
            sweep.take(&path)?;
        }
        for path in self.half_written().into_iter().filter(|path| age(path) > IN_PROGRESS) {
            sweep.take(&path)?;
        }
        for folder in children(&self.root().join("work"))? {
            let key: Option<Key> =
                folder.file_name().and_then(OsStr::to_str).and_then(|name| name.parse().ok());
            let Some(key) = key else { continue };
            if (self.lookup(key).is_some() || last_touched(&folder) > GIVEN_UP)
                && let Some(lease) = self.lease(key)?
            {
                sweep.freed += bytes_below(&folder);
                if !dry_run {
                    lease.finish();
                }
            }
        }
        for path in self.removed_runs()? {
            sweep.take(&path)?;
        }
        Ok(sweep.freed)
    }

    /// Lists all objects, by what their files are called.
    fn objects(&self) -> Result<Vec<(Digest, PathBuf)>, StoreError> {
        let files = self.files_of("objects")?;
        Ok(files
            .into_iter()
            .filter_map(|path| Some((path.file_name()?.to_str()?.parse().ok()?, path)))
            .filter(|(digest, path)| *path == self.object_path(*digest))
            .collect())
    }

    /// Lists what was being written beside its place, in folders that others than the store fill.
    fn half_written(&self) -> Vec<PathBuf> {
        let [hints, folders, synthetic] =
            ["hints", "folders", "synthetic"].map(|name| self.root().join(name));
        let places = children(&synthetic).unwrap_or_default().into_iter().chain([hints, folders, synthetic]);
        let files = places.flat_map(|place| children(&place).unwrap_or_default());
        let is_half = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(HALF_WRITTEN))
        };
        files.filter(is_half).collect()
    }

    /// Lists digest trees whose objects are not there.
    fn orphaned_trees(&self) -> Result<Vec<PathBuf>, StoreError> {
        let files = self.files_of("objects")?.into_iter();
        let trees = files.filter(|path| path.extension() == Some(OsStr::new("tree")));
        Ok(trees.filter(|path| !path.with_extension("").exists()).collect())
    }

    /// Lists the files of records with what they hold; `None` for one that is damaged, or not the record of its key.
    pub(super) fn records(&self) -> Result<Vec<(PathBuf, Option<Record>)>, StoreError> {
        let mut records = Vec::new();
        for path in self.files_of("results")? {
            if path.extension() != Some(OsStr::new("json")) || path.is_dir() {
                continue;
            }
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed("read", &path)(error)),
            };
            let record = match Record::unsealed(&bytes) {
                Sealed::Whole(record) => Some(record).filter(|record| path == self.record_path(record.key)),
                Sealed::Damaged => None,
                Sealed::Newer => {
                    let why = io::Error::other("a later version of this program wrote it");
                    return Err(failed("read", &path)(why));
                }
            };
            records.push((path, record));
        }
        Ok(records)
    }

    /// Lists what lies two levels below a folder of the store.
    pub(super) fn files_of(&self, folder: &str) -> Result<Vec<PathBuf>, StoreError> {
        let mut files = Vec::new();
        for shard in children(&self.root().join(folder))? {
            // A file that somebody put there is not ours to judge.
            if shard.is_dir() {
                files.extend(children(&shard)?);
            }
        }
        files.sort();
        Ok(files)
    }
}

/// Time since a file was last changed; none if that cannot be told.
fn age(path: &Path) -> Duration {
    let changed = fs::symlink_metadata(path).and_then(|metadata| metadata.modified()).ok();
    changed.and_then(|time| time.elapsed().ok()).unwrap_or_default()
}

/// Time since anything in a folder was last changed.
fn last_touched(folder: &Path) -> Duration {
    let below = children(folder).unwrap_or_default();
    let below = below.iter().map(|path| if path.is_dir() { last_touched(path) } else { age(path) });
    below.chain([age(folder)]).min().unwrap_or_default()
}

/// When a file came to its name, as the file system noted it: unlike its age this survives being copied with its times.
fn came(path: &Path) -> Option<SystemTime> {
    let metadata = fs::symlink_metadata(path).ok()?;
    let since_1970 = Duration::new(metadata.ctime().try_into().ok()?, metadata.ctime_nsec().try_into().ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since_1970)
}

/// Removes a file or folder that may be gone already.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

fn children(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = fs::read_dir(folder).map_err(failed("list", folder))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

pub(super) fn bytes_below(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            children(path).unwrap_or_default().iter().map(|child| bytes_below(child)).sum()
        }
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    }
}
