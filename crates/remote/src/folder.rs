//! A folder: another store, here or on a mounted disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use affekt_graph::{Listed, Listing, Scratch, Store, hash_bytes};

use crate::error::{RemoteError, local};
use crate::item::Item;
use crate::parallel::in_parallel;
use crate::remote::{Access, Listable, Remote, Transfer};

/// Another store.
#[derive(Debug)]
pub struct FolderRemote {
    store: Store,
    /// Held while results are sent, so that a `cache gc` there leaves objects whose records are still to come.
    scratch: Option<Scratch>,
}

impl FolderRemote {
    /// Opens the store in a folder; where results are to be sent, makes one.
    ///
    /// # Errors
    /// When there is none, or the folder holds something else.
    pub fn open(folder: &Path, access: Access) -> Result<Self, RemoteError> {
        match access {
            Access::Read if !Store::is_in(folder) => {
                Err(RemoteError::Location(format!("there is no store in {}", folder.display())))
            }
            Access::Read => Ok(Self { store: Store::open(folder)?, scratch: None }),
            Access::Write => {
                let store = Store::open(folder)?;
                let scratch = Some(store.scratch()?);
                Ok(Self { store, scratch })
            }
        }
    }

    fn path(&self, item: &Item) -> PathBuf {
        self.store.root().join(item.path())
    }

    fn put_one(&self, transfer: &Transfer) -> Result<(), RemoteError> {
        let Transfer { item, file, digest } = transfer;
        let read = || fs::read(file).map_err(local("read", file));
        let arrived = match item {
            // The store there made its own; and makes the trees of its objects.
            Item::Mark | Item::Tree(_) => true,
            Item::Object(digest) => {
                let scratch = self.scratch.as_ref().map_or_else(|| self.store.root(), Scratch::path);
                let copy = scratch.join(digest.to_string());
                fs::copy(file, &copy).map_err(local("copy an object to", &copy))?;
                self.store.receive(*digest, &copy)?
            }
            Item::Record(key) => self.store.receive_record(*key, &read()?)?.is_some(),
            Item::Run(_) => match Listing::from_bytes(&read()?) {
                Some(listing) => {
                    self.store.list(Listed::Run, &listing)?;
                    true
                }
                None => false,
            },
        };
        let is_as_sent = |digest| fs::read(file).is_ok_and(|bytes| hash_bytes(&bytes) == digest);
        if arrived && (matches!(item, Item::Object(_)) || digest.is_none_or(is_as_sent)) {
            return Ok(());
        }
        Err(RemoteError::Garbled { item: item.clone(), remote: self.name() })
    }
}

impl Remote for FolderRemote {
    fn name(&self) -> String {
        self.store.root().display().to_string()
    }

    fn sizes(&self, items: &[Item]) -> Result<Vec<Option<u64>>, RemoteError> {
        let size = |item: &Item| match fs::metadata(self.path(item)) {
            Ok(metadata) => Some(metadata.len()).filter(|_| metadata.is_file()),
            Err(_) => None,
        };
        Ok(items.iter().map(size).collect())
    }

    fn get(&self, transfers: &[Transfer]) -> Result<Vec<bool>, RemoteError> {
        in_parallel(transfers, |transfer| {
            let path = self.path(&transfer.item);
            match fs::copy(&path, &transfer.file) {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(local("copy", &path)(error)),
            }
        })
    }

    fn put(&self, transfers: &[Transfer]) -> Result<(), RemoteError> {
        in_parallel(transfers, |transfer| self.put_one(transfer)).map(drop)
    }

    fn list(&self, what: Listable) -> Result<Vec<Item>, RemoteError> {
        let folder = self.store.root().join(what.folder());
        let names = |folder: &Path| -> Result<Vec<String>, RemoteError> {
            let entries = match fs::read_dir(folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(local("list", folder)(error)),
            };
            Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
        };
        let mut items = Vec::new();
        for shard in names(&folder)?.into_iter().filter(|shard| folder.join(shard).is_dir()) {
            let inside = names(&folder.join(&shard))?.into_iter();
            items.extend(inside.filter_map(|name| Item::parse(&format!("{}/{shard}/{name}", what.folder()))));
        }
        items.sort();
        Ok(items)
    }
}
