//! Looking after a store: how large it is, whether it is whole, what can go.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use affekt_domain::Digest;

use super::{ObjectError, Record, Store, StoreError, failed};
use crate::Key;

/// Files younger than this may belong to a run in progress.
const IN_PROGRESS: Duration = Duration::from_secs(24 * 3600);
/// Unfinished work that nobody has touched for so long is given up.
const GIVEN_UP: Duration = Duration::from_secs(60 * 24 * 3600);

/// What a store holds.
#[derive(Debug, Default, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Usage {
    /// Objects and their bytes, by the op that made them (the first in the alphabet where several did).
    pub by_op: BTreeMap<String, (u64, u64)>,
    /// Objects that no result names, and their bytes.
    pub unnamed: (u64, u64),
    /// Result records.
    pub results: u64,
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
    /// Result records that could not be read, removed.
    pub bad_records: Vec<PathBuf>,
    /// Outputs that results name but the store does not hold; they are computed again when needed.
    pub missing: u64,
}

impl Store {
    /// Sums up what it holds, by op.
    ///
    /// # Errors
    /// When it cannot be walked.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        let mut usage = Usage::default();
        let mut makers: BTreeMap<Digest, String> = BTreeMap::new();
        for record in self.records()?.into_iter().filter_map(|(_, record)| record) {
            usage.results += 1;
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
    /// When it cannot be walked, or a damaged object cannot be moved.
    pub fn fsck(&self) -> Result<Fsck, StoreError> {
        let mut found = Fsck::default();
        for (digest, _) in self.objects()? {
            match self.object(digest).and_then(|object| object.all().map(drop)) {
                Ok(()) => found.verified += 1,
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
                    fs::remove_file(&path).map_err(failed("remove", &path))?;
                    found.bad_records.push(path);
                }
            }
        }
        Ok(found)
    }

    /// Removes objects that no result names, the quarantine, what killed runs left half-written, and unfinished
    /// work that was finished elsewhere or given up. Returns the bytes freed. Results stay, and with them every
    /// object they name, but for the outputs (op, output) that are `passing`: of use to a run in progress alone, which
    /// makes them again where it misses them.
    ///
    /// # Errors
    /// When it cannot be walked.
    pub fn gc(&self, passing: impl Fn(&str, &str) -> bool) -> Result<u64, StoreError> {
        // A run in progress names its objects only when a node ends.
        let old = |path: &Path| age(path) > IN_PROGRESS;
        let records = self.records()?;
        let named: HashSet<Digest> = records
            .iter()
            .filter_map(|(_, record)| record.as_ref())
            .flat_map(|record| record.outputs.iter().map(move |output| (&record.op, output)))
            .filter(|(op, output)| !passing(op, &output.name))
            .map(|(_, output)| output.digest)
            .collect();
        let mut freed = 0;
        for (digest, path) in self.objects()? {
            if !named.contains(&digest) && old(&path) {
                freed += fs::metadata(&path).map_or(0, |metadata| metadata.len());
                let _ = fs::remove_file(super::object::tree_path(&path));
                fs::remove_file(&path).map_err(failed("remove", &path))?;
            }
        }
        for (folder, any_age) in [("tmp", false), ("quarantine", true)] {
            for path in children(&self.root().join(folder))? {
                if any_age || old(&path) {
                    freed += bytes_below(&path);
                    let removed =
                        if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                    removed.map_err(failed("remove", &path))?;
                }
            }
        }
        for folder in children(&self.root().join("work"))? {
            let key: Option<Key> =
                folder.file_name().and_then(OsStr::to_str).and_then(|name| name.parse().ok());
            let Some(key) = key else { continue };
            if (self.lookup(key).is_some() || age(&folder) > GIVEN_UP)
                && let Some(lease) = self.lease(key)?
            {
                freed += bytes_below(&folder);
                lease.finish();
            }
        }
        Ok(freed)
    }

    fn objects(&self) -> Result<Vec<(Digest, PathBuf)>, StoreError> {
        let files = self.files_of("objects")?;
        Ok(files
            .into_iter()
            .filter_map(|path| Some((path.file_name()?.to_str()?.parse().ok()?, path)))
            .collect())
    }

    fn records(&self) -> Result<Vec<(PathBuf, Option<Record>)>, StoreError> {
        let files = self.files_of("results")?;
        let json = files.into_iter().filter(|path| path.extension() == Some(OsStr::new("json")));
        Ok(json
            .map(|path| {
                let record = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
                (path, record)
            })
            .collect())
    }

    fn files_of(&self, folder: &str) -> Result<Vec<PathBuf>, StoreError> {
        let mut files = Vec::new();
        for shard in children(&self.root().join(folder))? {
            files.extend(children(&shard)?);
        }
        files.sort();
        Ok(files)
    }
}

/// Time since a file was last changed; none if that cannot be told.
fn age(path: &Path) -> Duration {
    let changed = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    changed.and_then(|time| time.elapsed().ok()).unwrap_or_default()
}

fn children(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = fs::read_dir(folder).map_err(failed("list", folder))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn bytes_below(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            children(path).unwrap_or_default().iter().map(|child| bytes_below(child)).sum()
        }
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    }
}
