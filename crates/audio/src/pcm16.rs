//! Fast decoding of the common case, 16-bit PCM in a WAV file: five times as fast as the general decoder.

use crate::container::{chunks, read_u16, read_u32};
use crate::error::RateError;
use crate::{AudioFault, Decoded};

/// Decodes a WAV file of 16-bit PCM; returns `None` for any other format. Its chunk sizes must have been corrected by
/// `settle_sizes`.
pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Decoded>, AudioFault> {
    Ok(match find(bytes) {
        Some((channels, rate, data)) => {
            let (samples, _) = data.as_chunks::<2>();
            let whole_frames = samples.len() - samples.len() % usize::from(channels);
            let samples = samples[..whole_frames]
                .iter()
                .map(|bytes| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0)
                .collect();
            Some(Decoded { samples, rate: RateError::check(rate)?, channels, truncated: None })
        }
        None => None,
    })
}

/// Returns the number of channels, the rate and the sample data.
fn find(bytes: &[u8]) -> Option<(u16, u32, &[u8])> {
    const PCM: u16 = 1;
    let mut format = None;
    for chunk in chunks(bytes, false) {
        match &chunk.tag {
            b"fmt " => {
                let field = |at| read_u16(bytes, chunk.body + at);
                let (kind, channels, block, bits) = (field(0)?, field(2)?, field(12)?, field(14)?);
                if kind != PCM || bits != 16 || channels == 0 || block != channels.checked_mul(2)? {
                    return None;
                }
                format = Some((channels, read_u32(bytes, chunk.body + 4, false)?));
            }
            b"data" => {
                let (channels, rate) = format?;
                return Some((channels, rate, bytes.get(chunk.body..chunk.body + chunk.length as usize)?));
            }
            _ => {}
        }
    }
    None
}
