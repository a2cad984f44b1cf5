//! Random draws for single utterances.

use affekt_domain::SplitMix64;

/// Returns the random stream of copy `copy` of `utterance` for one `purpose`. It depends on nothing else, in
/// particular not on other recordings or the order in which they are processed.
pub(crate) fn draws(purpose: &str, seed: u64, utterance: &str, copy: u32) -> SplitMix64 {
    let mut hasher = blake3::Hasher::new_derive_key(purpose);
    hasher.update(&seed.to_le_bytes());
    hasher.update(&copy.to_le_bytes());
    hasher.update(utterance.as_bytes());
    let mut state = [0; 8];
    hasher.finalize_xof().fill(&mut state);
    SplitMix64(u64::from_le_bytes(state))
}

/// Draws a uniform number in `[0, 1)`, one of 2⁵³ values.
pub(crate) fn uniform(random: &mut SplitMix64) -> f64 {
    (random.bits() >> 11) as f64 / (1_u64 << 53) as f64
}
