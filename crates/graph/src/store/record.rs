//! The result of a key.

use std::collections::BTreeMap;

use affekt_domain::Digest;
use serde::{Deserialize, Serialize};

use super::seal::Sealed;
use crate::{Key, Node};

/// What a key came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The format's version: [`Record::VERSION`], or an earlier one.
    pub version: u32,
    /// The key.
    pub key: Key,
    /// The op.
    pub op: String,
    /// The outputs, in the op's order.
    pub outputs: Vec<Output>,
    /// How long it took.
    pub seconds: f64,
    /// Whether running it again gives the same bytes.
    pub reproducible: bool,
    /// How much memory of its device it needed at most, in MiB, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// On what it was computed, and how. Not part of the key.
    pub provenance: BTreeMap<String, String>,
}

/// One output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// The digest of its bytes: the object's name.
    pub digest: Digest,
    /// Its length.
    pub bytes: u64,
}

impl Record {
    /// The version of the format that this program writes. Records of version 1 have no digest of their own.
    pub const VERSION: u32 = 2;

    /// Reads the contents of a record's file.
    pub(super) fn unsealed(bytes: &[u8]) -> Sealed<Self> {
        Sealed::read(bytes, Self::VERSION, 1)
    }

    /// Returns the output called `name`.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&Output> {
        self.outputs.iter().find(|output| output.name == name)
    }

    /// Returns whether it can be the result of a node: of its op, with its outputs.
    #[must_use]
    pub fn is_of(&self, node: &Node) -> bool {
        self.op == node.op && self.outputs.iter().map(|output| &output.name).eq(&node.outputs)
    }
}
