//! Cards: an unknown corpus, official parts, mistakes in cards, lookup.

use std::fs;

use affekt_config::Diagnostics;
use affekt_corpus::{Card, completeness};
use affekt_domain::{Role, Sex};

use crate::support::{card, datasets, ingest_names, parse_card, ravdess_names, workspace};

#[test]
fn a_corpus_nobody_has_heard_of() {
    // The card that datasets/README.md shows: what it explains is what works.
    let readme = fs::read_to_string(workspace().join("datasets/README.md")).unwrap();
    let text = readme.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let card = parse_card("kitchen", text);
    let names = [
        "hungry/ann-1.ogg",
        "cross/day2/bob-1.mp3",
        "cross/eve-7.wav",
        "cross/notes.txt",
        "shy/bob-3.wav",
        "x.wav",
    ];
    let ingested = ingest_names(&card, names);
    let rows: Vec<_> = ingested
        .utterances
        .iter()
        .map(|one| {
            (
                one.id.as_str(),
                one.speaker.as_str(),
                one.sex,
                one.session.as_deref(),
                one.emotion.as_deref().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("Kitchen/cross/day2/bob-1", "Kitchen/bob", Some(Sex::Male), Some("Kitchen/2"), "angry"),
            ("Kitchen/cross/eve-7", "Kitchen/eve", None, None, "angry"),
            ("Kitchen/hungry/ann-1", "Kitchen/ann", Some(Sex::Female), None, "hungry"),
        ]
    );
    let problems: Vec<_> =
        ingested.problems.iter().map(|one| (one.path.as_str(), one.kind.as_str(), one.dropped)).collect();
    assert_eq!(
        problems,
        [
            ("cross/eve-7.wav", "unknown-sex", false),
            ("cross/notes.txt", "no-audio", false),
            ("shy/bob-3.wav", "unknown-label", true),
            ("x.wav", "unparsed-name", true),
        ]
    );
    assert_eq!(completeness(&card, &ingested.utterances).to_string(), "Kitchen: 3 files, 3 speakers");
}

#[test]
fn official_parts_by_list_by_word_and_as_written() {
    let parts = |rule: &str| {
        let card = parse_card(
            "show",
            &format!(
                "name: show\ntitle: t\nlicence: l\ncitation: c\norigin: o\nobtain: x\n\
                 path: '(?P<part>[A-Za-z]+)/(?P<who>\\d)(?P<mood>[a-z]+)'\n\
                 speaker: '{{who}}'\nlabel: '{{mood}}'\nlabels: {{ sad: sad }}\npart: {rule}\n"
            ),
        );
        let ingested =
            ingest_names(&card, ["Val/1sad.wav", "dev/2sad.wav", "test/3sad.wav", "train/4sad.wav"]);
        let parts: Vec<Option<Role>> = ingested.utterances.iter().map(|one| one.part).collect();
        let problems: Vec<_> =
            ingested.problems.iter().map(|one| (one.path.clone(), one.message.clone())).collect();
        (parts, problems)
    };
    let [train, dev, test] = Role::ALL.map(Some);
    let unknown = |path: &str, others: &str| {
        let message =
            format!("the card does not tell its part{others}; without one, it has no official role");
        vec![(path.to_owned(), message)]
    };
    assert_eq!(parts("'{part}'"), (vec![None, dev, test, train], unknown("Val/1sad.wav", "")));
    assert_eq!(parts("{ from: '{part}', replace: { Val: dev } }"), (vec![dev, dev, test, train], vec![]));
    assert_eq!(
        parts("{ from: '{who}', train: [1], test: [2] }"),
        (vec![train, test, None, None], unknown("test/3sad.wav", " nor that of another file"))
    );
}

#[test]
fn an_incomplete_corpus_says_how_much_is_there() {
    let card = card("ravdess");
    let some = ravdess_names().into_iter().filter(|name| name < &"Actor_17".to_owned());
    let completeness = completeness(&card, &ingest_names(&card, some).utterances);
    assert!(!completeness.is_complete());
    assert_eq!(completeness.to_string(), "RAVDESS: 960 of 1440 files, 16 of 24 speakers");
    assert_eq!(completeness.emotions["neutral"].to_string(), "64 of 96");
}

#[test]
fn every_mistake_in_a_card_is_found_at_its_line() {
    let text = r#"
name: Kitchens
title: t
licence: l
citation: c
origin: o
obtian: x
expect: { files: 7 }
path: '(?P<mood>[a-z]+)-(?P<cook>[a-z]+)'
speaker: "{cok}"
sex: { from: "{cook}", female: [ann], male: [ann] }
label: "{mood"
labels: { hungry: { emotion: hapy, files: 3 }, cross: { emotion: angry, files: 3 } }
ignore: ['(']
part: { from: "{mood}", dev: [1, 2], test: [2] }
"#;
    let diagnostics = Diagnostics::new();
    assert!(Card::parse("kitchen.yaml", text, &diagnostics).is_none());
    let found: Vec<String> = diagnostics
        .sorted()
        .into_iter()
        .map(|one| format!("{}: {}", one.span.map_or(0, |span| span.line()), one.message))
        .collect();
    assert_eq!(
        found,
        [
            "2: expected the name of the card's file, `kitchen` in any case, found `Kitchens`",
            "7: unknown key `obtian` in the card",
            "10: unknown group `cok`",
            "11: `ann` is listed as female and as male",
            "12: expected a template: text with the names of groups in braces, such as \"{speaker}\", found `{mood`",
            "13: the labels' files add up to 6, `expect` says 7",
            "13: unknown emotion `hapy`",
            "14: expected a regular expression (unclosed group), found `(`",
            "15: `2` is listed as dev and as test",
        ]
    );
}

#[test]
fn cards_are_found_whatever_the_case_and_hinted_at() {
    assert_eq!(
        Card::names(&datasets()),
        [
            "aesdd",
            "ased",
            "asvp-esd",
            "baved",
            "cafe",
            "casia",
            "crema-d",
            "emns",
            "emodb",
            "emov-db",
            "emovo",
            "emozionalmente",
            "enterface",
            "esd",
            "hume-vb",
            "iemocap",
            "jl-corpus",
            "mead",
            "meld",
            "mesd",
            "msp-improv",
            "msp-podcast",
            "nemo",
            "oreau",
            "polish",
            "ravdess",
            "ravdess-song",
            "resd",
            "savee",
            "shemo",
            "subesco",
            "tess",
            "thorsten-emotional",
            "turev-db",
            "urdu",
            "vivae"
        ]
    );
    assert_eq!(card("Crema-D").folder_name(), "CREMA-D");
    let error = Card::find(&datasets(), "ravdes", &Diagnostics::new()).unwrap_err().to_string();
    assert!(error.starts_with("unknown corpus `ravdes` in "), "{error}");
    assert!(error.contains("did you mean `ravdess`? there are `aesdd`"), "{error}");
}

#[test]
fn a_card_of_ones_own_wins() {
    let own = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(workspace().join("datasets/tess.yaml")).unwrap();
    fs::write(own.path().join("TESS.yaml"), text.replace("Toronto Emotional Speech Set", "Mine")).unwrap();
    let folders = [own.path().to_owned().into(), workspace().join("datasets").into()];
    assert_eq!(Card::find(&folders, "tess", &Diagnostics::new()).unwrap().title, "Mine");
}
