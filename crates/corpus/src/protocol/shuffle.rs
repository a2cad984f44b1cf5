//! An order that looks random and belongs to each name alone.

/// Where `name` stands in the order of `seed`. Adding or taking away names moves no other.
pub(super) fn place(seed: u64, name: &str) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(name.as_bytes());
    let mut place = [0; 16];
    place.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    place
}
