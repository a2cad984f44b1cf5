//! What a result is filed under.
//!
//! A key is the BLAKE3 digest of the [`parts`] of a node, and `explain` prints the same parts: nothing enters
//! a key that cannot be shown.

use std::fmt;
use std::str::FromStr;

use affekt_domain::{Digest, ParseDigestError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Node;

/// Longer values are shown (and hashed) as their digest.
const LONGEST_SHOWN: usize = 256;

/// The key of a node whose inputs are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key(Digest);

impl Key {
    /// Makes the key of these parts.
    #[must_use]
    pub fn of(parts: &[KeyPart]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for text in parts.iter().flat_map(|part| [&part.name, &part.value]) {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        Self(Digest::from_bytes(*hasher.finalize().as_bytes()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Key {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// One named thing that a key depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPart {
    /// `op`, `params.hop_length`, `in.features[3]`, `seed`, `numerics.threads`.
    pub name: String,
    /// Its value as text.
    pub value: String,
}

/// Lists everything that decides the result of `node`, given the contents of its inputs (one list a port) and, for
/// a source, the fingerprint of what it reads outside the graph.
#[must_use]
pub fn parts(node: &Node, inputs: &[Vec<Digest>], fingerprint: Option<Digest>) -> Vec<KeyPart> {
    let mut parts = Vec::new();
    let mut add = |name: String, value: String| {
        let value = if value.len() > LONGEST_SHOWN {
            format!("{} bytes, blake3:{}", value.len(), blake3::hash(value.as_bytes()).to_hex())
        } else {
            value
        };
        parts.push(KeyPart { name, value });
    };
    add("op".into(), node.op.clone());
    add("version".into(), node.version.to_string());
    leaves("params", &node.params, &mut add);
    for (input, digests) in node.inputs.iter().zip(inputs) {
        for (position, digest) in digests.iter().enumerate() {
            add(format!("in.{}[{position}]", input.port), digest.to_string());
        }
    }
    if let Some(digest) = fingerprint {
        add("outside".into(), digest.to_string());
    }
    if let Some(seed) = node.seed {
        add("seed".into(), seed.to_string());
    }
    for (name, value) in &node.numerics {
        add(format!("numerics.{name}"), value.clone());
    }
    parts
}

/// Maps are walked in the order of their names; anything else is one leaf of canonical JSON.
fn leaves(path: &str, value: &Value, add: &mut impl FnMut(String, String)) {
    let Value::Object(map) = value else {
        return add(path.to_owned(), value.to_string());
    };
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(name, _)| *name);
    for (name, value) in entries {
        leaves(&format!("{path}.{name}"), value, add);
    }
}
