//! Decoding of every format in `tests/goldens/audio`: complete, truncated and damaged files.

use std::fs;
use std::path::{Path, PathBuf};

use affekt_audio::{AudioError, AudioFault, Decoded, Truncated, decode, digest, load};
use tempfile::TempDir;

const FRAMES: usize = 1600;

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/audio")
}

fn golden(name: &str) -> Vec<u8> {
    fs::read(goldens().join(name)).unwrap()
}

/// Returns the signal in all the files: interleaved, two channels.
fn signal() -> Vec<f32> {
    let bytes = golden("signal.i16");
    bytes.as_chunks::<2>().0.iter().map(|pair| f32::from(i16::from_le_bytes(*pair)) / 32_768.0).collect()
}

/// Decodes `bytes` from a file called `name`.
fn decode_as(name: &str, bytes: &[u8]) -> Result<Decoded, AudioError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    decode(&path)
}

fn fault(name: &str, bytes: &[u8]) -> AudioFault {
    decode_as(name, bytes).expect_err("no samples are in there").fault
}

fn signal_to_noise_db(samples: &[f32], signal: &[f32]) -> f32 {
    let power: f32 = signal.iter().map(|s| s * s).sum();
    let noise: f32 = samples.iter().zip(signal).map(|(a, b)| (a - b) * (a - b)).sum();
    10.0 * (power / noise).log10()
}

#[test]
fn lossless_formats_hold_the_same_samples_and_digest() {
    let mono: Vec<f32> = signal().chunks_exact(2).map(|frame| frame[0]).collect();
    let files = [
        "pcm_16.wav",
        "pcm_24.wav",
        "pcm_32.wav",
        "float_32.wav",
        "float_64.wav",
        "extensible.wav",
        "pcm_16.aiff",
        "pcm_24.aiff",
        "float_32.aifc",
        "sowt.aifc",
        "aiff_inside.wav",
        "pcm_16.flac",
        "pcm_24.flac",
        "rifx.wav",
        "rifx_float.wav",
        "pcm_16.rf64",
        "pcm_24.w64",
        "pcm_16.au",
        "float_32.au",
        "pcm_16.sph",
        "pcm_24.sph",
        "pcm_16.caf",
        "alac.m4a",
    ];
    let reference = digest(&decode(&goldens().join("pcm_16.wav")).unwrap());
    for file in files {
        let decoded = decode(&goldens().join(file)).unwrap();
        assert_eq!((decoded.rate(), decoded.channels(), decoded.truncated()), (16_000, 1, None), "{file}");
        assert_eq!(decoded.samples(), mono, "{file}");
        assert_eq!(digest(&decoded), reference, "{file}");
    }
}

#[test]
fn lossy_formats_are_close_and_of_exact_length() {
    let mono: Vec<f32> = signal().chunks_exact(2).map(|frame| frame[0]).collect();
    // ADPCM comes in blocks; the last one is filled up, and libsndfile reads it to its end as well.
    let files = [
        ("pcm_u8.wav", FRAMES, 35.0),
        ("a_law.wav", FRAMES, 35.0),
        ("mu_law.wav", FRAMES, 35.0),
        ("mu_law.au", FRAMES, 35.0),
        ("a_law.sph", FRAMES, 35.0),
        ("ima_adpcm.wav", 2034, 30.0),
        ("ms_adpcm.wav", 2024, 25.0),
        ("vorbis.ogg", FRAMES, 25.0),
        ("layer_3.mp3", FRAMES, 35.0),
    ];
    for (file, frames, least_db) in files {
        let decoded = decode(&goldens().join(file)).unwrap();
        assert_eq!((decoded.frames(), decoded.truncated()), (frames, None), "{file}");
        let db = signal_to_noise_db(decoded.samples(), &mono);
        assert!(db > least_db, "{file}: {db} dB");
    }
}

#[test]
fn channels_are_interleaved_and_averaged() {
    let signal = signal();
    let average: Vec<f32> = signal.chunks_exact(2).map(|frame| (frame[0] + frame[1]) / 2.0).collect();
    for file in ["stereo_pcm_16.wav", "stereo_pcm_16.flac"] {
        let decoded = decode(&goldens().join(file)).unwrap();
        assert_eq!((decoded.channels(), decoded.frames()), (2, FRAMES));
        assert_eq!(decoded.samples(), signal);
        assert_eq!(*decoded.mono(), average);
        assert_eq!(load(&goldens().join(file), 16_000).unwrap(), average);
    }
}

#[test]
fn digests_differ_with_a_sample_the_rate_and_the_channels() {
    let wav = golden("pcm_16.wav");
    let reference = digest(&decode_as("a.wav", &wav).unwrap());
    let changed = |at: usize, value: u8| {
        let mut bytes = wav.clone();
        bytes[at] = value;
        digest(&decode_as("a.wav", &bytes).unwrap())
    };
    assert_ne!(changed(1000, wav[1000] ^ 1), reference);
    assert_ne!(changed(24, wav[24] ^ 1), reference, "rate");
    let mut stereo = wav.clone();
    (stereo[22], stereo[32]) = (2, 4);
    let stereo = decode_as("a.wav", &stereo).unwrap();
    assert_eq!(stereo.frames(), FRAMES / 2);
    assert_ne!(digest(&stereo), reference, "channels");
}

#[test]
fn names_do_not_matter() {
    for (file, name) in
        [("layer_3.mp3", "speech.wav"), ("pcm_16.flac", "speech.mp3"), ("pcm_16.wav", "speech")]
    {
        assert_eq!(decode_as(name, &golden(file)).unwrap().frames(), FRAMES, "{file} called {name}");
    }
}

#[test]
fn a_cut_off_file_gives_what_it_holds_and_says_so() {
    let expected = Some(Truncated { expected_frames: Some(FRAMES as u64) });
    // Headers of 44 and 54 bytes, two or three bytes a frame; an odd byte is half a sample.
    for (file, keep, frames) in [
        ("pcm_16.wav", 44 + 2 * 700 + 1, 700),
        ("pcm_24.wav", 44 + 3 * 1599, 1599),
        ("pcm_16.aiff", 54 + 2 * 31, 31),
        ("rifx.wav", 44 + 2 * 700 + 1, 700),
        ("pcm_16.au", 24 + 2 * 700, 700),
        ("pcm_16.sph", 1024 + 2 * 700, 700),
        ("pcm_24.w64", 104 + 3 * 700, 700),
    ] {
        let bytes = golden(file);
        let decoded = decode_as(file, &bytes[..keep]).unwrap();
        assert_eq!((decoded.frames(), decoded.truncated()), (frames, expected), "{file}");
        assert_eq!(decoded.samples(), &decode_as(file, &bytes).unwrap().samples()[..frames], "{file}");
    }
}

#[test]
fn a_cut_off_compressed_file_is_noticed() {
    let flac = golden("ramp.flac");
    let decoded = decode_as("a.flac", &flac[..flac.len() - 10]).unwrap();
    assert_eq!(decoded.frames(), 8192, "two whole FLAC frames");
    assert_eq!(decoded.truncated(), Some(Truncated { expected_frames: Some(10_000) }));

    let mut ogg = golden("vorbis.ogg");
    let last_page = ogg.windows(4).rposition(|bytes| bytes == b"OggS").unwrap();
    ogg[last_page + 5] &= !4; // as if more pages followed
    // Page checksums cover the flags: put the right one back.
    let checksum = ogg_checksum(&mut ogg[last_page..]);
    ogg[last_page + 22..last_page + 26].copy_from_slice(&checksum.to_le_bytes());
    let decoded = decode_as("a.ogg", &ogg).unwrap();
    assert_eq!(decoded.truncated(), Some(Truncated { expected_frames: None }));
}

/// Computes the CRC of an OGG page (polynomial 0x04c11db7), with its own field set to zero.
fn ogg_checksum(page: &mut [u8]) -> u32 {
    page[22..26].fill(0);
    page.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |crc, _| {
            if crc & 0x8000_0000 == 0 { crc << 1 } else { (crc << 1) ^ 0x04c1_1db7 }
        })
    })
}

#[test]
fn sizes_of_a_streamed_recording_promise_nothing() {
    for (riff, data) in [(u32::MAX, u32::MAX), (0, u32::MAX), (0, 0), (36, 0)] {
        for name in ["pcm_16.wav", "pcm_24.wav"] {
            let mut wav = golden(name);
            wav[4..8].copy_from_slice(&riff.to_le_bytes());
            wav[40..44].copy_from_slice(&data.to_le_bytes());
            let decoded = decode_as("a.wav", &wav).unwrap();
            assert_eq!((decoded.frames(), decoded.truncated()), (FRAMES, None), "{name} with {riff}, {data}");
        }
    }
}

/// A WAV file of one channel at 16 kHz: the format's tag, bits and bytes of a sample, and what follows them in its chunk.
fn wav(tag: u16, bits: u16, block: u16, more: &[u8], data: &[u8]) -> Vec<u8> {
    let mut format = Vec::new();
    for field in [tag, 1] {
        format.extend(field.to_le_bytes());
    }
    format.extend(16_000_u32.to_le_bytes());
    format.extend((16_000 * u32::from(block)).to_le_bytes());
    for field in [block, bits] {
        format.extend(field.to_le_bytes());
    }
    format.extend(more);
    let chunk = |tag: &[u8], body: &[u8]| [tag, &(body.len() as u32).to_le_bytes(), body].concat();
    let body = [b"WAVE".as_slice(), &chunk(b"fmt ", &format), &chunk(b"data", data)].concat();
    chunk(b"RIFF", &body)
}

#[test]
fn headers_of_wav_files_are_read_as_tools_write_them() {
    let data = |name: &str| {
        let bytes = golden(name);
        let at = bytes.windows(4).position(|tag| tag == b"data").unwrap() + 8;
        bytes[at..].to_vec()
    };
    // The end of the identifier of an extensible format, and its beginning: 22 bytes more, so many valid bits, the channel's place.
    let extensible = |valid: u16, tag: u16| {
        let words = [22, valid, 4, 0, tag].map(u16::to_le_bytes).concat();
        [words, b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71".to_vec()].concat()
    };
    let (two, three, float) = (data("pcm_16.wav"), data("pcm_24.wav"), data("float_32.wav"));
    let pcm_16 = decode(&goldens().join("pcm_16.wav")).unwrap();
    for (what, bytes) in [
        ("a chunk of 20 bytes", wav(1, 24, 3, b"\x02\0\0\0", &three)),
        ("a chunk of 50 bytes", wav(1, 24, 3, &[0; 34], &three)),
        ("float without valid bits", wav(0xfffe, 32, 4, &extensible(0, 3), &float)),
        ("float with what PCM may have", wav(3, 32, 4, &[0; 6], &float)),
        ("12 bits in 16, the lowest of which say nothing", wav(1, 12, 2, &[], &two)),
        ("20 bits in 24", wav(1, 20, 3, &[], &three)),
        ("20 valid bits in 24", wav(0xfffe, 24, 3, &extensible(20, 1), &three)),
        ("no size of a block", wav(1, 16, 0, &[], &two)),
    ] {
        let decoded = decode_as("a.wav", &bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(decoded, pcm_16, "{what}");
    }
    for (tag, name) in [(6, "a_law.wav"), (7, "mu_law.wav")] {
        let codes = &data(name)[..FRAMES];
        let expected = decode(&goldens().join(name)).unwrap();
        for more in [&[][..], &[0, 0], &[0; 24]] {
            assert_eq!(decode_as("a.wav", &wav(tag, 8, 1, more, codes)).unwrap(), expected, "{name}");
        }
    }
}

#[test]
fn tags_behind_flac_data_take_nothing_away() {
    let flac = golden("ramp.flac");
    let expected = decode_as("a.flac", &flac).unwrap();
    assert_eq!((expected.frames(), expected.truncated()), (10_000, None));
    let mut id3v1 = [b"TAG".as_slice(), b"title"].concat();
    id3v1.resize(128, 0);
    let footer = [b"APETAGEX".as_slice(), &2000_u32.to_le_bytes(), &40_u32.to_le_bytes(), &[0; 16]].concat();
    let ape = [&[7; 8][..], &footer].concat();
    for behind in [&id3v1, &ape, &[ape.clone(), id3v1.clone()].concat()] {
        assert_eq!(decode_as("a.flac", &[&flac[..], behind].concat()).unwrap(), expected);
    }
}

#[test]
fn aac_is_read() {
    // AAC comes in blocks of 1024, the first of which is silence before the signal; what decoders keep of them differs.
    let decoded = decode(&goldens().join("aac.m4a")).unwrap();
    let mono: Vec<f32> = signal().chunks_exact(2).map(|frame| frame[0]).collect();
    let heard = &decoded.samples()[decoded.frames().saturating_sub(2048).min(1024)..];
    let db = signal_to_noise_db(&heard[..FRAMES.min(heard.len())], &mono);
    assert!(db > 15.0 && (FRAMES..=3072).contains(&decoded.frames()), "{db} dB in {}", decoded.frames());
}

#[test]
fn what_is_unsupported_is_not_called_damaged() {
    let said = |bytes: &[u8]| match fault("a.wav", bytes) {
        fault @ (AudioFault::Foreign(_) | AudioFault::Unsupported(_)) => fault.to_string(),
        other => panic!("{other}"),
    };
    let kind = |kind: &str| format!("unsupported ({kind}); convert it: `ffmpeg -i FILE FILE.flac`");
    assert_eq!(said(&[b"RIFF\xff\0\0\0AVI LIST".as_slice(), &[0; 60]].concat()), kind("AVI video"));
    assert_eq!(said(&[b"\x1a\x45\xdf\xa3".as_slice(), &[0; 60]].concat()), kind("Matroska or WebM"));
    assert_eq!(said(&[b"wvpk".as_slice(), &[0; 60]].concat()), kind("WavPack"));
    assert_eq!(said(&wav(0x31, 0, 65, &[2, 0, 64, 1], &[0; 650])), kind("WAV with GSM 6.10"));
    assert_eq!(said(&wav(1, 48, 6, &[], &[0; 600])), kind("WAV with samples of 48 bits in 6 bytes"));
    let shorten = String::from_utf8_lossy(&golden("pcm_16.sph")).replacen("-s3 pcm", "-s3 shn", 1);
    assert_eq!(said(shorten.as_bytes()), kind("SPHERE with `shn`"));
    assert!(said(&golden("opus.ogg")).contains("convert it"));
}

#[test]
fn other_chunks_are_skipped() {
    let wav = golden("pcm_16.wav");
    let chunk = |length: u32| [b"note".as_slice(), &length.to_le_bytes(), &[7; 4]].concat();
    // Of odd length, hence padded; the size of the whole is left wrong, as careless tools do.
    let between = [&wav[..36], &chunk(3), &wav[36..], &chunk(4)].concat();
    assert_eq!(decode_as("a.wav", &between).unwrap(), decode_as("a.wav", &wav).unwrap());
}

#[test]
fn tags_before_mp3_data_are_skipped() {
    let tag = [b"ID3\x03\0\0\0\0\0\x10".as_slice(), &[0; 16]].concat();
    let decoded = decode_as("a.mp3", &[tag, golden("layer_3.mp3")].concat()).unwrap();
    assert_eq!(decoded.frames(), FRAMES);
}

#[test]
fn what_is_no_audio_is_refused_with_a_reason() {
    let wav = golden("pcm_16.wav");
    let mut empty = wav[..44].to_vec();
    empty[40..44].fill(0);
    let mut hasty = wav.clone();
    hasty[24..28].copy_from_slice(&4_000_000_000_u32.to_le_bytes());

    assert!(matches!(fault("a.wav", b""), AudioFault::Empty));
    assert!(matches!(fault("a.wav", b"<html>not found</html>"), AudioFault::NotAudio(_)));
    assert!(matches!(fault("a.wav", &[0; 4096]), AudioFault::NotAudio(_)));
    assert!(matches!(fault("a.wav", &empty), AudioFault::NoSamples));
    assert!(matches!(fault("a.wav", &wav[..44]), AudioFault::Damaged(_)), "frames promised, none there");
    assert!(matches!(fault("a.wav", &golden("pcm_24.wav")[..44]), AudioFault::Damaged(_)));
    assert!(
        matches!(fault("a.flac", &golden("pcm_16.flac")[..1000]), AudioFault::Damaged(_)),
        "no whole frame"
    );
    assert!(matches!(fault("a.wav", &wav[..20]), AudioFault::Damaged(_)));
    assert!(matches!(fault("a.flac", &golden("pcm_16.flac")[..30]), AudioFault::Damaged(_)));
    assert!(matches!(fault("a.wav", &hasty), AudioFault::Rate(error) if error.hz == 4_000_000_000));

    let missing = decode(Path::new("/nowhere/a.wav")).unwrap_err();
    assert_eq!(missing.to_string(), "`/nowhere/a.wav`: No such file or directory (os error 2)");
    let page = decode_as("a.wav", b"<html>not found</html>").unwrap_err().fault;
    assert_eq!(
        page.to_string(),
        "not an audio file: it begins with `<html>not fo`; expected WAV, AIFF, FLAC, OGG or MP3 data (names do not \
         matter)"
    );
}

/// Whatever is in the file, there is no panic, endless loop or huge allocation.
#[test]
fn damaged_bytes_give_samples_or_an_error() {
    let mut decoded = 0;
    let mut refused = 0;
    for entry in fs::read_dir(goldens()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if [".py", ".i16", ".f32"].iter().any(|ending| name.ends_with(ending)) {
            continue;
        }
        let whole = fs::read(&path).unwrap();
        for step in 0..60 {
            let mut bytes = whole.clone();
            // Mostly headers, where damage hurts most.
            let at = if step < 48 { step } else { step * 7919 % whole.len() };
            bytes[at] ^= [0x01, 0x80, 0xff][step % 3];
            match decode_as(&name, &bytes) {
                Ok(audio) => {
                    assert!(audio.frames() > 0);
                    decoded += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    refused += 1;
                }
            }
        }
    }
    assert!(decoded > 100 && refused > 100, "{decoded} decoded, {refused} refused");
}
