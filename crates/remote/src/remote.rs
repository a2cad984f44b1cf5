//! What a place elsewhere is asked: to hold files, and to hand them out.

use std::fmt::Debug;
use std::path::PathBuf;

use affekt_domain::Digest;

use crate::error::RemoteError;
use crate::folder::FolderRemote;
use crate::item::Item;
use crate::location::Location;
use crate::ssh::SshRemote;

/// A place that holds files of stores.
pub trait Remote: Debug + Send + Sync {
    /// Returns what messages call it. Never holds a token.
    fn name(&self) -> String;

    /// Returns the size of each of these files; `None` for one that is not there.
    ///
    /// # Errors
    /// When that cannot be told.
    fn sizes(&self, items: &[Item]) -> Result<Vec<Option<u64>>, RemoteError>;

    /// Fetches files as they are; whether each was there.
    ///
    /// # Errors
    /// When it cannot be asked, or a file cannot be written on this side.
    fn get(&self, transfers: &[Transfer]) -> Result<Vec<bool>, RemoteError>;

    /// Sends files. Each appears whole under its name, or not at all.
    ///
    /// # Errors
    /// When one does not arrive as it was sent.
    fn put(&self, transfers: &[Transfer]) -> Result<(), RemoteError>;

    /// Lists all records, or all lists of finished runs.
    ///
    /// # Errors
    /// When it cannot be asked.
    fn list(&self, what: Listable) -> Result<Vec<Item>, RemoteError>;
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listable {
    /// Records.
    Records,
    /// Lists of finished runs.
    Runs,
}

impl Listable {
    /// Returns the folder of a store that they lie in, two levels down.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Records => "results",
            Self::Runs => "runs",
        }
    }
}

/// A file on its way.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// What it is there.
    pub item: Item,
    /// Where it lies here, or is to lie.
    pub file: PathBuf,
    /// The digest of its bytes, where it is sent.
    pub digest: Option<Digest>,
}

/// What is done with a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Results are fetched.
    Read,
    /// Results are sent: a store is made where none is.
    Write,
}

/// How far a push or pull has come: files and bytes done, of how many.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Files done.
    pub files: u64,
    /// Of how many.
    pub of_files: u64,
    /// Bytes done.
    pub bytes: u64,
    /// Of how many.
    pub of_bytes: u64,
}

/// Opens a place.
///
/// # Errors
/// When it cannot be used: a folder that is no store, a bucket without credentials or in a program built without them.
pub fn open(location: &Location, access: Access) -> Result<Box<dyn Remote>, RemoteError> {
    match location {
        Location::Folder(folder) => Ok(Box::new(FolderRemote::open(folder, access)?)),
        Location::Ssh(host) => Ok(Box::new(SshRemote::new(host.clone()))),
        #[cfg(feature = "s3")]
        Location::Bucket { bucket, prefix } => {
            Ok(Box::new(crate::s3::BucketRemote::of_environment(bucket, prefix)?))
        }
        #[cfg(not(feature = "s3"))]
        Location::Bucket { .. } => Err(RemoteError::Location(format!(
            "{location}: this program was built without buckets\n\
             hint: build it with `cargo build -p affekt-cli --features s3`; what `cargo xtask dist` makes has them"
        ))),
    }
}
