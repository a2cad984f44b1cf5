//! Cards on trees with the corpora's true names, read from lists of others where they are at hand; where there is no list, on
//! trees of a generator, which says so.
//!
//! The lists are those of EmoBox: path in the release, label as the corpus writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use affekt_config::Diagnostics;
use affekt_corpus::{Card, Scan, audit, find_split, folds, scan};
use affekt_domain::{Example, Sex};
use affekt_spec::protocol::{Protocol, Rules, Sharing};

use crate::support::{card, datasets, example, outside, put};

struct Row {
    path: String,
    label: String,
    part: String,
}

fn lists() -> Option<PathBuf> {
    outside("AFFEKT_TEST_METADATA", "../shared/metadata").map(|folder| folder.join("emobox"))
}

/// Reads a list. A few paths have bytes that are no UTF-8.
fn rows(lists: &Path, list: &str) -> Vec<Row> {
    let bytes = fs::read(lists.join(format!("{list}.csv"))).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let row = |record: csv::Result<csv::StringRecord>| {
        let record = record.unwrap();
        Row {
            path: record[0].to_owned(),
            label: record[1].to_owned(),
            part: record.get(6).unwrap_or_default().to_owned(),
        }
    };
    reader.records().map(row).collect()
}

fn planted(names: impl IntoIterator<Item = impl AsRef<str>>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut folders = BTreeSet::new();
    for name in names {
        let path = folder.path().join(name.as_ref());
        let parent = path.parent().unwrap();
        if folders.insert(parent.to_owned()) {
            fs::create_dir_all(parent).unwrap();
        }
        fs::write(&path, "x").unwrap();
    }
    folder
}

fn speakers(scan: &Scan) -> usize {
    scan.found.iter().filter_map(|file| file.fields.speaker.as_ref()).collect::<BTreeSet<_>>().len()
}

fn emotions(scan: &Scan) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for file in &scan.found {
        *counts.entry(file.emotion.as_deref().unwrap_or("none")).or_default() += 1;
    }
    counts
}

/// Checks that the card's emotion follows from the list's label: that of every file with the same label is the same.
fn check_labels(folder: &Path, scan: &Scan, rows: &[Row]) {
    let labels: BTreeMap<&str, &str> =
        rows.iter().map(|row| (row.path.as_str(), row.label.as_str())).collect();
    let mut emotion_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for file in &scan.found {
        // As it lies there: the scan spells names in one way.
        let path = file.path.strip_prefix(folder).unwrap().to_str().unwrap();
        let label = labels[path];
        emotion_of.entry(label).or_default().insert(file.emotion.as_deref().unwrap());
    }
    for (label, emotions) in emotion_of {
        assert_eq!(emotions.len(), 1, "{label} is {emotions:?}");
    }
}

/// Checks that what the card says of labels is what was counted, where it says so.
fn check_counts(card: &Card, scan: &Scan) {
    if let Some(expected) = card.files_of_emotions().filter(|_| card.files == Some(scan.found.len())) {
        assert_eq!(emotions(scan), expected, "{}", card.name);
    }
}

#[test]
fn corpora_with_lists_are_read_to_the_file() {
    let Some(lists) = lists() else { return };
    // Card, list, files and speakers as counted on the list; the published numbers are on the card.
    for (name, list, files, of) in [
        ("emodb", "emodb", 535, 10),
        ("emovo", "emovo", 588, 6),
        ("aesdd", "aesdd", 604, 6),
        ("ased", "ased", 2474, 65),
        ("asvp-esd", "asvpesd", 13_964, 131),
        ("cafe", "cafe", 936, 12),
        ("casia", "casia", 1200, 4),
        ("emov-db", "emovdb", 6887, 4),
        ("enterface", "enterface", 1263, 43),
        ("esd", "esd", 35_000, 20),
        ("jl-corpus", "jlcorpus", 2400, 4),
        ("mead", "mead", 7929, 48),
        ("mesd", "mesd", 862, 0),
        ("oreau", "oreau", 434, 32),
        ("polish", "polish", 450, 5),
        ("resd", "resd", 1396, 0),
        ("shemo", "shemo", 2838, 87),
        ("subesco", "subesco", 7000, 20),
        ("turev-db", "turevdb", 1735, 0),
        ("ravdess", "ravdess", 1440, 24),
        ("savee", "savee", 480, 4),
        ("tess", "tess", 2800, 2),
        ("crema-d", "cremad", 7442, 91),
        ("urdu", "urdu", 400, 29),
    ] {
        let card = card(name);
        let rows = rows(&lists, list);
        // All names are read; of the largest corpora a tenth is laid out as files.
        let tenth = if files > 600 { 10 } else { 1 };
        let folder = planted(rows.iter().step_by(tenth).map(|row| &row.path));
        let scan = scan(&card, folder.path()).unwrap();
        assert_eq!(scan.problems, [], "{name}");
        assert_eq!((scan.found.len(), scan.ignored), (usize::div_ceil(files, tenth), 0), "{name}");
        check_labels(folder.path(), &scan, &rows);
        let mut labels: BTreeMap<&str, usize> = BTreeMap::new();
        let mut speakers = BTreeSet::new();
        for row in &rows {
            let stem = row.path.rsplit_once('.').unwrap().0;
            let fields = card.grammar.read(stem).unwrap_or_else(|| panic!("{name}: {stem}"));
            let label = &card.labels[&fields.label.unwrap()];
            *labels.entry(label.emotion.as_str()).or_default() += 1;
            speakers.extend(fields.speaker);
        }
        assert_eq!((rows.len(), speakers.len()), (files, of), "{name}");
        if let Some(expected) = card.files_of_emotions().filter(|_| card.files == Some(files)) {
            assert_eq!(labels, expected, "{name}");
        }
        let is_whole = card.files == Some(files);
        assert!(is_whole || card.count_note.is_some(), "{name} has {files} files and says nothing of it");
        let expected = card.speakers.unwrap_or(of);
        assert!(!is_whole || expected == of, "{name}");
    }
}

/// EmoBox' folds of EmoDB share all its speakers, by the true names.
#[test]
fn a_published_split_of_a_corpus_by_its_list() {
    let Some(lists) = lists() else { return };
    let card = card("emodb");
    let examples: Vec<Example> = rows(&lists, "emodb")
        .iter()
        .map(|row| {
            let name = row.path.strip_suffix(".wav").unwrap();
            let fields = card.grammar.read(name).unwrap();
            example("EmoDB", &fields.speaker.unwrap(), name, &row.label)
        })
        .collect();
    let split = find_split(&datasets(), "emobox-emodb", &Diagnostics::new()).unwrap();
    let made = folds(&Protocol::Published(split), &examples).unwrap();
    let audit = audit(&made, &examples, Rules::default().disjoint());
    assert_eq!((made.len(), audit.unknown.len(), audit.never_tested), (5, 0, 0));
    for fold in 1..=5 {
        let shared =
            audit.shared.iter().filter(|shared| shared.fold == fold && shared.what == Sharing::Speaker);
        assert_eq!(shared.count(), 10, "fold {fold}");
    }
}

/// Names and labels are the list's; the tables have the columns of the release, and their speakers are made up, as the list does
/// not tell them.
#[test]
fn corpora_with_tables_are_read_to_the_file() {
    let Some(lists) = lists() else { return };
    let emozionalmente = rows(&lists, "emozionalmente");
    let folder = planted(emozionalmente.iter().map(|row| &row.path));
    let mut samples = "timestamp,file_name,actor,sentence,emotion_expressed\n".to_owned();
    for (n, row) in emozionalmente.iter().enumerate() {
        let file = row.path.strip_prefix("audio/").unwrap();
        samples += &format!("0,{file},actor{},\"Vorrei, prego\",{}\n", n % 431, row.label);
    }
    let mut users = "username,gender,age,mother_tongue\n".to_owned();
    (0..431).for_each(|n| users += &format!("actor{n},{},{},it\n", ["f", "m"][n % 2], 18 + n % 60));
    put(folder.path(), "metadata/samples.csv", samples);
    put(folder.path(), "metadata/users.csv", users);
    let card = card("emozionalmente");
    let found = scan(&card, folder.path()).unwrap();
    assert_eq!(found.problems, []);
    assert_eq!((found.found.len(), speakers(&found)), (6902, 431));
    check_labels(folder.path(), &found, &emozionalmente);
    check_counts(&card, &found);
    assert_eq!(found.found[0].fields.metadata["mother_tongue"], "it");
    assert!(found.found.iter().all(|file| file.fields.sex.is_some() && file.fields.text.is_some()));
}

#[test]
fn meld_is_read_with_its_parts() {
    let Some(lists) = lists() else { return };
    let meld = rows(&lists, "meld");
    let folder = planted(meld.iter().map(|row| &row.path));
    for (table, part) in [("train", "train"), ("dev", "valid"), ("test", "test")] {
        let mut text =
            "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season\n".to_owned();
        for (n, row) in meld.iter().filter(|row| row.part == part).enumerate() {
            let name = row.path.rsplit('/').next().unwrap().strip_suffix(".mp4").unwrap();
            let (dialogue, number) = name.strip_prefix("dia").unwrap().split_once("_utt").unwrap();
            text += &format!(
                "{n},\"Well, hi\",{},{},neutral,{dialogue},{number},1\n",
                ["Ross", "Monica"][n % 2],
                row.label
            );
        }
        put(folder.path(), &format!("{table}_sent_emo.csv"), text);
    }
    let found = scan(&card("meld"), folder.path()).unwrap();
    assert_eq!(found.problems, []);
    assert_eq!(found.found.len(), 13_706);
    check_labels(folder.path(), &found, &meld);
    let mut parts: BTreeMap<_, usize> = BTreeMap::new();
    for file in &found.found {
        *parts.entry(file.fields.part.unwrap().name()).or_default() += 1;
        assert!(file.fields.speaker.is_some() && file.fields.metadata["Sentiment"] == "neutral");
    }
    assert_eq!(parts, [("dev", 1108), ("test", 2610), ("train", 9988)].into());
}

/// Names are those of EMO-SUPERB's list; what the file of evaluations says is made up in its form.
#[test]
fn msp_improv_is_read_to_the_file() {
    let Some(lists) = outside("AFFEKT_TEST_METADATA", "../shared/metadata") else { return };
    let text = fs::read_to_string(lists.join("emosuperb/msp-improv.csv")).unwrap();
    let names: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    let stem = |name: &str| name.trim_end_matches(".wav").to_owned();
    let folder = planted(names.iter().map(|name| format!("session1/{}.wav", stem(name))));
    let mut said = "UTTERANCES\n".to_owned();
    for name in &names {
        let name = stem(name);
        said +=
            &format!("UTD-IMPROV-{}.avi; N; A:2.8; V:3.2; D:NaN ; N:3.4;\n", &name["MSP-IMPROV-".len()..]);
        said += "W_1; Neutral; Calm,Relaxed; A:3.0; V:NaN; D:3.0; N:4.0;\n\n";
    }
    put(folder.path(), "Evalution.txt", said);
    let found = scan(&card("msp-improv"), folder.path()).unwrap();
    assert_eq!(found.problems, []);
    assert_eq!((found.found.len(), speakers(&found)), (8385, 12));
    assert_eq!(emotions(&found), [("neutral", 8385)].into());
    let first = &found.found[0];
    let values: Vec<_> = first.values.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(values, [("Activation", 2.8), ("Naturalness", 3.4), ("Valence", 3.2)]);
    let [rating] = &first.ratings[..] else { panic!("{first:?}") };
    assert_eq!(
        (rating.labels.join(" "), rating.comment.as_deref()),
        ("Neutral".to_owned(), Some("Calm,Relaxed"))
    );
    assert_eq!(rating.values.len(), 3, "NaN is no value");
    let sessions: BTreeSet<_> = found.found.iter().filter_map(|file| file.fields.session.as_ref()).collect();
    assert_eq!(sessions.len(), 6);
}

/// There is no list of these at hand: a generator makes the names from the grammar that the release's own page explains.
#[test]
fn corpora_without_lists_are_read_as_generated() {
    let songs = (1..=24).filter(|actor| *actor != 18).flat_map(|actor| {
        let of_emotion =
            |emotion: u32| (1..=if emotion == 1 { 1 } else { 2 }).map(move |level| (emotion, level));
        (1..=6).flat_map(of_emotion).flat_map(move |(emotion, level)| {
            [(1, 1), (1, 2), (2, 1), (2, 2)].map(|(statement, take)| {
                format!(
                    "Actor_{actor:02}/03-02-{emotion:02}-{level:02}-{statement:02}-{take:02}-{actor:02}.wav"
                )
            })
        })
    });
    let found = check("ravdess-song", songs, 1012, 23);
    check_counts(&card("ravdess-song"), &found);

    let styles = ["amused", "angry", "disgusted", "drunk", "neutral", "sleepy", "surprised", "whisper"];
    let thorsten =
        styles.into_iter().flat_map(|style| (0..300).map(move |n| format!("{style}/{n:032x}.wav")));
    let found = check("thorsten-emotional", thorsten, 2400, 1);
    check_counts(&card("thorsten-emotional"), &found);

    let levels = ["low", "moderate", "strong", "peak"];
    let vivae = (1..=11).flat_map(|speaker| {
        let states = ["achievement", "anger", "fear", "pain", "pleasure", "surprise"];
        states.into_iter().flat_map(move |state| {
            levels.map(|level| format!("full_set/S{speaker:02}_{state}_{level}_01.wav"))
        })
    });
    let vivae: Vec<String> = vivae.collect();
    let core = vivae.iter().map(|name| name.replace("full_set", "core_set"));
    let folder = planted(vivae.iter().cloned().chain(core));
    let found = scan(&card("vivae"), folder.path()).unwrap();
    assert_eq!((found.found.len(), found.ignored, speakers(&found)), (264, 264, 11));

    let baved = ["0/100-f-6-0-0-0.wav", "0/0-m-21-0-1-105.wav", "2/47-m-20-6-2-9.wav"];
    let folder = planted(["0/100-f-6-3-0-0.wav", "1/0-m-21-0-1-105.wav", "2/47-m-20-6-2-9.wav"]);
    let found = scan(&card("baved"), folder.path()).unwrap();
    assert_eq!(emotions(&found), [("high", 1), ("low", 1), ("neutral", 1)].into());
    assert_eq!(found.found[0].fields.metadata["age"], "6");
    assert_eq!(check("baved", baved, 3, 3).problems, []);

    let folder = planted(["samples/EB0_anger_1.wav", "samples/WR0_surprised_64.wav"]);
    // Two rows of the release's own table.
    let rows = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n\
                WR0_surprised_64.wav\tsurprised\tUcho wykrywa dźwięki o różnej częstotliwości.\t\t        WR0\tmale\t23\n\
                EB0_anger_1.wav\tanger\tLubię czytać przed snem.\t\t        EB0\tfemale\t27\n";
    put(folder.path(), "data.tsv", rows);
    let found = scan(&card("nemo"), folder.path()).unwrap();
    assert_eq!(found.problems, []);
    let told: Vec<_> = found
        .found
        .iter()
        .map(|file| (file.fields.sex, file.fields.metadata["age"].as_str(), file.transcript.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (Some(Sex::Female), "27", Some("Lubię czytać przed snem.")),
            (Some(Sex::Male), "23", Some("Ucho wykrywa dźwięki o różnej częstotliwości.")),
        ]
    );

    let folder = planted(["Audios/MSP-PODCAST_0001_0008.wav", "Audios/MSP-PODCAST_0002_0033_0001.wav"]);
    let labels = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set\n\
                  MSP-PODCAST_0001_0008.wav,N,2.2,4.0,3.2,127,Male,Test1\n\
                  MSP-PODCAST_0002_0033_0001.wav,X,5.2,3.0,4.2,Unknown,Unknown,Train\n";
    put(folder.path(), "Labels/labels_consensus.csv", labels);
    let found = scan(&card("msp-podcast"), folder.path()).unwrap();
    assert_eq!(found.problems, []);
    assert_eq!((speakers(&found), found.found[0].fields.sex), (1, Some(Sex::Male)));
    assert_eq!(found.found[1].emotion.as_deref(), Some("undecided"));

    let folder = planted(["cleaned_webm/recorded_audio.flac", "cleaned_webm/recorded_audio.webm"]);
    let rows = "id|utterance|description|emotion|date_created|status|gender|age|level|audio_recording|user_id\n\
                1|He said, no|as told|Happy|2022|done|female|27|6|wavs/recorded_audio.wav|3\n";
    put(folder.path(), "metadata.csv", rows);
    let found = scan(&card("emns"), folder.path()).unwrap();
    assert_eq!((found.problems.as_slice(), found.ignored), (&[][..], 1));
    assert_eq!(found.found[0].emotion.as_deref(), Some("happy"));
    assert_eq!(found.found[0].transcript.as_deref(), Some("He said, no"));
}

/// Scans these names, all of which the card reads.
fn check(name: &str, names: impl IntoIterator<Item = impl AsRef<str>>, files: usize, of: usize) -> Scan {
    let folder = planted(names);
    let found = scan(&card(name), folder.path()).unwrap();
    let problems: Vec<_> = found.problems.iter().filter(|problem| problem.dropped).collect();
    assert!(problems.is_empty(), "{name}: {problems:?}");
    assert_eq!((found.found.len(), speakers(&found)), (files, of), "{name}");
    found
}
