//! Defective files: each becomes an utterance, or exactly one problem for which it is left out.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use affekt_corpus::{Ingested, scan};
use affekt_domain::SplitMix64;

use crate::support::{card, ingest_names, plant, problems, put, read, wav, wav_as, wav_of_name};

const FLOAT: u16 = 3;

/// Returns 16-bit samples that are all different from those of other seeds.
fn samples(seed: u8, frames: usize) -> Vec<u8> {
    (0..2 * frames).map(|at| (at as u8).wrapping_mul(37) ^ seed).collect()
}

fn floats(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Formats a 16-bit mono AIFF file.
fn aiff(rate_hz: u32, data: &[u8]) -> Vec<u8> {
    let big = |number: usize| u32::try_from(number).unwrap().to_be_bytes();
    // The rate is an 80-bit float: exponent, then the mantissa with its leading one.
    let shift = u64::from(rate_hz).leading_zeros();
    let exponent = u16::try_from(16_383 + 63 - shift).unwrap();
    let swapped: Vec<u8> = data.as_chunks::<2>().0.iter().flat_map(|[low, high]| [*high, *low]).collect();
    [
        b"FORM".as_slice(),
        &big(46 + data.len()),
        b"AIFFCOMM",
        &big(18),
        &[0, 1],
        &big(data.len() / 2),
        &[0, 16],
        &exponent.to_be_bytes(),
        &(u64::from(rate_hz) << shift).to_be_bytes(),
        b"SSND",
        &big(8 + data.len()),
        &[0; 8],
        &swapped,
    ]
    .concat()
}

/// Replaces the sizes in the RIFF header and the `data` chunk.
fn with_sizes(mut wav: Vec<u8>, riff: u32, data: u32) -> Vec<u8> {
    wav[4..8].copy_from_slice(&riff.to_le_bytes());
    wav[40..44].copy_from_slice(&data.to_le_bytes());
    wav
}

#[test]
fn formats_are_told_by_content_and_measured_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let put = |path: &str, bytes: Vec<u8>| put(folder.path(), path, bytes);
    plant(folder.path(), (10..16).map(|number| format!("DC_n{number}.wav")));
    put("DC_a01.wav", aiff(24_414, &samples(1, 100)));
    put("DC_a02.wav", wav(24_414, 1, &samples(1, 100)));
    put("DC_a03.wav", wav(96_000, 1, &samples(3, 100)));
    put("DC_a04.wav", wav(48_000, 2, &samples(4, 100)));
    put("DC_a05.wav", wav(16_000, 8, &samples(5, 80)));
    put("DC_a06.WAV", wav(768_000, 1, &samples(6, 100)));
    put("DC_a07.flac", wav(16_000, 1, &samples(7, 1)));
    put("DC_a08.wav", wav_as(FLOAT, 32, 16_000, 1, &floats(&[0.25, -1.5, 1.0])));
    put("DC_a09.wav", wav(16_000, 1, &[0; 200]));
    let ingested = read(&card("savee"), folder.path());
    let formats: Vec<(&str, u64, u32, u16)> = ingested.utterances[..9]
        .iter()
        .map(|one| (one.id.strip_prefix("SAVEE/DC_").unwrap(), one.samples, one.rate, one.channels))
        .collect();
    assert_eq!(
        formats,
        [
            ("a01", 100, 24_414, 1),
            ("a02", 100, 24_414, 1),
            ("a03", 100, 96_000, 1),
            ("a04", 50, 48_000, 2),
            ("a05", 10, 16_000, 8),
            ("a06", 100, 768_000, 1),
            ("a07", 1, 16_000, 1),
            ("a08", 3, 16_000, 1),
            ("a09", 100, 16_000, 1),
        ]
    );
    assert_eq!(
        listed(&ingested),
        [
            "DC_a01.wav unusual-format: 24414 Hz mono, as another file; most files are 16000 Hz mono",
            "DC_a02.wav identical-audio: holds the very same audio as `DC_a01.wav`; both are kept",
            "DC_a03.wav unusual-format: 96000 Hz mono; most files are 16000 Hz mono",
            "DC_a04.wav unusual-format: 48000 Hz stereo; most files are 16000 Hz mono",
            "DC_a05.wav unusual-format: 16000 Hz with 8 channels; most files are 16000 Hz mono",
            "DC_a06.WAV unusual-format: 768000 Hz mono; most files are 16000 Hz mono",
            "DC_a09.wav silent: holds nothing but silence; it is kept",
        ]
    );
}

#[test]
fn what_recorders_and_interrupted_copies_leave() {
    let folder = tempfile::tempdir().unwrap();
    let put = |path: &str, bytes: Vec<u8>| put(folder.path(), path, bytes);
    let whole = |seed| wav(16_000, 1, &samples(seed, 100));
    put("DC_a01.wav", with_sizes(whole(1), 0, 200));
    put("DC_a02.wav", with_sizes(whole(2), u32::MAX, u32::MAX));
    put("DC_a03.wav", with_sizes(whole(3), 0, 0));
    put("DC_a04.wav", with_sizes(whole(4), 36, 0));
    put("DC_a05.wav", whole(5)[..144].to_vec());
    put("DC_a06.wav", whole(6)[..143].to_vec());
    put("DC_a07.wav", wav(16_000, 1, &[]));
    put("DC_a08.wav", whole(8)[..44].to_vec());
    put("DC_a09.wav", whole(9)[..20].to_vec());
    put("DC_a10.wav", Vec::new());
    let ingested = read(&card("savee"), folder.path());
    let lengths: Vec<u64> = ingested.utterances.iter().map(|utterance| utterance.samples).collect();
    assert_eq!(lengths, [100, 100, 100, 100, 50, 49]);
    assert_eq!(
        listed(&ingested),
        [
            "DC_a05.wav truncated: ends early: 50 of the 100 samples that it promises are used; fetch it again",
            "DC_a06.wav truncated: ends early: 49 of the 100 samples that it promises are used; fetch it again",
            "DC_a07.wav unreadable: it holds no samples: left out",
            "DC_a08.wav unreadable: damaged (its header promises 100 samples, but none can be read); fetch it again: \
             left out",
            "DC_a09.wav unreadable: damaged (it ends within its header); fetch it again: left out",
            "DC_a10.wav empty-file: it has no bytes: left out; copy it again",
        ]
    );
}

#[test]
fn what_is_no_recording_is_left_out_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let put = |path: &str, bytes: Vec<u8>| put(folder.path(), path, bytes);
    plant(folder.path(), ["DC_n01.wav"]);
    put("DC_a01.wav", b"Dear diary, today I was angry.".to_vec());
    put("DC_a02.wav", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n".to_vec());
    put("DC_a03.wav", wav_as(FLOAT, 32, 16_000, 1, &floats(&[0.0, f32::NAN, 0.5])));
    put("DC_a04.wav", wav_as(FLOAT, 32, 16_000, 2, &floats(&[0.0, 0.0, 0.5, f32::NEG_INFINITY])));
    put("DC_a05.wav", wav(0, 1, &samples(5, 10)));
    put("DC_a06.wav", wav(4_000_000_000, 1, &samples(6, 10)));
    put("DC_a07.wav", wav(16_000, 0, &samples(7, 10)));
    let _socket = UnixListener::bind(folder.path().join("DC_a08.wav")).unwrap();
    symlink("nowhere", folder.path().join("DC_a09.wav")).unwrap();
    symlink("DC_a10.wav", folder.path().join("DC_a10.wav")).unwrap();
    put("DC_x11.wav", wav_of_name("DC_x11.wav"));
    put("DC_a12 (1).wav", wav_of_name("DC_a12.wav"));
    let ingested = read(&card("savee"), folder.path());
    assert_eq!(ingested.utterances.len(), 1);
    assert!(ingested.problems.iter().all(|problem| problem.dropped));
    assert_eq!(
        listed(&ingested),
        [
            "DC_a01.wav unreadable: not an audio file: it begins with `Dear diary, `; expected WAV, AIFF, FLAC, OGG or \
             MP3 data (names do not matter): left out",
            "DC_a02.wav unreadable: a stand-in of Git LFS for the audio; run `git lfs pull` where it was cloned: left \
             out",
            "DC_a03.wav unreadable: sample 1 is NaN, expected a finite number: left out",
            "DC_a04.wav unreadable: sample 1 is -inf, expected a finite number: left out",
            "DC_a05.wav unreadable: sampling rate 0 Hz is out of range: expected 1000 to 768000 Hz: left out",
            "DC_a06.wav unreadable: sampling rate 4000000000 Hz is out of range: expected 1000 to 768000 Hz: left out",
            "DC_a07.wav unreadable: damaged (its header says that it has no channels); fetch it again: left out",
            "DC_a08.wav unreadable: it is no regular file: left out",
            "DC_a09.wav unreadable: cannot be looked at (No such file or directory (os error 2)): left out",
            "DC_a10.wav unreadable: cannot be looked at (Too many levels of symbolic links (os error 40)): left out",
            "DC_a12 (1).wav unparsed-name: its name does not fit the corpus' card: left out; if it is no recording, \
             name it under `ignore`",
            "DC_x11.wav unknown-label: its label `x` is not in the corpus' card, which has `anger`, `disgust`, `fear`, \
             `happiness`, `neutral`, `sadness`, `surprise`: left out",
        ]
    );
}

#[test]
fn what_systems_strew_about_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    plant(folder.path(), ["DC_a01.wav", "cover.jpg", "DC_a02.wav.txt", "DC_a03", "empty.wav/notes.txt"]);
    for clutter in ["._DC_a01.wav", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX/DC/._a01.wav"] {
        put(folder.path(), clutter, b"\0\x05\x16\x07");
    }
    plant(folder.path(), ["DC_a04.wav/JE_a01.wav", "Größe – 音声/KL d/DC_a05.WaV"]);
    let ingested = read(&card("savee"), folder.path());
    let ids: Vec<&str> = ingested.utterances.iter().map(|utterance| utterance.id.as_str()).collect();
    assert_eq!(
        ids,
        ["SAVEE/DC_a01", "SAVEE/DC_a03", "SAVEE/DC_a04.wav/JE_a01", "SAVEE/Größe – 音声/KL d/DC_a05"]
    );
    assert_eq!(problems(&ingested), [("DC_a02.wav.txt", "no-audio"), ("cover.jpg", "no-audio")]);
}

#[test]
fn names_that_are_no_text_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (nth, broken) in [b"\xff".as_slice(), b"\xfe"].into_iter().enumerate() {
        let path = folder.path().join(OsStr::from_bytes(broken));
        fs::create_dir(&path).unwrap();
        fs::write(path.join("DC_a01.wav"), wav(16_000, 1, &samples(nth as u8, 8))).unwrap();
    }
    let ingested = read(&card("savee"), folder.path());
    assert_eq!(ingested.utterances.len(), 1);
    assert_eq!(problems(&ingested), [("\\xff/DC_a01.wav", "conflicting-copy")]);
}

#[test]
fn what_may_not_be_read_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    plant(folder.path(), ["DC_a01.wav", "DC_a02.wav", "locked/DC_a03.wav"]);
    for path in ["DC_a02.wav", "locked"] {
        fs::set_permissions(folder.path().join(path), Permissions::from_mode(0o000)).unwrap();
    }
    if fs::read(folder.path().join("DC_a02.wav")).is_ok() {
        eprintln!("skipped: whoever runs this may read everything");
        return;
    }
    let ingested = read(&card("savee"), folder.path());
    fs::set_permissions(folder.path().join("locked"), Permissions::from_mode(0o700)).unwrap();
    assert_eq!(
        listed(&ingested),
        [
            "DC_a02.wav unreadable: Permission denied (os error 13): left out",
            "locked unreadable: cannot be looked into (Permission denied (os error 13)): all in it is left out; check \
             its permissions",
        ]
    );
}

/// In random trees of all defects, every file found is used or left out exactly once, in whatever order files were
/// written.
#[test]
fn nothing_is_lost_and_nothing_is_counted_twice() {
    for seed in 0..15 {
        let mut random = SplitMix64(seed);
        let mut tree: Vec<(String, Vec<u8>)> = Vec::new();
        for _ in 0..60 {
            let folder = ["", "DC/", "mirror/", "mirror/DC/", "b ä/"][random.below(5)];
            let speaker = ["DC_", "JE_", "XX_", ""][random.below(4)];
            let name = ["a01", "a02", "su03", "zz04", "n1"][random.below(5)];
            let extension = ["wav", "WAV", "flac", "txt"][random.below(4)];
            let path = format!("{folder}{speaker}{name}.{extension}");
            let content = random.below(3) as u8;
            let sound = wav([16_000, 44_100][random.below(2)], 1, &samples(content, 20));
            let bytes = match random.below(8) {
                0 => Vec::new(),
                1 => sound[..44].to_vec(),
                2 => sound[..60].to_vec(),
                3 => b"no sound".to_vec(),
                4 => wav_as(FLOAT, 32, 16_000, 1, &floats(&[f32::NAN])),
                _ => sound,
            };
            if !tree.iter().any(|(known, _)| *known == path) {
                tree.push((path, bytes));
            }
        }
        tree.push(("KL_n30.wav".to_owned(), wav(16_000, 1, &samples(9, 20))));
        let folder = tempfile::tempdir().unwrap();
        tree.iter().for_each(|(path, bytes)| put(folder.path(), path, bytes));
        let ingested = read(&card("savee"), folder.path());
        accounts_for(&ingested, folder.path(), &tree);

        let again = tempfile::tempdir().unwrap();
        tree.iter().rev().for_each(|(path, bytes)| put(again.path(), path, bytes));
        assert_eq!(read(&card("savee"), again.path()), ingested, "seed {seed}");
    }
}

fn accounts_for(ingested: &Ingested, folder: &Path, tree: &[(String, Vec<u8>)]) {
    let all: BTreeSet<&str> =
        tree.iter().map(|(path, _)| path.as_str()).filter(|path| !path.ends_with(".txt")).collect();
    let found = scan(&card("savee"), folder).unwrap().found;
    let used: Vec<&str> = ingested.sources.iter().map(|source| found[*source].relative.as_str()).collect();
    let dropped = ingested.problems.iter().filter(|problem| problem.dropped);
    let dropped: Vec<&str> = dropped.map(|problem| problem.path.as_str()).collect();
    assert_eq!(used.len() + dropped.len(), all.len(), "used {used:?}, left out {dropped:?}");
    assert_eq!(used.iter().chain(&dropped).copied().collect::<BTreeSet<_>>(), all);

    let ids: BTreeSet<&str> = ingested.utterances.iter().map(|utterance| utterance.id.as_str()).collect();
    assert_eq!(ids.len(), used.len(), "each utterance has an id of its own");
    let recordings: BTreeSet<_> =
        ingested.sources.iter().map(|source| &found[*source].fields.recording).collect();
    assert_eq!(recordings.len(), used.len(), "each recording is used once");
}

#[test]
fn a_recording_in_three_hundred_places_is_one() {
    let names = (0..300).map(|place| format!("{place}/DC_a01.wav"));
    let ingested = ingest_names(&card("savee"), names);
    assert_eq!((ingested.utterances.len(), ingested.problems.len()), (1, 299));
}

/// Formats `path kind: message` for every problem.
fn listed(ingested: &Ingested) -> Vec<String> {
    let line =
        |problem: &affekt_domain::Problem| format!("{} {}: {}", problem.path, problem.kind, problem.message);
    ingested.problems.iter().map(line).collect()
}
