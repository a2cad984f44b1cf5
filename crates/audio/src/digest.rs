//! Digests of decoded audio.

use affekt_domain::Digest;

use crate::Decoded;

/// Computes BLAKE3 over the rate, the channels and every sample. A WAV file and its FLAC copy have the same digest,
/// since both decode to the same f32 values (integers of up to 24 bits are exact in f32).
#[must_use]
pub fn digest(decoded: &Decoded) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"affekt audio 1");
    hasher.update(&decoded.rate.to_le_bytes());
    hasher.update(&decoded.channels.to_le_bytes());
    let mut bytes = vec![0; CHUNK.min(decoded.samples.len()) * 4];
    for chunk in decoded.samples.chunks(CHUNK) {
        for (bytes, sample) in bytes.chunks_exact_mut(4).zip(chunk) {
            bytes.copy_from_slice(&canonical(*sample).to_le_bytes());
        }
        hasher.update(&bytes[..chunk.len() * 4]);
    }
    Digest::from_bytes(*hasher.finalize().as_bytes())
}

/// Samples hashed at once, enough for BLAKE3's widest SIMD.
const CHUNK: usize = 16 * 1024;

/// Maps equal values to one bit pattern: float formats can hold a negative zero and many NaNs.
fn canonical(sample: f32) -> u32 {
    match sample {
        0.0 => 0,
        sample if sample.is_nan() => f32::NAN.to_bits(),
        sample => sample.to_bits(),
    }
}
