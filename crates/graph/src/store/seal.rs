//! The form of the files of records and lists: JSON, whose last field is the digest of all that stands before it. A record
//! decides which bytes are taken for a result, and a list which results are kept, so one that is damaged must be seen to be.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::hash_bytes;

/// What stands before and after the digest.
const BEFORE: &str = ",\n  \"digest\": \"";
const AFTER: &str = "\"\n}";
/// The length of a digest in hexadecimal.
const DIGEST: usize = 64;

/// What such a file holds.
pub enum Sealed<T> {
    /// A value as it was written.
    Whole(T),
    /// A value as it was written, by a later version of the program.
    Newer,
    /// Anything else.
    Damaged,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// Returns the contents of the file of a value, which is a JSON object with a `version`.
pub fn sealed(value: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_string_pretty(value).unwrap_or_default();
    let body = json.strip_suffix("\n}").unwrap_or_default();
    format!("{body}{BEFORE}{}{AFTER}", hash_bytes(body.as_bytes())).into_bytes()
}

impl<T: DeserializeOwned> Sealed<T> {
    /// Reads the contents of a file. `known` is the last version that this program knows, `unsealed` that up to which they
    /// were written without a digest.
    pub fn read(bytes: &[u8], known: u32, unsealed: u32) -> Self {
        let has_digest = has_its_digest(bytes);
        let version = serde_json::from_slice(bytes).map(|Version { version }| version);
        match (version, serde_json::from_slice(bytes)) {
            (Ok(version), _) if has_digest && version > known => Self::Newer,
            (Ok(version), Ok(value)) if has_digest || (1..=unsealed).contains(&version) => Self::Whole(value),
            _ => Self::Damaged,
        }
    }
}

/// Whether the file ends with the digest of what stands before it.
fn has_its_digest(bytes: &[u8]) -> bool {
    let split = || {
        let (body, digest) = bytes.strip_suffix(AFTER.as_bytes())?.split_last_chunk::<DIGEST>()?;
        Some((body.strip_suffix(BEFORE.as_bytes())?, digest))
    };
    split().is_some_and(|(body, digest)| hash_bytes(body).to_string().as_bytes() == digest)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::store::Record;
    use crate::{Key, Output};

    fn record() -> Record {
        Record {
            version: Record::VERSION,
            key: Key::of(&[]),
            op: "train".into(),
            outputs: vec![Output { name: "model".into(), digest: hash_bytes(b"model"), bytes: 5 }],
            seconds: 0.1 + 0.2,
            reproducible: false,
            memory_mib: None,
            provenance: BTreeMap::from([("cpu".into(), "x".into())]),
        }
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let whole = sealed(&record());
        assert!(matches!(Record::unsealed(&whole), Sealed::Whole(read) if read == record()));
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(Record::unsealed(&flipped), Sealed::Damaged), "bit {bit}");
        }
        for len in 0..whole.len() {
            assert!(matches!(Record::unsealed(&whole[..len]), Sealed::Damaged), "{len} bytes");
        }
    }

    #[test]
    fn records_without_a_digest_are_those_of_old() {
        let plain = |version| serde_json::to_vec_pretty(&Record { version, ..record() }).unwrap();
        assert!(matches!(Record::unsealed(&plain(1)), Sealed::Whole(_)));
        assert!(matches!(Record::unsealed(&plain(2)), Sealed::Damaged));
        let newer = sealed(&Record { version: Record::VERSION + 1, ..record() });
        assert!(matches!(Record::unsealed(&newer), Sealed::Newer));
    }
}
