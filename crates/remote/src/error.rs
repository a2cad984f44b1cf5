//! What goes wrong between here and there.

use std::io;
use std::path::{Path, PathBuf};

use affekt_graph::StoreError;

use crate::item::Item;

/// Something could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// A location that cannot be read, or cannot be used by this program.
    #[error("{0}")]
    Location(String),
    /// The other side refused, or could not be reached. Never holds a token.
    #[error("failed to {action} {remote}: {cause}")]
    Remote {
        /// What was tried.
        action: &'static str,
        /// Where.
        remote: String,
        /// Why not, in words.
        cause: String,
    },
    /// A file on this side.
    #[error("failed to {action} {}: {source}", .path.display())]
    Local {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The store on this side.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is to be pushed is damaged here.
    #[error("{} is damaged in the store; `cache fsck` sets it aside", .0.path())]
    Damaged(Item),
    /// What was pushed did not arrive as it was sent.
    #[error("{} did not arrive at {remote} as it was sent", .item.path())]
    Garbled {
        /// What.
        item: Item,
        /// Where.
        remote: String,
    },
}

/// Makes the error of a file on this side.
pub fn local(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RemoteError + use<> {
    let path = path.to_owned();
    move |source| RemoteError::Local { action, path, source }
}
