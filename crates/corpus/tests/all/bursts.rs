//! HUME-VB: annotations are in four label files, and those of the test part are withheld.

use std::fs;
use std::path::Path;

use affekt_config::Diagnostics;
use affekt_corpus::{
    Card, CorpusError, SyntheticBursts, audit, completeness, find_scheme, folds, generate_bursts, label,
    remarks, scan,
};
use affekt_domain::{Example, Role, Target, Task, is_known_speaker};
use affekt_spec::protocol::{DevFolds, Group, GroupKfold, Official, OfficialDev, Protocol, Random, Rules};

use crate::support::{card, datasets, parse_card, put, read, wav_of_name};

const SMALL: SyntheticBursts =
    SyntheticBursts { parts: [16, 8, 8], seed: 1, rate_hz: 8_000, test_labels: false };

fn official() -> Protocol {
    Protocol::Official(Official { dev: OfficialDev::Official, split_seed: 0 })
}

fn labelled(corpus: &Path, scheme: &str) -> (Vec<Example>, Task) {
    let scheme = find_scheme(&datasets(), scheme, &Diagnostics::new()).unwrap();
    let labelled = label(&scheme, read(&card("hume-vb"), corpus).utterances);
    assert_eq!(labelled.left_out, [].into());
    (labelled.examples, labelled.task)
}

#[test]
fn the_made_up_corpus_is_a_hume_vb() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = generate_bursts(folder.path(), &SMALL).unwrap();
    let card = card("hume-vb");
    let ingested = read(&card, &corpus);
    assert_eq!(ingested.problems, []);
    let complete = completeness(&card, &ingested.utterances).to_string();
    assert!(
        complete.starts_with("HUME-VB: 32 of 59201 files, speakers unknown (1702 speakers"),
        "{complete}"
    );

    let first = &ingested.utterances[0];
    assert_eq!((first.id.as_str(), first.part), ("HUME-VB/audio/wav/10000", Some(Role::Train)));
    assert_eq!((first.values.len(), first.label.as_deref()), (52, Some("Groan")));
    // The columns of this file are turned round: names decide.
    let text = fs::read_to_string(corpus.join("labels/high_info.csv")).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next().unwrap().split(',').nth(2), Some("Surprise"));
    let awe: f32 = lines.next().unwrap().rsplit(',').next().unwrap().parse().unwrap();
    assert_eq!(first.values["Awe"], awe);

    let culture = fs::read_to_string(corpus.join("labels/culture_info.csv")).unwrap();
    assert!(culture.lines().last().unwrap().contains(",Test,0.0,"), "what stands there is no truth");
    let blind = ingested.utterances.iter().filter(|one| one.part == Some(Role::Test));
    assert!(
        blind.clone().count() == 8 && blind.clone().all(|one| one.values.is_empty() && one.label.is_none())
    );
    assert!(ingested.utterances.iter().all(|one| !is_known_speaker(&one.speaker)));
}

/// Few have them, and then they count.
#[test]
fn labels_of_the_test_part_count_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = generate_bursts(folder.path(), &SyntheticBursts { test_labels: true, ..SMALL }).unwrap();
    let known = |scheme: &str| {
        let (examples, _) = labelled(&corpus, scheme);
        examples.iter().filter(|example| example.target.is_some()).count()
    };
    for scheme in ["hume-high", "hume-two", "hume-culture", "hume-type"] {
        assert_eq!(known(scheme), 32, "{scheme}");
    }
    // Of one file alone, where another has placeholders.
    let path = corpus.join("labels/two_info.csv");
    let text = fs::read_to_string(&path).unwrap();
    let placeholder = |line: &str| match line.split_once(",Test,") {
        Some((file, _)) => format!("{file},Test,-1,-1\n"),
        None => format!("{line}\n"),
    };
    fs::write(&path, text.lines().map(placeholder).collect::<String>()).unwrap();
    assert_eq!((known("hume-two"), known("hume-high")), (24, 32));
}

#[test]
fn every_task_has_its_targets_and_a_blind_test_part() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = generate_bursts(folder.path(), &SMALL).unwrap();
    for (scheme, outputs) in [("hume-high", 10), ("hume-two", 2), ("hume-culture", 40), ("hume-type", 8)] {
        let (examples, task) = labelled(&corpus, scheme);
        assert_eq!(task.names().len(), outputs);
        assert_eq!(task.classes().is_some(), scheme == "hume-type");
        let made = folds(&official(), &examples).unwrap();
        let [fold] = &made[..] else { panic!("{made:?}") };
        let blind = examples.iter().filter(|example| example.target.is_none());
        assert!(blind.clone().count() == 8);
        assert!(blind.clone().all(|example| fold.role(&example.utterance.id) == Some(Role::Test)));
        let known: Vec<&Target> = examples.iter().filter_map(|example| example.target.as_ref()).collect();
        assert_eq!(known.len(), 24);
        known.iter().for_each(|target| task.check(target).unwrap());

        // The audit finds nothing, and says that it could not look.
        let audit = audit(&made, &examples, Rules::default().disjoint());
        assert_eq!((audit.shared.len(), audit.unknown_speakers), (0, 32));
        let parts: Vec<_> =
            audit.parts.iter().map(|part| (part.role, part.examples, part.speakers)).collect();
        assert_eq!(parts, [(Role::Train, 16, 0), (Role::Dev, 8, 0), (Role::Test, 8, 0)]);
        assert_eq!(
            remarks(&made, &examples),
            [
                "shared speakers cannot be detected: the speakers of 32 of 32 utterances are unknown",
                "shared texts cannot be detected: the texts of 32 of 32 utterances are unknown",
                "8 test utterances have no label: they are predicted but not scored",
            ]
        );
    }
}

#[test]
fn other_protocols_are_refused_or_do_without_what_has_no_label() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = generate_bursts(folder.path(), &SMALL).unwrap();
    let (examples, _) = labelled(&corpus, "hume-two");
    let random = Protocol::Random(Random { test: 0.2, dev: 0.0, stratify: true, split_seed: 1 });
    // What has no label trains nothing, whatever the split says of it.
    let [split] = &folds(&random, &examples).unwrap()[..] else { panic!("one fold") };
    let mut blind = examples.iter().filter(|example| example.target.is_none());
    assert!(blind.all(|example| matches!(split.role(&example.utterance.id), None | Some(Role::Test))));
    let kfold = Protocol::GroupKfold(GroupKfold {
        group: Group::Speaker,
        folds: 2,
        dev_folds: DevFolds(0),
        split_seed: 1,
    });
    let refused = folds(&kfold, &examples).unwrap_err().to_string();
    assert!(refused.contains("have no speaker"), "{refused}");
    let share = Protocol::Official(Official { dev: OfficialDev::Share(0.2), split_seed: 0 });
    let refused = folds(&share, &examples).unwrap_err().to_string();
    assert!(refused.contains("trains on 0 speakers"), "{refused}");

    let known: Vec<Example> = examples.into_iter().filter(|example| example.target.is_some()).collect();
    let made = folds(&random, &known).unwrap();
    let tested = made[0].rows().filter(|(_, role)| *role == Role::Test).count();
    assert_eq!((tested, made[0].rows().count()), (5, 24));
}

const CARD: &str = "
name: show
title: t
licence: l
citation: c
origin: o
obtain: x
path: '(?P<file>\\w+)'
speaker: { unknown: nobody wrote it down }
tables:
  recording: '{file}'
  id: name
  part: { column: set, replace: { A: train, B: test } }
  speaker: who
  absent: ['-']
  files:
    values.csv: { values: [Loudness, Big Smile] }
    labels.csv: { label: mood }
labels: { sad: sad }
";

fn show(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.wav", "b.wav", "c.wav"] {
        put(folder.path(), name, wav_of_name(name));
    }
    files.iter().for_each(|(name, text)| put(folder.path(), name, text));
    folder
}

#[test]
fn what_is_odd_is_told_and_survived() {
    let card: Card = parse_card("show", CARD);
    let values = "\u{feff}SET;big_smile;Who;Name;loudness\nA;0.5;ann;a;1e-2\nC;x;;b;-\nB;0,5;bob;gone;1\n";
    let folder = show(&[("values.csv", values), ("labels.csv", "name,mood,set\na,sad,A\nb,glad,B\n")]);
    let ingested = read(&card, folder.path());
    let told: Vec<_> = ingested.utterances.iter().collect();
    assert_eq!((told[0].speaker.as_str(), told[0].part), ("show/ann", Some(Role::Train)));
    assert_eq!(told[0].values, [("Big Smile".to_owned(), 0.5), ("Loudness".to_owned(), 0.01)].into());
    assert_eq!((told[0].label.as_deref(), told[0].emotion.as_deref()), (Some("sad"), Some("sad")));
    assert_eq!((told[1].speaker.as_str(), told[1].part), ("show/?b", Some(Role::Test)));
    assert_eq!((told[1].values.len(), &told[1].label), (0, &None));
    let problems: Vec<String> =
        ingested.problems.iter().map(|it| format!("{} {}: {}", it.path, it.kind, it.message)).collect();
    assert_eq!(
        problems,
        [
            " missing-recording: the label files tell of a recording `gone` that is not here",
            "b.wav odd-cell: its label `glad` is not in the corpus' card, which has `sad`: it counts as withheld",
            "c.wav unknown-part: the card does not tell its part; without one, it has no official role",
            "c.wav unlisted: the label files have no row for it: what they tell is unknown",
            "values.csv odd-cell: line 3: `x` under `Big Smile` is no number, and so is another cell of the column; they \
             tell nothing",
            "values.csv odd-cell: line 3: `C` under `set` is no part that the card knows; they tell nothing",
        ]
    );
    assert!(ingested.problems.iter().all(|problem| !problem.dropped));

    let folder = show(&[("values.csv", values)]);
    let kinds: Vec<_> =
        read(&card, folder.path()).problems.into_iter().map(|it| (it.path, it.kind)).collect();
    assert!(kinds.contains(&("labels.csv".into(), "missing-table".into())), "{kinds:?}");
}

#[test]
fn label_files_are_read_in_utf_8_and_utf_16_and_refused_in_anything_else() {
    let card = parse_card("show", CARD);
    let values = "name;set;Loudness;Big Smile\na;A;1;0.5\nb;B;2;1\nc;A;3;1\n";
    let labels = "name,mood,set\na,sad,A\nb,sad,B\nc,sad,A\n";
    let with = |bytes: &[u8]| {
        let folder = show(&[("labels.csv", labels)]);
        put(folder.path(), "values.csv", bytes);
        let read = scan(&card, folder.path()).map_err(|error| error.to_string());
        read.map(|scan| scan.found.iter().map(|found| found.values.len()).collect::<Vec<_>>())
    };
    let utf16 = |mark: &str, unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("{mark}{values}").encode_utf16().flat_map(unit).collect()
    };
    for mark in ["", "\u{feff}"] {
        for unit in [u16::to_le_bytes, u16::to_be_bytes] {
            assert_eq!(with(&utf16(mark, unit)), Ok(vec![2, 2, 2]), "with `{mark}`");
        }
    }
    assert_eq!(with(values.as_bytes()), Ok(vec![2, 2, 2]));
    let nul = with(values.replace("0.5", "0\0.5").as_bytes()).unwrap_err();
    let told = "values.csv of the corpus show: it has NUL bytes and is no text in UTF-8 or UTF-16: export it again as UTF-8";
    assert!(nul.ends_with(told), "{nul}");
    let latin1 = with(b"name\xe4;set\n").unwrap_err();
    assert!(latin1.contains("line 1 has the byte 0xe4, so it is not UTF-8 but Latin-1"), "{latin1}");
}

#[test]
fn leading_zeros_that_rows_lack_are_named() {
    let card = parse_card("show", CARD);
    let folder = show(&[
        ("values.csv", "name;set;Loudness;Big Smile\n1;A;1;1\na;A;1;1\nb;A;1;1\nc;A;1;1\n"),
        ("labels.csv", "name,mood,set\na,sad,A\n"),
    ]);
    put(folder.path(), "001.wav", wav_of_name("001.wav"));
    let told = scan(&card, folder.path()).unwrap().problems;
    let unlisted: Vec<&str> =
        told.iter().filter(|it| it.kind == "unlisted").map(|it| it.message.as_str()).collect();
    assert_eq!(
        unlisted,
        [
            "the label files have no row for it: what they tell is unknown; they have a row `1`: `0*` before the group in \
             `path` leaves out the zeros of `001`"
        ]
    );
}

#[test]
fn label_files_that_cannot_be_trusted_end_the_reading() {
    let card = parse_card("show", CARD);
    let refused = |values: &str, labels: &str| {
        let folder = show(&[("values.csv", values), ("labels.csv", labels)]);
        let error = scan(&card, folder.path()).unwrap_err();
        assert!(matches!(error, CorpusError::Table { .. }), "{error}");
        error.to_string()
    };
    let sound = "name,mood,set\na,sad,A\n";
    assert_eq!(
        refused("name,set,Loudnes,Big Smile\n", sound),
        "the label file values.csv of the corpus show, line 1: it has no column `Loudness`: did you mean `Loudnes`? \
         there are `name`, `set`, `Loudnes`, `Big Smile`"
    );
    assert_eq!(
        refused("name,set,Loudness,big-smile,BigSmile\n", sound),
        "the label file values.csv of the corpus show, line 1: both `big-smile` and `BigSmile` may be the column \
         `Big Smile`: rename one"
    );
    assert_eq!(
        refused("name,set,Loudness,Big Smile\na,A,1,1\nb,A,1,1\na,A,1,1\n", sound),
        "the label file values.csv of the corpus show, line 4: `a` already has a row at line 2: remove one of them"
    );
    assert_eq!(
        refused("name,set,Loudness,Big Smile\na,B,1,1\n", sound),
        "the label file labels.csv of the corpus show, line 2: `a` has another part in another label file: \
         correct one of them"
    );
}

#[test]
fn mistakes_of_cards_are_told() {
    let mistakes = |from: &str, to: &str| {
        assert!(CARD.contains(from));
        let diagnostics = Diagnostics::new();
        assert!(Card::parse("show.yaml", &CARD.replace(from, to), &diagnostics).is_none());
        diagnostics.to_string()
    };
    let group = mistakes("'{file}'", "'{fil}'");
    assert!(group.contains("unknown group `fil`"), "{group}");
    let both = mistakes("speaker: { unknown", "part: '{file}'\nlabel: '{file}'\nspeaker: { unknown");
    assert!(both.contains("`part` is given both by paths and by `tables`"), "{both}");
    assert!(both.contains("`label` is given both by paths and by `tables`"), "{both}");
    for outside in ["../../secrets.csv", "/etc/passwd", "a/../../b.csv"] {
        let told = mistakes("values.csv", outside);
        assert!(told.contains(&format!("`{outside}` leads out of the corpus' folder")), "{told}");
    }
    let key = mistakes("absent", "absence");
    assert!(key.contains("unknown key `absence`"), "{key}");
    let role = mistakes("A: train", "A: training");
    assert!(role.contains("training"), "{role}");
}
