//! Pseudo-random order in which the place of each name is independent of the others.

/// Returns the sort key of `name` for `seed`. Adding or removing names moves no other.
pub(super) fn place(seed: u64, name: &str) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(name.as_bytes());
    let mut place = [0; 16];
    place.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    place
}
