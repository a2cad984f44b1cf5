//! What the first bytes and the chunk sizes of a file say, before a decoder sees it.
//!
//! Names lie (TESS holds AIFF data called `.wav`), and so do sizes: an interrupted copy promises more than
//! it holds, a recorder that wrote to a pipe promises 4 GB. The decoder stops at the last whole packet of
//! what was promised, so the promise is settled first: it gets every frame that is there.

/// The containers that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    Wav,
    Aiff,
    Flac,
    Ogg,
    Mp3,
    /// ID3 tags in front of MP3 (usually) or FLAC data.
    Tagged,
}

impl Container {
    /// What `bytes` begin with.
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

/// Sample data that ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shortfall {
    /// Whole blocks that the header promises (for AIFF and PCM: frames).
    pub(crate) promised_blocks: u64,
}

/// Makes the sizes in a WAV or AIFF file agree with its length. Says what was promised where the sample
/// data ends early.
pub(crate) fn settle_sizes(bytes: &mut [u8], container: Container) -> Option<Shortfall> {
    let big_endian = match container {
        Container::Wav => false,
        Container::Aiff => true,
        _ => return None,
    };
    let mut block_bytes = 0;
    let mut promised_frames = None;
    let mut start = 12;
    loop {
        let tag: [u8; 4] = bytes.get(start..start + 4)?.try_into().ok()?;
        let length = read_u32(bytes, start + 4, big_endian)?;
        let body = start + 8;
        match &tag {
            b"fmt " => {
                block_bytes = u64::from(u16::from_le_bytes(bytes.get(body + 12..body + 14)?.try_into().ok()?))
            }
            b"COMM" => promised_frames = read_u32(bytes, body + 2, true).map(u64::from),
            b"data" | b"SSND" => {
                let present = u32::try_from(bytes.len() - body).unwrap_or(u32::MAX);
                let parent_end = u64::from(read_u32(bytes, 4, big_endian)?) + 8;
                let promised_end = body as u64 + u64::from(length);
                if promised_end > parent_end || length > present {
                    write_u32(bytes, 4, u32::try_from(bytes.len() - 8).unwrap_or(u32::MAX), big_endian);
                }
                if length <= present {
                    return None;
                }
                write_u32(bytes, start + 4, present, big_endian);
                let streamed = length >= STREAMED_BYTES;
                let promised_blocks =
                    promised_frames.or_else(|| u64::from(length).checked_div(block_bytes)).unwrap_or(0);
                return (!streamed).then_some(Shortfall { promised_blocks });
            }
            _ => {}
        }
        // Chunks start at even positions.
        start = body + length as usize + (length % 2) as usize;
    }
}

/// Writers that cannot seek back put a size near 2 or 4 GB: they promise nothing.
const STREAMED_BYTES: u32 = 0x7fff_0000;

fn read_u32(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
}

fn write_u32(bytes: &mut [u8], at: usize, value: u32, big_endian: bool) {
    let value = if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    bytes[at..at + 4].copy_from_slice(&value);
}

/// Whether an OGG file's last page is marked as the last: it was not cut off between pages.
pub(crate) fn ogg_ends(bytes: &[u8]) -> bool {
    const END_OF_STREAM: u8 = 4;
    bytes
        .windows(6)
        .rposition(|page| page.starts_with(b"OggS"))
        .is_some_and(|at| bytes[at + 5] & END_OF_STREAM != 0)
}
