//! Lists of results that belong together: those of a finished run, those that are pinned.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::seal::{Sealed, sealed};
use super::{Store, StoreError, failed, hash_bytes};
use crate::Key;

/// Why results are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// A run that finished is made of them.
    Run,
    /// Somebody wants them kept.
    Pin,
}

/// A list of results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The format's version: [`Listing::VERSION`].
    pub version: u32,
    /// What they are: of a run `<experiment>/<run id>`, of a pin what was pinned.
    pub name: String,
    /// The run's folder, in full. Once somebody has removed it, the listing counts no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// The keys of the results.
    pub keys: BTreeSet<Key>,
}

impl Listing {
    /// The version of the format that this program writes.
    pub const VERSION: u32 = 1;

    /// Makes the list of a run that finished in `folder`, or of a pin.
    #[must_use]
    pub fn new(name: String, folder: Option<PathBuf>, keys: BTreeSet<Key>) -> Self {
        Self { version: Self::VERSION, name, folder, keys }
    }

    /// Returns where in a store its file lies. Of a run, `<experiment>/<run id>-…`: runs of one name may lie in several
    /// folders. Of a pin there is one of each name.
    #[must_use]
    pub fn path(&self, why: Listed) -> PathBuf {
        let name = hash_bytes(self.name.as_bytes()).to_string();
        match why {
            Listed::Pin => Path::new("pins").join(&name[..2]).join(name).with_extension("json"),
            Listed::Run => {
                let whole = hash_bytes(&self.to_bytes()).short();
                Path::new("runs").join(format!("{}-{whole}.json", self.name))
            }
        }
    }

    /// Returns the contents of its file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        sealed(self)
    }

    /// Reads the contents of a listing's file; `None` where it is damaged, or of a later version.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match Sealed::read(bytes, Self::VERSION, 0) {
            Sealed::Whole(listing) => Some(listing),
            Sealed::Newer | Sealed::Damaged => None,
        }
    }

    /// Returns whether its run's folder was removed. One that is not there because nothing is there, not even what its
    /// `runs/` lay in, may be on a disk that this machine does not see.
    fn is_removed(&self) -> bool {
        const ABOVE_RUNS: usize = 3;
        self.folder.as_ref().is_some_and(|folder| {
            !folder.exists() && folder.ancestors().nth(ABOVE_RUNS).is_none_or(Path::exists)
        })
    }
}

impl Store {
    /// Files a list, in place of one of the same name and folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn list(&self, why: Listed, listing: &Listing) -> Result<(), StoreError> {
        self.write(&self.root().join(listing.path(why)), &listing.to_bytes())
    }

    /// Removes a list; whether there was one.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn unlist(&self, why: Listed, listing: &Listing) -> Result<bool, StoreError> {
        let path = self.root().join(listing.path(why));
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed("remove", &path)(error)),
        }
    }

    /// Returns all lists of a kind, by name.
    ///
    /// # Errors
    /// When one cannot be read, is damaged, or was written by a later version: what it keeps is not known.
    pub fn listings(&self, why: Listed) -> Result<Vec<Listing>, StoreError> {
        let mut listings = Vec::new();
        for (path, listing) in self.listing_files(why)? {
            let unknown = || io::Error::other("it is damaged; `cache fsck` sets it aside");
            listings.push(listing.ok_or_else(|| failed("read", &path)(unknown()))?);
        }
        listings.sort_by(|a: &Listing, b| a.name.cmp(&b.name));
        Ok(listings)
    }

    /// Lists the files of lists with what they hold; `None` for one that is damaged.
    pub(super) fn listing_files(&self, why: Listed) -> Result<Vec<(PathBuf, Option<Listing>)>, StoreError> {
        let folder = match why {
            Listed::Run => "runs",
            Listed::Pin => "pins",
        };
        if !self.root().join(folder).is_dir() {
            return Ok(Vec::new());
        }
        let mut listings = Vec::new();
        for path in self.files_of(folder)? {
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let bytes = fs::read(&path).map_err(failed("read", &path))?;
            let is_in_place = |listing: &Listing| path.ends_with(listing.path(why));
            match Sealed::read(&bytes, Listing::VERSION, 0) {
                Sealed::Whole(listing) => listings.push((path.clone(), Some(listing).filter(is_in_place))),
                Sealed::Damaged => listings.push((path, None)),
                Sealed::Newer => {
                    let why = io::Error::other("a later version of this program wrote it");
                    return Err(failed("read", &path)(why));
                }
            }
        }
        Ok(listings)
    }

    /// Returns the runs whose folders are still there, or may be.
    pub(super) fn finished_runs(&self) -> Result<Vec<Listing>, StoreError> {
        Ok(self.listings(Listed::Run)?.into_iter().filter(|listing| !listing.is_removed()).collect())
    }

    /// Lists the files of runs whose folders were removed.
    pub(super) fn removed_runs(&self) -> Result<Vec<PathBuf>, StoreError> {
        let files = self.listing_files(Listed::Run)?.into_iter();
        let removed = files.filter(|(_, listing)| listing.as_ref().is_some_and(Listing::is_removed));
        Ok(removed.map(|(path, _)| path).collect())
    }
}
