//! Folders and audio as they come: hidden files, links, copies, damage.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use affekt_audio::write_wav_i16;
use affekt_corpus::{Card, CorpusError, Ingested, ingest, scan};

use crate::support::{card, facts_by_name, parse_card, plant};

fn tone(folder: &Path, path: &str, hz: f32) {
    tone_at(folder, path, hz, 16_000);
}

fn tone_at(folder: &Path, path: &str, hz: f32, rate_hz: u32) {
    let wave = |n: u16| 0.5 * (f32::from(n) * hz / rate_hz as f32 * std::f32::consts::TAU).sin();
    let samples: Vec<f32> = (0..1600).map(wave).collect();
    fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
    write_wav_i16(&folder.join(path), &samples, rate_hz).unwrap();
}

fn decode_all(card: &Card, folder: &Path) -> Ingested {
    ingest(card, &scan(card, folder).unwrap(), &|_| None, &|_| ())
}

fn ids(ingested: &Ingested) -> Vec<&str> {
    ingested.utterances.iter().map(|utterance| utterance.id.as_str()).collect()
}

fn problems(ingested: &Ingested) -> Vec<(&str, &str)> {
    ingested.problems.iter().map(|problem| (problem.path.as_str(), problem.kind.as_str())).collect()
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
    assert_eq!((scan.found[0].size, scan.found[0].inode), (1, scan.found[1].inode));
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
    assert!(empty.to_string().contains("it holds no audio file"), "{empty}");
    plant(folder.path(), ["song.mp3"]);
    let foreign = scan(&card("savee"), folder.path()).unwrap_err();
    assert!(foreign.to_string().contains("`song.mp3`, for one, does not fit"), "{foreign}");

    let file = scan(&card("savee"), &folder.path().join("song.mp3")).unwrap_err();
    assert!(matches!(file, CorpusError::Unreadable { .. }));
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
    let ingested = decode_all(&card("savee"), folder);
    assert_eq!(ids(&ingested), ["SAVEE/DC_a01", "SAVEE/DC_a02", "SAVEE/JE/a01", "SAVEE/JE_a01"]);
    assert_eq!(
        problems(&ingested),
        [("DC_a02.wav", "identical-audio"), ("mirror/DC/a01.wav", "second-copy")],
        "one name with two contents is two recordings"
    );
    assert_eq!(ingested.sources, [0, 1, 2, 3]);
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
    let ingested = decode_all(&card("savee"), folder);
    assert_eq!(ids(&ingested), ["SAVEE/DC_a01", "SAVEE/DC_a02"]);
    assert_eq!(problems(&ingested), [("DC_a01.wav", "second-copy"), ("DC_a02.wav", "conflicting-copy")]);
    assert_eq!(ingested.sources, [0, 2]);
}

#[test]
fn damage_is_survived_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    tone(folder, "DC_a01.wav", 200.0);
    tone(folder, "DC_a02.wav", 210.0);
    tone_at(folder, "DC_a03.wav", 220.0, 44_100);
    fs::write(folder.join("DC_a04.wav"), b"this is no audio").unwrap();
    write_wav_i16(&folder.join("DC_a05.wav"), &[0.0; 800], 16_000).unwrap();
    let whole = fs::read(folder.join("DC_a02.wav")).unwrap();
    fs::write(folder.join("DC_a02.wav"), &whole[..whole.len() / 2]).unwrap();

    let ingested = decode_all(&card("savee"), folder);
    assert_eq!(ids(&ingested), ["SAVEE/DC_a01", "SAVEE/DC_a02", "SAVEE/DC_a03", "SAVEE/DC_a05"]);
    assert_eq!(
        problems(&ingested),
        [
            ("DC_a02.wav", "truncated"),
            ("DC_a03.wav", "unusual-format"),
            ("DC_a04.wav", "unreadable"),
            ("DC_a05.wav", "silent"),
        ]
    );
    assert!(ingested.utterances[1].samples < 1600);
    assert_eq!(ingested.facts[3], None);

    // What was remembered says the same as what was decoded, damage included.
    let scan = scan(&card("savee"), folder).unwrap();
    let index = |path: &str| scan.found.iter().position(|found| found.relative == path).unwrap();
    let again =
        ingest(&card("savee"), &scan, &|found| ingested.facts[index(&found.relative)].clone(), &|_| ());
    assert_eq!(again, ingested);
}

#[test]
fn only_what_is_not_remembered_is_decoded() {
    let folder = tempfile::tempdir().unwrap();
    plant(folder.path(), ["DC_a01.wav", "DC_a02.wav"]);
    tone(folder.path(), "JE_a01.wav", 200.0);
    let known = |found: &affekt_corpus::Found| facts_by_name(found).filter(|_| found.fields.speaker == "DC");
    let (calls, last) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let progress = |done| {
        calls.fetch_add(1, Ordering::Relaxed);
        last.fetch_max(done, Ordering::Relaxed);
    };
    let card = card("savee");
    let ingested = ingest(&card, &scan(&card, folder.path()).unwrap(), &known, &progress);
    assert_eq!(ingested.utterances.len(), 3, "files that hold no audio were not opened");
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
    let ingested = decode_all(&card, folder.path());
    assert_eq!(ids(&ingested), ["rooms/ann/sad/1", "rooms/bob/sad/1"]);
    assert_eq!(problems(&ingested), [("bob/sad/1.wav", "identical-audio")]);
}
