//! Recordings in every container, through the decoder of files.

use std::fs;
use std::path::Path;

use affekt_audio::{decode, write_wav_i16};

use crate::target::{Subject, files};

/// The bytes of memory for each byte of a recording: what the decoder grants, and as much again while it grows.
const BYTES_PER_BYTE: usize = 3 * affekt_audio::DECODED_BYTES_PER_BYTE;

/// WAV and its relatives, AU, SPHERE, AIFF.
pub fn pcm(folder: &Path) -> Subject {
    let words = [
        "RIFF",
        "RIFX",
        "RF64",
        "ds64",
        "WAVE",
        "fmt ",
        "data",
        "fact",
        "LIST",
        "FORM",
        "AIFF",
        "AIFC",
        "COMM",
        "SSND",
        "FVER",
        "sowt",
        "fl32",
        "NIST_1A",
        "sample_count -i ",
        "channel_count -i ",
        "end_head",
        ".snd",
        "\u{1}\0\u{1}\0",
        "\u{2}\0\u{2}\0",
    ];
    subject(folder, &[".wav", ".rf64", ".w64", ".au", ".sph", ".aiff", ".aifc"], &words)
}

/// FLAC.
pub fn flac(folder: &Path) -> Subject {
    let subject = subject(folder, &[".flac"], &["fLaC", "\0\0\0\"", "\u{4}\0\0", "TAG", "APETAGEX", "ID3"]);
    let pool = [subject.pool, vec![silent_flac(40)]].concat();
    Subject { pool, ..subject }
}

/// MP3.
pub fn mp3(folder: &Path) -> Subject {
    subject(folder, &[".mp3"], &["ID3", "Xing", "Info", "LAME3.100", "VBRI", "TAG", "TXXX", "APIC"])
}

/// Ogg, with Vorbis or what is not read.
pub fn ogg(folder: &Path) -> Subject {
    let subject =
        subject(folder, &[".ogg"], &["OggS", "\u{1}vorbis", "\u{3}vorbis", "\u{5}vorbis", "BCV", "OpusHead"]);
    Subject { repair: repair_ogg, ..subject }
}

/// MP4 and M4A.
pub fn mp4(folder: &Path) -> Subject {
    let words = [
        "ftyp", "M4A ", "moov", "mvhd", "trak", "tkhd", "mdia", "mdhd", "hdlr", "soun", "minf", "stbl",
        "stsd", "stts", "stsc", "stsz", "stco", "co64", "mp4a", "alac", "esds", "mdat", "udta", "meta",
        "ilst", "moof", "traf", "trun", "sidx", "free",
    ];
    subject(folder, &[".m4a"], &words)
}

/// CAF.
pub fn caf(folder: &Path) -> Subject {
    subject(
        folder,
        &[".caf"],
        &["caff", "desc", "lpcm", "alac", "aac ", "data", "pakt", "kuki", "chan", "free"],
    )
}

/// Recordings in the repository with these endings.
fn subject(folder: &Path, endings: &[&str], words: &[&str]) -> Subject {
    let mut pool: Vec<Vec<u8>> =
        files(&["tests/goldens/audio"], endings).into_iter().map(|(_, bytes)| bytes).collect();
    let path = folder.join("recording");
    if endings.contains(&".wav") {
        write_wav_i16(&path, &[0.0, 0.5, -0.5, 0.25], 8000).expect("a file of a few bytes");
        pool.push(fs::read(&path).expect("it was just written"));
    }
    let read = move |bytes: &[u8]| {
        fs::write(&path, bytes).expect("the folder can be written to");
        if let Ok(decoded) = decode(&path) {
            let channels = usize::from(decoded.channels());
            assert!(decoded.frames() > 0 && channels > 0, "nothing was decoded");
            assert_eq!(decoded.samples().len(), decoded.frames() * channels, "a frame is not whole");
            assert_eq!(decoded.mono().len(), decoded.frames());
        }
    };
    Subject { bytes_per_byte: BYTES_PER_BYTE, catches_panics: true, ..Subject::new(pool, words, read) }
}

/// Writes the checksum of every page.
fn repair_ogg(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + 27) {
        let segments = usize::from(header[26]);
        let Some(table) = bytes.get(at + 27..at + 27 + segments) else { return };
        let length = 27 + segments + table.iter().map(|size| usize::from(*size)).sum::<usize>();
        let Some(page) = bytes.get_mut(at..at + length).filter(|page| page.starts_with(b"OggS")) else {
            return;
        };
        page[22..26].fill(0);
        let checksum = page.iter().fold(0_u32, |sum, byte| {
            (0..8).fold(sum ^ (u32::from(*byte) << 24), |sum, _| {
                (sum << 1) ^ if sum & 0x8000_0000 == 0 { 0 } else { 0x04c1_1db7 }
            })
        });
        page[22..26].copy_from_slice(&checksum.to_le_bytes());
        at += length;
    }
}

/// Silence on eight channels, 65 535 samples of each in a frame of some thirty bytes.
fn silent_flac(frames: u8) -> Vec<u8> {
    let checksum = |bytes: &[u8], bits: u32, polynomial: u32| {
        let top = 1 << (bits - 1);
        bytes.iter().fold(0_u32, |sum, byte| {
            (0..8).fold(sum ^ (u32::from(*byte) << (bits - 8)), |sum, _| {
                (sum << 1) ^ if sum & top == 0 { 0 } else { polynomial }
            }) & ((1 << bits) - 1)
        })
    };
    let samples = u64::from(frames) * 65_535;
    // 44 100 Hz (20 bits), channels less one (3), bits a sample less one (5), samples (36).
    let told: u64 = 44_100 << 44 | 7 << 41 | 15 << 36 | samples;
    let mut file =
        [&b"fLaC\x80\0\0\x22\xff\xff\xff\xff\0\0\0\0\0\0"[..], &told.to_be_bytes(), &[0; 16]].concat();
    for number in 0..frames {
        let mut frame = vec![0xff, 0xf8, 0x70, 0x70, number, 0xff, 0xfe];
        frame.push(checksum(&frame, 8, 0x07) as u8);
        frame.extend([0; 8 * 3]);
        let sum = checksum(&frame, 16, 0x8005) as u16;
        file.extend(frame);
        file.extend(sum.to_be_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_sound_until_it_is_too_much() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("silent.flac");
        fs::write(&path, silent_flac(2)).unwrap();
        let decoded = decode(&path).unwrap();
        assert_eq!((decoded.frames(), decoded.channels(), decoded.truncated()), (131_070, 8, None));
    }
}
