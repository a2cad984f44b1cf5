//! Scanning of folders: hidden files, links, duplicates, and remembered files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use affekt_audio::write_wav_i16;
use affekt_corpus::{AudioFacts, CorpusError, Found, Ingested, ingest, scan};

use crate::support::{card, digest_of, parse_card, plant, problems, put, read};

fn tone(folder: &Path, path: &str, hz: f32) {
    let wave = |n: u16| 0.5 * (f32::from(n) * hz / 16_000.0 * std::f32::consts::TAU).sin();
    let samples: Vec<f32> = (0..1600).map(wave).collect();
    fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
    write_wav_i16(&folder.join(path), &samples, 16_000).unwrap();
}

fn ids(ingested: &Ingested) -> Vec<&str> {
    ingested.utterances.iter().map(|utterance| utterance.id.as_str()).collect()
}

#[test]
fn walks_past_hidden_files_and_follows_links() {
    let folder = tempfile::tempdir().unwrap();
    plant(
        folder.path(),
        ["DC_a01.wav", "._DC_a02.wav", ".cache/DC_a03.wav", "notes.txt", "a.wav", "Thumbs.db", "JE/su02.WAV"],
    );
    symlink(folder.path(), folder.path().join("loop")).unwrap();
    symlink(folder.path().join("DC_a01.wav"), folder.path().join("DC_a09.wav")).unwrap();
    symlink("nowhere", folder.path().join("JK_n01.wav")).unwrap();
    fs::write(folder.path().join("KL_f01.wav"), b"").unwrap();
    let scan = scan(&card("savee"), folder.path()).unwrap();
    let found: Vec<&str> = scan.found.iter().map(|found| found.relative.as_str()).collect();
    assert_eq!(found, ["DC_a01.wav", "DC_a09.wav", "JE/su02.WAV"]);
    assert_eq!((scan.found[0].size, scan.found[0].inode), (60, scan.found[1].inode));
    let kinds: Vec<(&str, &str)> =
        scan.problems.iter().map(|one| (one.path.as_str(), one.kind.as_str())).collect();
    assert_eq!(
        kinds,
        [("JK_n01.wav", "unreadable"), ("KL_f01.wav", "empty-file"), ("a.wav", "unparsed-name")]
    );
}

#[test]
fn folders_that_cannot_be_read_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let missing = scan(&card("savee"), &folder.path().join("SAVEE")).unwrap_err();
    assert!(matches!(missing, CorpusError::Missing { .. }));
    assert!(missing.to_string().contains("register with the University of Surrey"), "{missing}");

    let empty = scan(&card("savee"), folder.path()).unwrap_err();
    assert!(empty.to_string().contains("it has no audio files"), "{empty}");
    plant(folder.path(), ["song.mp3"]);
    let foreign = scan(&card("savee"), folder.path()).unwrap_err();
    assert!(foreign.to_string().contains("`song.mp3`, for example, does not match"), "{foreign}");

    let file = scan(&card("savee"), &folder.path().join("song.mp3")).unwrap_err();
    assert!(matches!(file, CorpusError::Unreadable { .. }));
}

#[test]
fn what_lies_in_the_corpus_goes_by_its_own_path() {
    let folder = tempfile::tempdir().unwrap();
    plant(folder.path(), ["nested/deep/DC_a01.wav", "nested/DC_a02.wav"]);
    let outside = tempfile::tempdir().unwrap();
    plant(outside.path(), ["DC_a03.wav"]);
    symlink(folder.path().join("nested/deep"), folder.path().join("a link that is listed first")).unwrap();
    symlink(outside.path(), folder.path().join("another disc")).unwrap();
    symlink(outside.path(), folder.path().join("another link to it")).unwrap();
    symlink("..", folder.path().join("nested/up")).unwrap();
    symlink("itself", folder.path().join("itself")).unwrap();
    let ingested = read(&card("savee"), folder.path());
    assert_eq!(
        ids(&ingested),
        ["SAVEE/another disc/DC_a03", "SAVEE/nested/DC_a02", "SAVEE/nested/deep/DC_a01"]
    );
    assert_eq!(problems(&ingested), []);
}

#[test]
fn copies_collapse_and_twins_stay() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tone(folder, "DC_a01.wav", 200.0);
    tone(folder, "mirror/DC/a01.wav", 200.0);
    tone(folder, "DC_a02.wav", 200.0);
    tone(folder, "JE_a01.wav", 300.0);
    tone(folder, "JE/a01.wav", 310.0);
    tone(folder, "mirror/JE_a01.wav", 310.0);
    let ingested = read(&card("savee"), folder);
    assert_eq!(ids(&ingested), ["SAVEE/DC_a01", "SAVEE/DC_a02", "SAVEE/JE/a01"]);
    assert_eq!(
        problems(&ingested),
        [
            ("DC_a02.wav", "identical-audio"),
            ("JE_a01.wav", "conflicting-copy"),
            ("mirror/DC/a01.wav", "second-copy"),
            ("mirror/JE_a01.wav", "second-copy"),
        ]
    );
    assert_eq!(ingested.sources, [0, 1, 2]);
}

#[test]
fn of_two_copies_the_whole_one_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tone(folder, "mirror/DC_a01.wav", 200.0);
    let whole = fs::read(folder.join("mirror/DC_a01.wav")).unwrap();
    put(folder, "DC_a01.wav", &whole[..1000]);
    let ingested = read(&card("savee"), folder);
    assert_eq!(ids(&ingested), ["SAVEE/mirror/DC_a01"]);
    assert_eq!(problems(&ingested), [("DC_a01.wav", "conflicting-copy")]);
    assert_eq!(
        ingested.problems[0].message,
        "goes by the same name as `mirror/DC_a01.wav`, which is used, and holds other audio: left out; remove the \
         wrong one"
    );
}

#[test]
fn one_utterance_from_two_formats() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Formats are told by content, so a WAV under another name serves.
    tone(folder, "DC_a01.flac", 200.0);
    tone(folder, "DC_a01.wav", 200.0);
    tone(folder, "DC_a02.flac", 300.0);
    tone(folder, "DC_a02.wav", 310.0);
    let ingested = read(&card("savee"), folder);
    assert_eq!(ids(&ingested), ["SAVEE/DC_a01", "SAVEE/DC_a02"]);
    assert_eq!(problems(&ingested), [("DC_a01.wav", "second-copy"), ("DC_a02.wav", "conflicting-copy")]);
    assert_eq!(ingested.sources, [0, 2]);
}

#[test]
fn only_what_is_not_remembered_is_decoded() {
    let folder = tempfile::tempdir().unwrap();
    plant(folder.path(), ["DC_a01.wav", "DC_a02.wav"]);
    tone(folder.path(), "JE_a01.wav", 200.0);
    let known = |found: &Found| {
        (found.fields.speaker.as_deref() == Some("DC")).then(|| AudioFacts {
            digest: digest_of(&found.relative),
            samples: 7,
            rate: 8_000,
            channels: 1,
            silent: false,
            truncated: false,
            promised: None,
        })
    };
    let (calls, last) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let progress = |done| {
        calls.fetch_add(1, Ordering::Relaxed);
        last.fetch_max(done, Ordering::Relaxed);
    };
    let card = card("savee");
    let ingested = ingest(&card, &scan(&card, folder.path()).unwrap(), &known, &progress);
    let samples: Vec<u64> = ingested.utterances.iter().map(|utterance| utterance.samples).collect();
    assert_eq!(samples, [7, 7, 1600], "what is remembered was not opened");
    assert_eq!((calls.into_inner(), last.into_inner()), (2, 3));
}

#[test]
fn same_names_of_other_speakers_are_no_copies() {
    let card = parse_card(
        "rooms",
        "name: rooms\ntitle: t\nlicence: l\ncitation: c\norigin: o\nobtain: x\n\
         path: '(?P<who>[a-z]+)/(?P<mood>[a-z]+)/\\d+'\nspeaker: '{who}'\nlabel: '{mood}'\n\
         labels: { sad: sad, happy: happy }\n",
    );
    let folder = tempfile::tempdir().unwrap();
    tone(folder.path(), "ann/sad/1.wav", 200.0);
    tone(folder.path(), "bob/sad/1.wav", 200.0);
    let ingested = read(&card, folder.path());
    assert_eq!(ids(&ingested), ["rooms/ann/sad/1", "rooms/bob/sad/1"]);
    assert_eq!(problems(&ingested), [("bob/sad/1.wav", "identical-audio")]);

    // Where the card does not say what names a recording, other audio is another recording.
    tone(folder.path(), "more/ann/sad/1.wav", 300.0);
    tone(folder.path(), "mirror/ann/sad/1.wav", 200.0);
    let ingested = read(&card, folder.path());
    assert_eq!(ids(&ingested), ["rooms/ann/sad/1", "rooms/bob/sad/1", "rooms/more/ann/sad/1"]);
    assert_eq!(
        problems(&ingested),
        [("bob/sad/1.wav", "identical-audio"), ("mirror/ann/sad/1.wav", "second-copy")]
    );
}
