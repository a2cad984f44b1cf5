//! Scanning of folders: hidden files, links, duplicates, and remembered files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use affekt_audio::write_wav_i16;
use affekt_corpus::{AudioFacts, CardYield, CorpusError, Found, Ingested, ingest, scan};

use crate::support::{card, digest_of, parse_card, plant, problems, put, read};

fn tone(folder: &Path, path: &str, hz: f32) {
    let wave = |n: u16| 0.5 * (f32::from(n) * hz / 16_000.0 * std::f32::consts::TAU).sin();
    let samples: Vec<f32> = (0..1600).map(wave).collect();
    fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
    write_wav_i16(&folder.join(path), &samples, 16_000).unwrap();
}

const KITCHEN: &str = r"
name: Kitchen
title: Voices of a kitchen
licence: none
citation: nobody
origin: the kitchen
obtain: ask
path: '(?P<cook>[^_/]+)_(?P<mood>[^_/]+)_\d+'
speaker: '{cook}'
label: '{mood}'
labels: { glad: happy }
";

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
        [
            ("JK_n01.wav", "unreadable"),
            ("KL_f01.wav", "empty-file"),
            ("a.wav", "unparsed-name"),
            ("notes.txt", "no-audio")
        ]
    );
}

#[test]
fn what_a_card_makes_of_a_folder_is_counted_to_the_file() {
    let card =
        parse_card("Kitchen", &format!("{KITCHEN}ignore: ['rehearsal/**']\nexpect: {{ files: 12 }}\n"));
    let folder = tempfile::tempdir().unwrap();
    for (path, hz) in
        [("ann_glad_1", 200.0), ("ann_glad_2", 300.0), ("bob_glad_1", 400.0), ("bob_glad_2", 500.0)]
    {
        tone(folder.path(), &format!("{path}.wav"), hz);
    }
    tone(folder.path(), "again/ann_glad_1.wav", 200.0);
    tone(folder.path(), "bob_sad_1.wav", 600.0);
    tone(folder.path(), "rehearsal/x.wav", 700.0);
    plant(folder.path(), ["notes.txt", "plan.pdf", "title.mp3"]);
    put(folder.path(), "bob_glad_3.wav", b"");
    put(folder.path(), "bob_glad_4.wav", b"no audio at all");
    let scan = scan(&card, folder.path()).unwrap();
    let ingested = ingest(&card, &scan, &|_| None, &|_| ());
    let of_names = CardYield::new(&card, &scan, None);
    assert_eq!((of_names.audio_files, of_names.read, of_names.is_poor()), (10, 6, false));
    let counted = CardYield::new(&card, &scan, Some(&ingested));
    assert_eq!(
        counted.to_string(),
        "Kitchen: its card reads 4 of 10 audio files; 5 left out (1 × empty-file, 1 × second-copy, 1 × unknown-label, \
         1 × unparsed-name, 1 × unreadable); 1 ignored; 2 other files; the complete corpus has 12"
    );
    assert!(!counted.is_poor(), "4 of 8, copies and what is ignored apart");
    fs::remove_file(folder.path().join("bob_glad_2.wav")).unwrap();
    let scan = affekt_corpus::scan(&card, folder.path()).unwrap();
    let ingested = ingest(&card, &scan, &|_| None, &|_| ());
    assert!(CardYield::new(&card, &scan, Some(&ingested)).is_poor(), "3 of 7");
}

#[test]
fn copies_that_are_worse_are_counted_although_one_problem_stands_for_all() {
    let card = parse_card("Kitchen", KITCHEN);
    let folder = tempfile::tempdir().unwrap();
    for number in 1..=3 {
        tone(folder.path(), &format!("ann_glad_{number}.wav"), 100.0 * number as f32);
        write_wav_i16(&folder.path().join(format!("ann_glad_{number}.wave")), &[0.0; 1600], 16_000).unwrap();
    }
    let scan = scan(&card, folder.path()).unwrap();
    let ingested = ingest(&card, &scan, &|_| None, &|_| ());
    let counted = CardYield::new(&card, &scan, Some(&ingested));
    assert_eq!(
        counted.to_string(),
        "Kitchen: its card reads 3 of 6 audio files; 3 left out (3 × worse-copy)"
    );
    assert!(!counted.is_poor());
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
    let told = "its only audio file cannot be used; `song.mp3`, for example: its name does not fit";
    assert!(foreign.to_string().contains(told), "{foreign}");
    plant(folder.path(), ["other.mp3", "x/third.wav"]);
    let foreign = scan(&card("savee"), folder.path()).unwrap_err();
    assert!(foreign.to_string().contains("none of its 3 audio files can be used; `other.mp3`, for example"));
    let lists = tempfile::tempdir().unwrap();
    for name in ["a.txt", "b.TXT", "c.pdf", "README"] {
        put(lists.path(), name, b"some words");
    }
    let lists = scan(&card("savee"), lists.path()).unwrap_err();
    assert!(
        lists.to_string().contains("it has no audio files, only 1 without extension, 1 `.pdf`, 2 `.txt`;"),
        "{lists}"
    );

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
    // What has nothing to do with the corpus: the whole disc, a folder of another project with links of its own.
    symlink("/", folder.path().join("root")).unwrap();
    let project = tempfile::tempdir().unwrap();
    for name in ["songs/one.wav", "songs/two.wav", "notes.txt"] {
        put(project.path(), name, b"RIFF");
    }
    symlink("/etc", project.path().join("settings")).unwrap();
    symlink(project.path(), folder.path().join("a project")).unwrap();
    let ingested = read(&card("savee"), folder.path());
    assert_eq!(
        ids(&ingested),
        ["SAVEE/another disc/DC_a03", "SAVEE/nested/DC_a02", "SAVEE/nested/deep/DC_a01"]
    );
    assert_eq!(
        problems(&ingested),
        [("a project", "unreadable"), ("itself", "no-audio"), ("root", "unreadable")]
    );
    let told = &ingested.problems[0].message;
    assert!(
        told.starts_with("a link to a folder outside the corpus, with nothing in it that fits"),
        "{told}"
    );
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
fn of_two_copies_the_lossless_one_with_sound_is_used_and_the_others_are_one_problem() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Formats are told by content, and loss by the name.
    for (name, other) in [("DC_a01", 200.0), ("DC_a02", 300.0), ("DC_a03", 400.0)] {
        tone(folder, &format!("{name}.mp3"), other + 1.0);
        tone(folder, &format!("{name}.wav"), other);
    }
    write_wav_i16(&folder.join("DC_a04.aiff"), &[0.0; 1600], 16_000).unwrap();
    tone(folder, "DC_a04.wav", 500.0);
    let ingested = read(&card("savee"), folder);
    let used: Vec<&str> = ingested.utterances.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(used, ["SAVEE/DC_a01", "SAVEE/DC_a02", "SAVEE/DC_a03", "SAVEE/DC_a04"]);
    assert_eq!(ingested.sources, [1, 3, 5, 7], "the WAV files");
    let told: Vec<(&str, &str)> =
        ingested.problems.iter().map(|it| (it.path.as_str(), it.message.as_str())).collect();
    assert_eq!(
        told,
        [
            (
                "DC_a01.mp3",
                "a compressed copy of `DC_a01.wav`, which is used, and 2 other files are such copies: left out"
            ),
            ("DC_a04.aiff", "a silent copy of `DC_a04.wav`, which is used: left out"),
        ]
    );
}

#[test]
fn names_are_compared_in_one_spelling() {
    let folder = tempfile::tempdir().unwrap();
    let text = KITCHEN.replace("{ glad: happy }", "{ glad: happy, fro\u{308}hlich: happy }");
    // The card's word is decomposed, one folder's composed, another's decomposed.
    tone(folder.path(), "a\u{308}nn_glad_1.wav", 200.0);
    tone(folder.path(), "änn_fröhlich_2.wav", 210.0);
    tone(folder.path(), "änn_fro\u{308}hlich_3.wav", 220.0);
    let ingested = read(&parse_card("kitchen", &text), folder.path());
    let speakers: Vec<&str> = ingested.utterances.iter().map(|it| it.speaker.as_str()).collect();
    assert_eq!(speakers, ["Kitchen/änn"; 3]);
    assert_eq!(ids(&ingested), ["Kitchen/änn_fröhlich_2", "Kitchen/änn_fröhlich_3", "Kitchen/änn_glad_1"]);
    assert_eq!(problems(&ingested), []);
}

#[test]
fn every_file_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    tone(folder.path(), "ann_glad_1.wav", 200.0);
    let audio = fs::read(folder.path().join("ann_glad_1.wav")).unwrap();
    for (nth, name) in
        ["ann_glad_2", "ann_glad_3.sph", "ann_glad_4.mp4", "ann_glad_5.wav "].into_iter().enumerate()
    {
        let mut audio = audio.clone();
        audio[100] ^= nth as u8 + 1;
        put(folder.path(), name, &audio);
    }
    put(folder.path(), "ann_glad_6.webm", b"\x1a\x45\xdf\xa3 and so on");
    plant(folder.path(), ["notes.txt", "more/notes.txt"]);
    let ingested = read(&parse_card("kitchen", KITCHEN), folder.path());
    assert_eq!(ids(&ingested), [1, 2, 3, 4, 5].map(|nth| format!("Kitchen/ann_glad_{nth}")));
    assert_eq!(problems(&ingested), [("ann_glad_6.webm", "unreadable"), ("more/notes.txt", "no-audio")]);
    assert!(ingested.problems[0].message.starts_with("unsupported (Matroska or WebM)"));
    assert_eq!(ingested.problems[1].message, "it is no audio, and neither is another file `.txt`");

    let wrong = parse_card("kitchen", &KITCHEN.replace(r"_\d+'", r"_\d+\.wav'"));
    let told = scan(&wrong, folder.path()).unwrap_err().to_string();
    assert!(told.contains(r"matches names without their extension: leave `\.wav` out of it"), "{told}");
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
