//! Dropping results to make space: what is cheapest to compute again, byte for byte, goes first.
//!
//! Only objects go. Records stay, so that what lies below a dropped result keeps its key, and nothing is computed again
//! before somebody reads it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use affekt_domain::Digest;
use serde::Serialize;

use super::listing::Listed;
use super::object::tree_path;
use super::tidy::{bytes_below, remove};
use super::{Record, Store, StoreError};
use crate::Key;

/// Why a result is kept. The order is that in which reasons are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// It is pinned.
    Pinned,
    /// Computed again it would not be the same bytes.
    Irreproducible,
    /// A run that finished is made of it, and its folder is there.
    Run,
    /// It was made or used a short while ago.
    Recent,
}

/// What may go.
#[derive(Debug, Clone)]
pub struct Retention {
    /// How many bytes the store may hold.
    pub max_bytes: u64,
    /// For how long a result counts as recent.
    pub recent: Duration,
    /// Reasons that are not to count.
    pub disregarded: BTreeSet<Keep>,
}

/// What is to go, and what stays.
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
pub struct Eviction {
    /// How many bytes the store holds.
    pub bytes: u64,
    /// How many it would hold, or holds, afterwards.
    pub bytes_after: u64,
    /// What goes, in this order.
    pub dropped: Vec<Dropped>,
    /// Number and bytes of results that are kept, by the first reason.
    pub kept: BTreeMap<Keep, (u64, u64)>,
}

/// A result whose objects go.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dropped {
    /// Its key.
    pub key: Key,
    /// The op that made it.
    pub op: String,
    /// The bytes of its objects, but for those that other results keep.
    pub bytes: u64,
    /// How long it takes to compute it again, as it took before.
    pub seconds: f64,
    /// Its objects.
    #[serde(skip)]
    objects: Vec<Digest>,
}

impl Store {
    /// Decides which results go until the store, of which `leftovers` are to go anyway, holds at most so many bytes, or only
    /// what is kept.
    ///
    /// # Errors
    /// When it cannot be walked, or a record or list cannot be read: what it keeps is not known.
    pub fn plan_eviction(&self, retention: &Retention, leftovers: u64) -> Result<Eviction, StoreError> {
        let records = self.records()?;
        let reasons = self.reasons(&records, retention)?;
        let records = || records.iter().filter_map(|(_, record)| record.as_ref());
        // An object stays while any of its results is kept.
        let mut why: HashMap<Digest, Keep> = HashMap::new();
        for (record, keep) in records().filter_map(|record| Some((record, *reasons.get(&record.key)?))) {
            for output in &record.outputs {
                let known = why.entry(output.digest).or_insert(keep);
                *known = keep.min(*known);
            }
        }
        let mut eviction = Eviction::default();
        let mut candidates = Vec::new();
        let mut counted = BTreeSet::new();
        for record in records() {
            if let Some(keep) = reasons.get(&record.key) {
                let fresh = record.outputs.iter().filter(|output| counted.insert(output.digest));
                let bytes: u64 = fresh.map(|output| self.bytes_of(output.digest)).sum();
                let kept = eviction.kept.entry(*keep).or_default();
                *kept = (kept.0 + 1, kept.1 + bytes);
                continue;
            }
            let digests = record.outputs.iter().map(|output| output.digest);
            let objects: BTreeSet<Digest> = digests.filter(|digest| !why.contains_key(digest)).collect();
            let bytes = objects.iter().map(|digest| self.bytes_of(*digest)).sum();
            candidates.push(Dropped {
                key: record.key,
                op: record.op.clone(),
                bytes,
                seconds: record.seconds,
                objects: objects.into_iter().collect(),
            });
        }
        candidates.retain(|dropped| dropped.bytes > 0);
        candidates.sort_by(|a, b| {
            let cost = |it: &Dropped| it.seconds / it.bytes as f64;
            cost(a).total_cmp(&cost(b)).then(b.bytes.cmp(&a.bytes)).then(a.key.cmp(&b.key))
        });

        eviction.bytes = bytes_below(self.root());
        eviction.bytes_after = eviction.bytes.saturating_sub(leftovers);
        let mut gone = BTreeSet::new();
        for mut dropped in candidates {
            if eviction.bytes_after <= retention.max_bytes {
                break;
            }
            dropped.objects.retain(|digest| gone.insert(*digest));
            dropped.bytes = dropped.objects.iter().map(|digest| self.bytes_of(*digest)).sum();
            if dropped.bytes > 0 {
                eviction.bytes_after = eviction.bytes_after.saturating_sub(dropped.bytes);
                eviction.dropped.push(dropped);
            }
        }
        Ok(eviction)
    }

    /// Drops what was decided. A run that wanted to read it makes it again.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn evict(&self, eviction: &Eviction) -> Result<(), StoreError> {
        for digest in eviction.dropped.iter().flat_map(|dropped| &dropped.objects) {
            let path = self.object_path(*digest);
            remove(&path)?;
            remove(&tree_path(&path))?;
        }
        Ok(())
    }

    /// Returns why each result is kept, where it is.
    fn reasons(
        &self,
        records: &[(std::path::PathBuf, Option<Record>)],
        retention: &Retention,
    ) -> Result<HashMap<Key, Keep>, StoreError> {
        let keys = |listings: Vec<super::Listing>| -> BTreeSet<Key> {
            listings.into_iter().flat_map(|listing| listing.keys).collect()
        };
        let pinned = keys(self.listings(Listed::Pin)?);
        let of_runs = keys(self.finished_runs()?);
        let counts = |keep: &Keep| !retention.disregarded.contains(keep);
        let reason = |path: &Path, record: &Record| {
            let holds = |keep: &Keep| match keep {
                Keep::Pinned => pinned.contains(&record.key),
                Keep::Irreproducible => !record.reproducible,
                Keep::Run => of_runs.contains(&record.key),
                Keep::Recent => is_recent(path, retention.recent),
            };
            let all = [Keep::Pinned, Keep::Irreproducible, Keep::Run, Keep::Recent];
            all.into_iter().filter(counts).find(holds)
        };
        let known = records.iter().filter_map(|(path, record)| Some((path, record.as_ref()?)));
        Ok(known.filter_map(|(path, record)| Some((record.key, reason(path, record)?))).collect())
    }

    /// The bytes of an object and its digest tree; 0 where it is gone.
    fn bytes_of(&self, digest: Digest) -> u64 {
        let path = self.object_path(digest);
        let bytes = |path: &Path| fs::symlink_metadata(path).map_or(0, |metadata| metadata.len());
        bytes(&path) + bytes(&tree_path(&path))
    }
}

/// Whether a record was filed or used within this time. A time that cannot be told, or is to come, counts as now.
fn is_recent(path: &Path, recent: Duration) -> bool {
    let used = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    used.and_then(|used| SystemTime::now().duration_since(used).ok()).is_none_or(|age| age < recent)
}
