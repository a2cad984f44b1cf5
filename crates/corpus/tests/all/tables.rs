//! What label files of every form tell: names of several columns, speakers, raters, segments, encodings, JSON.

use std::path::Path;

use affekt_config::Diagnostics;
use affekt_corpus::{Card, CorpusError, Ingested, scan};
use affekt_domain::{Rating, Role, Sex, Utterance};

use crate::support::{digest_of, parse_card, put, read, wav};

/// A card of dialogues that are named alike in every part.
fn card(tables: &str) -> Card {
    parse_card("show", &text(tables))
}

fn text(tables: &str) -> String {
    format!(
        "name: show\ntitle: t\nlicence: l\ncitation: c\norigin: o\nobtain: x\n\
         path: '(?P<part>train|test)/dia(?P<dialogue>\\d+)_utt(?P<number>\\d+)'\n\
         speaker: {{ unknown: the label files tell }}\nlabels: {{ joy: happy, sadness: sad }}\n\
         session: '{{dialogue}}'\npart: '{{part}}'\ntables:\n  recording: '{{part}}/{{dialogue}}.{{number}}'\n{tables}"
    )
}

const FILES: [&str; 3] = ["train/dia0_utt0.wav", "train/dia0_utt1.wav", "test/dia0_utt0.wav"];

fn planted(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in FILES {
        put(folder.path(), path, wav(16_000, 1, &digest_of(path).as_bytes()[..16]));
    }
    for (path, bytes) in files {
        put(folder.path(), path, bytes);
    }
    folder
}

fn tell<'a>(ingested: &'a Ingested, what: impl Fn(&'a Utterance) -> Option<&'a str>) -> Vec<&'a str> {
    ingested.utterances.iter().map(|one| what(one).unwrap_or("–")).collect()
}

fn kinds(ingested: &Ingested) -> Vec<(&str, &str)> {
    ingested.problems.iter().map(|one| (one.kind.as_str(), one.message.as_str())).collect()
}

fn table_error(card: &Card, folder: &Path) -> String {
    match scan(card, folder).unwrap_err() {
        error @ CorpusError::Table { .. } => error.to_string(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_recording_is_named_by_several_columns_and_each_part_has_a_file() {
    let card = card(
        "  speaker: Who\n  files:\n\
         \x20   train.csv: { id: 'train/{Dialogue ID}.{Utterance_ID}', label: Emotion, transcript: Said, metadata: [Sentiment], sex: Sex }\n\
         \x20   test.csv: { id: 'test/{Dialogue ID}.{Utterance_ID}', label: Emotion, metadata: [Sentiment] }\n",
    );
    // As Windows writes it: UTF-16 with a mark, CRLF, tabs; and semicolons in the other.
    let train = "\u{feff}Dialogue_ID\tUtterance_ID\tWho\tEmotion\tSentiment\tSaid\tSex\r\n\
                 0\t0\tÄnne\tjoy\tpositive\tHm, ja.\tF\r\n0\t1\tBob\tsadness\tnegative\t\"a \"\"b\"\"\"\tmale\r\n";
    let train: Vec<u8> = train.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let test = "\u{feff}Dialogue_ID;Utterance_ID;Who;Emotion;Sentiment\r\n0;0;Bob;joy;\r\n";
    let folder = planted(&[("train.csv", &train), ("test.csv", test.as_bytes())]);
    let ingested = read(&card, folder.path());
    assert_eq!(
        kinds(&ingested),
        [("unknown-sex", "the card does not tell the sex of speaker `Bob`; it counts as unknown")]
    );
    assert_eq!(
        tell(&ingested, |one| Some(&one.id)),
        ["show/test/dia0_utt0", "show/train/dia0_utt0", "show/train/dia0_utt1"]
    );
    assert_eq!(tell(&ingested, |one| Some(&one.speaker)), ["show/Bob", "show/Änne", "show/Bob"]);
    assert_eq!(tell(&ingested, |one| one.emotion.as_deref()), ["happy", "happy", "sad"]);
    assert_eq!(tell(&ingested, |one| one.transcript.as_deref()), ["–", "Hm, ja.", "a \"b\""]);
    assert_eq!(
        tell(&ingested, |one| one.metadata.get("Sentiment").map(String::as_str)),
        ["–", "positive", "negative"]
    );
    let sexes: Vec<Option<Sex>> = ingested.utterances.iter().map(|one| one.sex).collect();
    assert_eq!(sexes, [None, Some(Sex::Female), Some(Sex::Male)]);
    let parts: Vec<Option<Role>> = ingested.utterances.iter().map(|one| one.part).collect();
    assert_eq!(parts, [Some(Role::Test), Some(Role::Train), Some(Role::Train)]);

    let test = "Dialogue_ID,Utterance_ID,Who,Emotion,Sentiment\n0,0,Bob,joy,\n0,0,Bob,joy,\n";
    put(folder.path(), "test.csv", test);
    assert_eq!(
        table_error(&card, folder.path()),
        "the label file test.csv of the corpus show, line 3: `test/0.0` already has a row at line 2: remove one of them"
    );
}

#[test]
fn latin_1_is_read_where_the_card_says_so() {
    let files = |encoding: &str| {
        format!(
            "  files: {{ moods.csv: {{ id: 'a{{id}}', {encoding} label: mood, metadata: [place], optional: true }} }}\n"
        )
    };
    let table = b"id;mood;place\nb;joy;K\xf6ln \x96 caf\xe9\n";
    let folder = planted(&[("moods.csv", table)]);
    assert_eq!(
        table_error(&card(&files("")), folder.path()),
        "the label file moods.csv of the corpus show: line 2 has the byte 0xf6, so it is not UTF-8 but Latin-1, perhaps: \
         convert it (`iconv -f LATIN1 -t UTF-8`), or say `encoding: latin-1` on the corpus' card"
    );
    let files =
        files("encoding: latin-1,").replace("'a{id}'", "{ column: 'train/0.{id}', pattern: '(.*)b$' }");
    put(folder.path(), "moods.csv", [b"id;mood;place\n0b;joy;K\xf6ln \x96 caf\xe9\n".as_slice()].concat());
    let ingested = read(&card(&files), folder.path());
    assert_eq!(
        tell(&ingested, |one| one.metadata.get("place").map(String::as_str)),
        ["–", "Köln – café", "–"]
    );
}

#[test]
fn a_file_of_speakers_tells_who_they_are() {
    let card = card(
        "  speaker: who\n  speakers: { path: people.csv, id: name, sex: { column: gender, female: [w], male: [m] }, metadata: [age, tongue] }\n\
         \x20 files: { moods.csv: { id: '{file}', label: mood } }\n",
    );
    let moods = "file,who,mood\ntrain/0.0,ann,joy\ntrain/0.1,bob,sadness\ntest/0.0,eve,joy\n";
    let people = "name,gender,age,tongue\nann,W,31,it\nbob,x,,fr\nzoe,m,5,\n";
    let folder = planted(&[("moods.csv", moods.as_bytes()), ("people.csv", people.as_bytes())]);
    let ingested = read(&card, folder.path());
    let metadata: Vec<String> = ingested.utterances.iter().map(|one| format!("{:?}", one.metadata)).collect();
    assert_eq!(metadata, ["{}", r#"{"age": "31", "tongue": "it"}"#, r#"{"tongue": "fr"}"#]);
    assert_eq!(
        kinds(&ingested),
        [
            ("odd-cell", "line 3: `x` under `gender` is no sex that the card knows; they tell nothing"),
            ("unknown-sex", "the card does not tell the sex of speaker `eve`; it counts as unknown"),
            ("unlisted", "the file of speakers has no row for the speaker `eve`: what it tells is unknown"),
            ("unknown-sex", "the card does not tell the sex of speaker `bob`; it counts as unknown"),
        ]
    );
    put(folder.path(), "people.csv", "name,gender,age,tongue\nann,w,31,it\nann,w,32,it\n");
    assert_eq!(
        table_error(&card, folder.path()),
        "the label file people.csv of the corpus show, line 3: it says two things of the speaker `ann`: correct one of them"
    );
}

fn rating(
    utterance: &str,
    rater: &str,
    labels: &[&str],
    values: &[(&str, f32)],
    comment: Option<&str>,
) -> Rating {
    Rating {
        utterance: format!("show/{utterance}"),
        rater: format!("show/{rater}"),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        values: values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        comment: comment.map(str::to_owned),
    }
}

#[test]
fn raters_have_a_row_each_or_an_object() {
    let said = "clip,worker,first,second,Valence,note\n\
                train/0.0,w1,joy,joy;calm,4,\ntrain/0.0,w2,sadness,,,loud\ntest/0.0,w1,,,2.5,\ntest/0.0,w2,,,,\n";
    let folder = planted(&[("said.csv", said.as_bytes())]);
    let by_rows = card(
        "  id: clip\n  files: { said.csv: { rater: worker, labels: [first, second], values: [Valence], comment: note } }\n",
    );
    let ingested = read(&by_rows, folder.path());
    assert_eq!(kinds(&ingested), []);
    let expected = [
        rating("test/dia0_utt0", "w1", &[], &[("Valence", 2.5)], None),
        rating("train/dia0_utt0", "w1", &["joy", "joy", "calm"], &[("Valence", 4.0)], None),
        rating("train/dia0_utt0", "w2", &["sadness"], &[], Some("loud")),
    ];
    assert_eq!(ingested.ratings, expected);

    let said = r#"{
        "train/0.0": { "w1": { "first": "joy", "second": ["joy", "calm"], "Valence": 4 }, "w2": { "first": "sadness", "note": "loud" } },
        "test/0.0": { "w1": { "Valence": "2.5" } }
    }"#;
    put(folder.path(), "said.json", said);
    let by_object = card(
        "  files: { said.json: { id: key, rater: key2, labels: [first, second], values: [Valence], comment: note } }\n",
    );
    assert_eq!(read(&by_object, folder.path()).ratings, expected);
    put(folder.path(), "said.json", "{\n  \"train/0.0\": {\n");
    assert!(
        table_error(&by_object, folder.path())
            .contains("said.json of the corpus show, line 3: it is no JSON")
    );
}

#[test]
fn segments_of_long_recordings_are_utterances() {
    let card = card(
        "  segments: { path: cuts.csv, recording: file, id: cut, start: from, end: to, seconds: 0.001, channel: side }\n\
         \x20 speaker: who\n  files: { moods.csv: { id: cut, label: mood, values: [sure] } }\n",
    );
    // Two people on a channel each, of ten samples at 1 kHz.
    let samples: Vec<u8> = (0..10_i16).flat_map(|n| [n, 100 + n]).flat_map(i16::to_le_bytes).collect();
    let cuts = "file,cut,from,to,side\ntrain/0.0,c1,2,5,1\ntrain/0.0,c2,2,5,2\ntrain/0.0,c3,8,99,2\n\
                train/0.1,c4,0,8,\ntrain/0.1,c5,500,600,\ntrain/0.1,c6,5,5,\ntrain/9.9,c7,0,1,\n";
    let moods =
        "cut,mood,who,sure\nc1,joy,ann,1\nc2,sadness,bob,2\nc3,joy,bob,3\nc4,joy,eve,4\nc5,joy,eve,5\n";
    let folder = planted(&[("cuts.csv", cuts.as_bytes()), ("moods.csv", moods.as_bytes())]);
    put(folder.path(), FILES[0], wav(1_000, 2, &samples));
    let ingested = read(&card, folder.path());
    assert_eq!(
        tell(&ingested, |one| Some(&one.id)),
        [
            "show/train/dia0_utt0/c1",
            "show/train/dia0_utt0/c2",
            "show/train/dia0_utt0/c3",
            "show/train/dia0_utt1/c4"
        ]
    );
    assert_eq!(tell(&ingested, |one| Some(&one.speaker)), ["show/ann", "show/bob", "show/bob", "show/eve"]);
    let shapes: Vec<_> =
        ingested.utterances.iter().map(|one| (one.samples, one.channels, one.rate)).collect();
    assert_eq!(shapes, [(3, 1, 1_000), (3, 1, 1_000), (2, 1, 1_000), (8, 1, 16_000)]);
    assert_eq!(ingested.utterances[2].values["sure"], 3.0);
    let told: Vec<_> =
        ingested.problems.iter().map(|one| (one.kind.as_str(), one.path.as_str(), one.dropped)).collect();
    assert_eq!(
        told,
        [
            ("missing-recording", "", false),
            ("odd-cell", "cuts.csv", false),
            ("no-segments", FILES[2], true),
            ("unreadable", FILES[1], true),
            ("unusual-format", FILES[1], false),
        ]
    );
    let gone = ingested.problems.iter().find(|one| one.kind == "unreadable").unwrap();
    assert_eq!(
        gone.message,
        "its segment `c5` from 0.5 to 0.6 s is not in it, which has 0.001 s of 1 channels: left out"
    );
}

#[test]
fn mistakes_in_tables_of_a_card_are_told_at_their_line() {
    let mistakes = |tables: &str| -> Vec<String> {
        let diagnostics = Diagnostics::new();
        assert!(Card::parse("show.yaml", &text(tables), &diagnostics).is_none());
        diagnostics.sorted().into_iter().map(|one| one.message).collect()
    };
    assert_eq!(mistakes("  files: { a.csv: { label: mood } }\n"), ["`id` is missing, here and in `tables`"]);
    assert_eq!(
        mistakes("  id: 'a{b'\n  files: { a.csv: { label: mood } }\n"),
        [
            "expected text with the names of columns in braces, such as \"dia{Dialogue}_utt{Number}\", found `a{b`"
        ]
    );
    assert_eq!(
        mistakes("  id: a\n  speakers: { path: ../x.csv, id: b }\n  files: {}\n"),
        ["expected a path in the corpus' folder, found `../x.csv`"]
    );
    assert_eq!(mistakes("  id: a\n  files: { a.csv: { recording: '{whom}' } }\n"), ["unknown group `whom`"]);
}
