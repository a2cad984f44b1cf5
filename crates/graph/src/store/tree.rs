//! The digest tree of a file: what lets a gigabyte be verified a block at a time.
//!
//! BLAKE3 is a tree hash, so the chaining values of aligned [`BLOCK`]s merge into the very digest that names
//! the file. They are kept beside the object, prove themselves against its name when it is opened, and then
//! prove each block when it is first read.

use affekt_domain::Digest;
use blake3::hazmat::{self, ChainingValue, HasherExt, Mode};

/// The unit of verification. A power of two, so that every block is a subtree.
pub const BLOCK: usize = 1 << 20;

/// Returns the digest of `bytes` and, where there is more than one block, the blocks' chaining values.
pub fn hash(bytes: &[u8]) -> (Digest, Vec<ChainingValue>) {
    if bytes.len() <= BLOCK {
        return (Digest::from_bytes(*blake3::hash(bytes).as_bytes()), Vec::new());
    }
    let blocks: Vec<_> = bytes.chunks(BLOCK).enumerate().map(|(i, block)| chaining_value(i, block)).collect();
    (root(&blocks, bytes.len()), blocks)
}

/// Returns the chaining value of block `index` of a file of several blocks.
pub fn chaining_value(index: usize, block: &[u8]) -> ChainingValue {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset((index * BLOCK) as u64);
    hasher.update(block);
    hasher.finalize_non_root()
}

/// Returns the digest of a file of `len` bytes whose blocks have these chaining values (at least two).
pub fn root(blocks: &[ChainingValue], len: usize) -> Digest {
    let (left, right) = halves(blocks, len);
    Digest::from_bytes(*hazmat::merge_subtrees_root(&left, &right, Mode::Hash).as_bytes())
}

fn halves(blocks: &[ChainingValue], len: usize) -> (ChainingValue, ChainingValue) {
    let left_len = hazmat::left_subtree_len(len as u64) as usize;
    let (left, right) = blocks.split_at(left_len / BLOCK);
    (subtree(left, left_len), subtree(right, len - left_len))
}

fn subtree(blocks: &[ChainingValue], len: usize) -> ChainingValue {
    if let [only] = blocks {
        return *only;
    }
    let (left, right) = halves(blocks, len);
    hazmat::merge_subtrees_non_root(&left, &right, Mode::Hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_to_the_plain_digest() {
        for len in [0, 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK - 5, 5 * BLOCK + 1024, 8 * BLOCK] {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 31 % 251) as u8).collect();
            let (digest, blocks) = hash(&bytes);
            assert_eq!(digest.as_bytes(), blake3::hash(&bytes).as_bytes(), "{len} bytes");
            assert_eq!(blocks.len(), if len <= BLOCK { 0 } else { len.div_ceil(BLOCK) });
        }
    }
}
