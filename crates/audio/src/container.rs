//! Detection of containers from their first bytes, and correction of chunk sizes, before decoding.
//!
//! File names can be wrong (TESS has AIFF data called `.wav`), and so can sizes: an interrupted copy declares more
//! than it holds, a recorder that wrote to a pipe declares 4 GiB. The decoder stops at the last complete packet of
//! the declared size, so the size is corrected first, and every frame that is present is decoded.

use std::iter;

/// The supported containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    Wav,
    Aiff,
    Flac,
    Ogg,
    Mp3,
    /// ID3 tags before MP3 (usually) or FLAC data.
    Tagged,
}

impl Container {
    /// Detects the container from the first bytes.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some(Self::Wav),
            [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C', ..] => Some(Self::Aiff),
            [b'f', b'L', b'a', b'C', ..] => Some(Self::Flac),
            [b'O', b'g', b'g', b'S', ..] => Some(Self::Ogg),
            [b'I', b'D', b'3', ..] => Some(Self::Tagged),
            // 11 bits of frame sync, then neither a reserved version nor a reserved layer.
            [0xff, second, ..] if second & 0xe0 == 0xe0 && second & 0x18 != 0x08 && second & 0x06 != 0 => {
                Some(Self::Mp3)
            }
            _ => None,
        }
    }
}

/// A chunk of a WAV or AIFF file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk {
    pub(crate) tag: [u8; 4],
    /// Offset of the body.
    pub(crate) body: usize,
    /// Declared length of the body in bytes.
    pub(crate) length: u32,
}

/// Iterates over the chunks of a WAV (little-endian) or AIFF (big-endian) file.
pub(crate) fn chunks(bytes: &[u8], big_endian: bool) -> impl Iterator<Item = Chunk> {
    let mut start = 12;
    iter::from_fn(move || {
        let tag = bytes.get(start..start + 4)?.try_into().ok()?;
        let length = read_u32(bytes, start + 4, big_endian)?;
        let body = start + 8;
        // Chunks start at even positions.
        start = body + length as usize + (length % 2) as usize;
        Some(Chunk { tag, body, length })
    })
}

/// Makes the sizes in a WAV or AIFF file agree with its length. If the sample data ends early, returns the declared
/// number of blocks (for PCM: frames).
pub(crate) fn settle_sizes(bytes: &mut [u8], container: Container) -> Option<u64> {
    let big_endian = match container {
        Container::Wav => false,
        Container::Aiff => true,
        _ => return None,
    };
    let mut block_bytes = 0;
    let mut promised_frames = None;
    let data = chunks(bytes, big_endian).find(|chunk| {
        match &chunk.tag {
            b"fmt " => block_bytes = read_u16(bytes, chunk.body + 12).unwrap_or(0),
            b"COMM" => promised_frames = read_u32(bytes, chunk.body + 2, true).map(u64::from),
            _ => {}
        }
        matches!(&chunk.tag, b"data" | b"SSND")
    })?;

    let present = u32::try_from(bytes.len() - data.body).unwrap_or(u32::MAX);
    let parent_end = u64::from(read_u32(bytes, 4, big_endian)?) + 8;
    // A recorder that never updated its header leaves the sizes from before the first sample.
    let was_left_open = container == Container::Wav && data.length == 0 && parent_end <= data.body as u64;
    if was_left_open || data.length > present || data.body as u64 + u64::from(data.length) > parent_end {
        let whole = u32::try_from(bytes.len() - 8).unwrap_or(u32::MAX);
        write_u32(bytes, 4, whole, big_endian);
    }
    if data.length <= present && !was_left_open {
        return None;
    }
    write_u32(bytes, data.body - 4, present, big_endian);
    if was_left_open || data.length >= STREAMED_BYTES {
        return None;
    }
    promised_frames.or_else(|| u64::from(data.length).checked_div(u64::from(block_bytes)))
}

/// Sizes from here on are placeholders: writers that cannot seek back write a size near 2 or 4 GiB.
const STREAMED_BYTES: u32 = 0x7fff_0000;

/// Reads the little-endian number at `at`.
pub(crate) fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Reads the number at `at`.
pub(crate) fn read_u32(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
}

fn write_u32(bytes: &mut [u8], at: usize, value: u32, big_endian: bool) {
    let value = if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    bytes[at..at + 4].copy_from_slice(&value);
}

/// Returns whether the last page of an OGG file is marked as the last, that is, the file was not truncated between
/// pages.
pub(crate) fn ogg_ends(bytes: &[u8]) -> bool {
    const END_OF_STREAM: u8 = 4;
    bytes
        .windows(6)
        .rposition(|page| page.starts_with(b"OggS"))
        .is_some_and(|at| bytes[at + 5] & END_OF_STREAM != 0)
}
