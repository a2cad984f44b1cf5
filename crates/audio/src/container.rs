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
    /// WAV with its most significant bytes first.
    Rifx,
    /// WAV with sizes of 64 bits: RF64 and BW64.
    Rf64,
    Wave64,
    Au,
    Sphere,
    Aiff,
    Flac,
    Ogg,
    Mp3,
    /// ID3 tags before MP3 (usually) or FLAC data.
    Tagged,
    /// AAC without a container.
    Adts,
    /// MP4 and M4A.
    Mp4,
    Caf,
}

impl Container {
    /// Detects the container from the first bytes.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some(Self::Wav),
            [b'R', b'I', b'F', b'X', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some(Self::Rifx),
            [b'R', b'F', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E', ..]
            | [b'B', b'W', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some(Self::Rf64),
            [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C', ..] => Some(Self::Aiff),
            [b'f', b'L', b'a', b'C', ..] => Some(Self::Flac),
            [b'O', b'g', b'g', b'S', ..] => Some(Self::Ogg),
            [b'I', b'D', b'3', ..] => Some(Self::Tagged),
            [b'.', b's', b'n', b'd', ..] | [b'd', b'n', b's', b'.', ..] => Some(Self::Au),
            [b'c', b'a', b'f', b'f', ..] => Some(Self::Caf),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some(Self::Mp4),
            _ if bytes.starts_with(b"NIST_1A") => Some(Self::Sphere),
            _ if bytes.starts_with(WAVE64) => Some(Self::Wave64),
            // 12 bits of frame sync and the layer 0.
            [0xff, second, ..] if second & 0xf6 == 0xf0 => Some(Self::Adts),
            // 11 bits of frame sync, then neither a reserved version nor a reserved layer.
            [0xff, second, ..] if second & 0xe0 == 0xe0 && second & 0x18 != 0x08 && second & 0x06 != 0 => {
                Some(Self::Mp3)
            }
            _ => None,
        }
    }
}

/// The identifier that a Wave64 file begins with.
const WAVE64: &[u8] = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00";

/// Beginnings of audio files that nothing here reads, and what they are.
const FOREIGN: [(&[u8], &str); 14] = [
    (b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (b"wvpk", "WavPack"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media"),
    (b"#!AMR", "AMR"),
    (b"MAC ", "Monkey's Audio"),
    (b"TTA", "True Audio"),
    (b"MPCK", "Musepack"),
    (b"DSD ", "DSD"),
    (b"ajkg", "Shorten"),
    (b".RMF", "RealMedia"),
    (b".ra\xfd", "RealAudio"),
    (b"FLV\x01", "Flash video"),
    (b"\x00\x00\x01\xba", "MPEG video"),
    (b"FRM8", "DSD in DSDIFF"),
];

/// Names the kind of an audio file that is not supported, by its first bytes.
pub(crate) fn foreign(bytes: &[u8]) -> Option<&'static str> {
    if let [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] = bytes {
        return Some("AVI video");
    }
    FOREIGN.iter().find(|(beginning, _)| bytes.starts_with(beginning)).map(|(_, kind)| *kind)
}

/// Returns whether the first bytes of a file, of which sixteen are enough, are those of an audio file, supported or not.
#[must_use]
pub fn is_audio(beginning: &[u8]) -> bool {
    // Two bytes of frame sync are too little to tell audio from anything else.
    let is_certain = |container| !matches!(container, Container::Mp3 | Container::Adts | Container::Tagged);
    Container::of(beginning).is_some_and(is_certain) || foreign(beginning).is_some()
}

/// Returns the length of a file without tags behind its audio (ID3v1 and APE), which hide the end of FLAC data.
pub(crate) fn without_tags_behind(bytes: &[u8]) -> usize {
    let mut end = bytes.len();
    loop {
        let rest = &bytes[..end];
        let tag = rest.len().checked_sub(128).filter(|at| rest[*at..].starts_with(b"TAG"));
        let footer = rest.len().checked_sub(32).filter(|at| rest[*at..].starts_with(b"APETAGEX"));
        // Its size does not count a header of 32 bytes, which a flag tells of.
        let ape = footer.and_then(|at| {
            let (size, flags) = (read_u32(rest, at + 12, false)?, read_u32(rest, at + 20, false)?);
            let header = if flags & 0x8000_0000 == 0 { 0 } else { 32 };
            rest.len().checked_sub(size as usize + header)
        });
        match tag.or(ape).filter(|start| *start < end) {
            Some(start) => end = start,
            None => return end,
        }
    }
}

/// Rewrites the header of an RF64 file as that of the WAV file it would be if it were small, which those are that fit
/// into memory.
pub(crate) fn rf64_to_wav(bytes: &mut [u8]) {
    let sizes = chunks(bytes, false).find(|chunk| &chunk.tag == b"ds64");
    let size = |chunk: Chunk, at| {
        let bytes = bytes.get(chunk.body + at..chunk.body + at + 8)?.try_into().ok()?;
        u32::try_from(u64::from_le_bytes(bytes)).ok()
    };
    let (whole, data) = sizes.map_or((None, None), |chunk| (size(chunk, 0), size(chunk, 8)));
    let at = chunks(bytes, false).find(|chunk| &chunk.tag == b"data");
    bytes[..4].copy_from_slice(b"RIFF");
    write_u32(bytes, 4, whole.unwrap_or(u32::MAX), false);
    if let Some(chunk) = at.filter(|chunk| chunk.length == u32::MAX) {
        write_u32(bytes, chunk.body - 4, data.unwrap_or(u32::MAX), false);
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

/// Iterates over the chunks of a WAV (little-endian), RIFX or AIFF (big-endian) file.
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
        Container::Rifx | Container::Aiff => true,
        _ => return None,
    };
    let mut block_bytes = 0;
    let mut promised_frames = None;
    let data = chunks(bytes, big_endian).find(|chunk| {
        match &chunk.tag {
            b"fmt " => block_bytes = read_u16(bytes, chunk.body + 12, big_endian).unwrap_or(0),
            b"COMM" => promised_frames = read_u32(bytes, chunk.body + 2, true).map(u64::from),
            _ => {}
        }
        matches!(&chunk.tag, b"data" | b"SSND")
    })?;

    let present = u32::try_from(bytes.len() - data.body).unwrap_or(u32::MAX);
    let parent_end = u64::from(read_u32(bytes, 4, big_endian)?) + 8;
    // A recorder that never updated its header leaves the sizes from before the first sample.
    let was_left_open = container != Container::Aiff && data.length == 0 && parent_end <= data.body as u64;
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

/// Reads the number at `at`.
pub(crate) fn read_u16(bytes: &[u8], at: usize, big_endian: bool) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
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
