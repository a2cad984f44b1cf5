//! A stored file, mapped into memory and verified as it is read.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use affekt_domain::Digest;
use blake3::hazmat::ChainingValue;
use memmap2::Mmap;

use super::tree::{self, BLOCK};

/// An object of the store. Cloning shares the mapping and what has been verified.
#[derive(Clone)]
pub struct Object(Arc<Inner>);

struct Inner {
    path: PathBuf,
    digest: Digest,
    /// `None` for the empty file, which cannot be mapped.
    map: Option<Mmap>,
    blocks: Vec<ChainingValue>,
    verified: Vec<AtomicBool>,
}

/// An object cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// Its bytes are not those it was named for.
    #[error("stored object {} is damaged ({what})", .digest.short())]
    Damaged {
        /// Its name.
        digest: Digest,
        /// How this was seen.
        what: String,
    },
    /// The system refused.
    #[error("failed to open stored object {}", .path.display())]
    Io {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Object {
    /// Opens the object stored at `path` under the name `digest`. Nothing is believed of it that does not follow from
    /// its name, not even its length: the digest tree is read, and the last block.
    ///
    /// # Errors
    /// When it is not there, or its length, digest tree or last block does not belong to its name.
    pub fn open(path: &Path, digest: Digest) -> Result<Self, ObjectError> {
        let io = |source| ObjectError::Io { path: path.to_owned(), source };
        let damaged = |what: &str| ObjectError::Damaged { digest, what: what.to_owned() };
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => damaged("its file is gone"),
            _ => io(error),
        })?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(damaged("something else lies in its place"));
        }
        let len = metadata.len() as usize;
        // SAFETY: objects are never changed in place: writers rename finished files over the name, which leaves
        // this mapping on the old file.
        let map = if len == 0 { None } else { Some(unsafe { Mmap::map(&file) }.map_err(io)?) };
        let n_blocks = len.div_ceil(BLOCK).max(1);
        let blocks = if n_blocks > 1 { Self::blocks(path, digest, len)? } else { Vec::new() };
        let verified = std::iter::repeat_with(AtomicBool::default).take(n_blocks).collect();
        let object = Self(Arc::new(Inner { path: path.to_owned(), digest, map, blocks, verified }));
        object.bytes(len.saturating_sub(1)..len)?;
        Ok(object)
    }

    fn blocks(path: &Path, digest: Digest, len: usize) -> Result<Vec<ChainingValue>, ObjectError> {
        let damaged = |what: &str| ObjectError::Damaged { digest, what: what.to_owned() };
        let bytes = std::fs::read(tree_path(path)).map_err(|_| damaged("its digest tree is missing"))?;
        let (blocks, []) = bytes.as_chunks::<32>() else {
            return Err(damaged("its digest tree is cut short"));
        };
        if blocks.len() != len.div_ceil(BLOCK) || tree::root(blocks, len) != digest {
            return Err(damaged("its length or digest tree does not belong to its name"));
        }
        Ok(blocks.to_vec())
    }

    /// Returns its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.map.as_ref().map_or(0, |map| map.len())
    }

    /// Returns whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the digest it is named for.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Returns the file it lies in.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns these bytes, after verifying the blocks they lie in (once each).
    ///
    /// # Errors
    /// When a block is damaged, or the range reaches past the end.
    pub fn bytes(&self, range: Range<usize>) -> Result<&[u8], ObjectError> {
        let damaged = |what: String| ObjectError::Damaged { digest: self.0.digest, what };
        let all: &[u8] = self.0.map.as_deref().unwrap_or(&[]);
        let wanted =
            all.get(range.clone()).ok_or_else(|| damaged(format!("bytes {range:?} of {}", all.len())))?;
        for index in range.start / BLOCK..range.end.max(1).div_ceil(BLOCK) {
            let verified = &self.0.verified[index];
            if !verified.load(Ordering::Acquire) {
                let block = &all[index * BLOCK..all.len().min((index + 1) * BLOCK)];
                let good = if self.0.blocks.is_empty() {
                    blake3::hash(block).as_bytes() == self.0.digest.as_bytes()
                } else {
                    tree::chaining_value(index, block) == self.0.blocks[index]
                };
                if !good {
                    return Err(damaged(format!("block {index} of {}", self.0.verified.len())));
                }
                verified.store(true, Ordering::Release);
            }
        }
        Ok(wanted)
    }

    /// Returns all its bytes, verified.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn all(&self) -> Result<&[u8], ObjectError> {
        self.bytes(0..self.len())
    }
}

/// Returns where the digest tree of the object at `path` lies.
pub fn tree_path(path: &Path) -> PathBuf {
    path.with_extension("tree")
}
