//! Decoding of audio files of any supported format.

use std::fs;
use std::io::{Cursor, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use crate::container::{Container, foreign, ogg_ends, rf64_to_wav, settle_sizes, without_tags_behind};
use crate::error::{AudioError, AudioFault, RateError};
use crate::limit::Limit;
use crate::{Decoded, Truncated, linear};

/// Decodes a WAV (PCM, float, ADPCM, A-law, µ-law), RF64, BW64, RIFX, Wave64, AU, SPHERE, AIFF, AIFF-C, CAF, FLAC, OGG Vorbis,
/// MP3, MP4 or M4A (AAC, ALAC) or AAC file, detected by content. Lengths are exact: the padding of MP3 and Vorbis encoders is removed.
///
/// # Errors
/// Fails if no samples can be decoded, or more than are granted for a file of its size. A file that ends early is decoded as far as possible and marked by
/// [`Decoded::truncated`].
pub fn decode(path: &Path) -> Result<Decoded, AudioError> {
    let bytes = fs::read(path).map_err(|error| AudioError::new(path, error))?;
    // Decoders of third-party formats get arbitrary bytes: a panic there is one bad file, not the end of a run.
    catch_unwind(AssertUnwindSafe(|| decode_bytes(bytes)))
        .unwrap_or_else(|_| Err(AudioFault::Damaged("its decoder gave up".into())))
        .map_err(|fault| AudioError::new(path, fault))
}

fn decode_bytes(mut bytes: Vec<u8>) -> Result<Decoded, AudioFault> {
    if bytes.is_empty() {
        return Err(AudioFault::Empty);
    }
    let mut container = Container::of(&bytes).ok_or_else(|| match foreign(&bytes) {
        Some(kind) => AudioFault::Foreign(kind.to_owned()),
        None => AudioFault::NotAudio(first_bytes(&bytes)),
    })?;
    if container == Container::Rf64 {
        rf64_to_wav(&mut bytes);
        container = Container::Wav;
    }
    let promised_blocks = settle_sizes(&mut bytes, container);
    if let Some((decoded, promised)) = linear::decode(&bytes, container)? {
        return compared(decoded, promised_blocks.or(promised));
    }
    if matches!(container, Container::Flac | Container::Tagged) {
        bytes.truncate(without_tags_behind(&bytes));
    }
    let unfinished = container == Container::Ogg && !ogg_ends(&bytes);

    let length = bytes.len();
    let mut format = open(bytes).map_err(|fault| match (container, fault) {
        // What the reader of CAF does not know it takes for damage.
        (Container::Caf, AudioFault::Damaged(_)) => {
            AudioFault::Foreign("CAF with a codec that is not read here".into())
        }
        (_, fault) => fault,
    })?;
    let track = format.default_track(TrackType::Audio).ok_or_else(|| no("it has no audio track"))?;
    let track_id = track.id;
    let promised = track.num_frames.filter(|frames| *frames > 0);
    let params =
        track.codec_params.as_ref().and_then(|params| params.audio()).ok_or_else(|| no("unknown codec"))?;
    let params = params.clone();
    let (decoded, damaged) = decode_track(&mut *format, track_id, &params, promised, length)?;

    let frames_per_block = params.frames_per_block.unwrap_or(1);
    let mut decoded =
        compared(decoded, promised_blocks.map(|blocks| blocks * frames_per_block).or(promised))?;
    if (unfinished || damaged) && decoded.truncated.is_none() {
        decoded.truncated = Some(Truncated { expected_frames: None });
    }
    Ok(decoded)
}

/// Returns what was decoded, marked as truncated if it is less than the header declares.
fn compared(mut decoded: Decoded, promised_frames: Option<u64>) -> Result<Decoded, AudioFault> {
    let missing = promised_frames.filter(|promised| *promised > decoded.frames() as u64);
    match missing {
        Some(frames) if decoded.frames() == 0 => {
            Err(AudioFault::Damaged(format!("its header promises {frames} samples, but none can be read")))
        }
        None if decoded.frames() == 0 => Err(AudioFault::NoSamples),
        _ => {
            decoded.truncated = missing.map(|_| Truncated { expected_frames: missing });
            Ok(decoded)
        }
    }
}

fn open(bytes: Vec<u8>) -> Result<Box<dyn FormatReader>, AudioFault> {
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(fault)
}

/// Decodes as much of a track of a file of `length` bytes as possible; also returns whether part of it could not be decoded.
fn decode_track(
    format: &mut dyn FormatReader,
    track_id: u32,
    params: &AudioCodecParameters,
    promised: Option<u64>,
    length: usize,
) -> Result<(Decoded, bool), AudioFault> {
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(params, &AudioDecoderOptions::default())
        .map_err(fault)?;
    let mut samples: Vec<f32> = Vec::new();
    let mut spec = None;
    let mut trouble = None;
    let limit = Limit::of(length);
    // A packet has a byte at least, whatever a table of packets declares.
    for _ in 0..=length {
        let packet = match format.next_packet() {
            Ok(Some(packet)) if packet.track_id == track_id => packet,
            Ok(Some(_)) => continue,
            Ok(None) => break,
            Err(error) => {
                trouble = Some(error);
                break;
            }
        };
        let buffer = match decoder.decode(&packet) {
            Ok(buffer) => buffer,
            // The next packet may be intact.
            Err(error @ Error::DecodeError(_)) => {
                trouble = Some(error);
                continue;
            }
            Err(error) => {
                trouble = Some(error);
                break;
            }
        };
        let this = (buffer.spec().rate(), buffer.spec().channels().count());
        match spec {
            None => {
                spec = Some(this);
                let promised = promised.unwrap_or(0).saturating_mul(this.1 as u64);
                samples.reserve(limit.reserved(promised));
            }
            Some(first) if first != this => return Err(no("its rate or channels change midway")),
            Some(_) => {}
        }
        let start = samples.len();
        limit.check(start + buffer.samples_interleaved())?;
        samples.resize(start + buffer.samples_interleaved(), 0.0);
        buffer.copy_to_slice_interleaved(&mut samples[start..]);
    }
    let damaged = trouble.is_some();
    let (rate, channels) = match (spec, trouble) {
        (Some(spec), _) => spec,
        (None, Some(error)) => return Err(fault(error)),
        // Not a single packet: the caller compares that with the declared length.
        (None, None) => (params.sample_rate.unwrap_or(0), 1),
    };
    let rate = RateError::check(rate)?;
    let channels = u16::try_from(channels).map_err(|_| no("too many channels"))?;
    Ok((Decoded { samples, rate, channels, truncated: None }, damaged))
}

fn fault(error: Error) -> AudioFault {
    match error {
        Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            AudioFault::Damaged("it ends within its header".into())
        }
        Error::IoError(error) => AudioFault::Io(error),
        Error::Unsupported(what) => no(what),
        error => AudioFault::Damaged(error.to_string()),
    }
}

fn no(what: &str) -> AudioFault {
    AudioFault::Unsupported(what.to_owned())
}

fn first_bytes(bytes: &[u8]) -> String {
    format!("`{}`", bytes[..bytes.len().min(12)].escape_ascii())
}
