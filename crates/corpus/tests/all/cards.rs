//! The five cards against trees of their corpora's true shape; a corpus nobody has heard of; mistakes in cards.

use std::collections::BTreeSet;
use std::fs;

use affekt_config::Diagnostics;
use affekt_corpus::{Card, Ingested, completeness};
use affekt_domain::{Role, Sex};

use crate::support::{
    card, crema_d_names, datasets, ingest_names, parse_card, ravdess_names, savee_names, tess_names,
    urdu_names, workspace,
};

/// Complete to the last count, and (kind, path) of every problem.
fn complete(name: &str, names: Vec<String>) -> (Ingested, Vec<(String, String)>) {
    let card = card(name);
    let ingested = ingest_names(&card, names);
    let completeness = completeness(&card, &ingested.utterances);
    assert!(completeness.is_complete(), "{completeness:#?}");
    let problems =
        ingested.problems.iter().map(|problem| (problem.kind.clone(), problem.path.clone())).collect();
    (ingested, problems)
}

fn females(ingested: &Ingested) -> usize {
    let of_sex = |sex| ingested.utterances.iter().filter(move |utterance| utterance.sex == sex);
    assert_eq!(of_sex(None).count(), 0);
    of_sex(Some(Sex::Female)).map(|utterance| &utterance.speaker).collect::<BTreeSet<_>>().len()
}

#[test]
fn ravdess() {
    let (ingested, problems) = complete("ravdess", ravdess_names());
    assert_eq!(females(&ingested), 12);
    let twins = ["Actor_07/03-01-03-01-02-01-07.wav", "Actor_07/03-01-03-01-02-02-07.wav"];
    assert_eq!(problems, twins.map(|path| ("known-oddity".to_owned(), path.to_owned())));

    let first = &ingested.utterances[0];
    assert_eq!(first.id, "RAVDESS/Actor_01/03-01-01-01-01-01-01");
    assert_eq!((first.speaker.as_str(), first.sex), ("RAVDESS/01", Some(Sex::Male)));
    assert_eq!((first.text.as_deref(), first.intensity.as_deref()), (Some("01"), Some("normal")));
    assert_eq!((first.label.as_str(), first.emotion.as_str()), ("neutral", "neutral"));
    let fearful = ingested.utterances.iter().find(|utterance| utterance.label == "fearful").unwrap();
    assert_eq!(fearful.emotion, "fear");
}

#[test]
fn ravdess_flat_with_songs_and_a_nested_second_copy() {
    let card = card("ravdess");
    let flat = ["03-01-06-02-02-01-12.wav", "03-02-06-02-02-01-12.wav", "01-01-06-02-02-01-12.wav"];
    let nested = "audio_speech_actors_01-24/Actor_12/03-01-06-02-02-01-12.wav";
    let ingested = ingest_names(&card, flat.into_iter().chain([nested]));
    let [utterance] = &ingested.utterances[..] else { panic!("{ingested:#?}") };
    assert_eq!(utterance.id, "RAVDESS/03-01-06-02-02-01-12");
    let [problem] = &ingested.problems[..] else { panic!("{:#?}", ingested.problems) };
    assert_eq!(
        (problem.kind.as_str(), problem.path.as_str(), problem.dropped),
        ("second-copy", nested, true)
    );
    assert_eq!(ingested.facts.iter().flatten().count(), 2, "copies are remembered too");
}

#[test]
fn tess() {
    let (ingested, problems) = complete("tess", tess_names());
    assert_eq!(females(&ingested), 2);
    assert_eq!(problems, [("known-oddity".to_owned(), "OAF_neutral/OA_bite_neutral.wav".to_owned())]);
    let odd = ingested.utterances.iter().find(|utterance| utterance.id.ends_with("OA_bite_neutral")).unwrap();
    assert_eq!((odd.speaker.as_str(), odd.text.as_deref()), ("TESS/OAF", Some("bite")));
    let surprised = ingested.utterances.iter().find(|utterance| utterance.label == "ps").unwrap();
    assert_eq!(surprised.emotion, "surprise");
}

#[test]
fn savee_flat_and_nested() {
    let (flat, problems) = complete("savee", savee_names());
    assert_eq!((females(&flat), problems), (0, vec![]));
    let nested = savee_names().into_iter().map(|name| name.replace('_', "/")).collect();
    let (nested, problems) = complete("savee", nested);
    assert!(
        problems.iter().all(|(kind, _)| kind == "identical-audio"),
        "the test's audio is its file's name"
    );
    assert_eq!(nested.utterances[0].id, "SAVEE/DC/a01");
    assert_eq!(nested.utterances[0].speaker, flat.utterances[0].speaker);
}

#[test]
fn urdu() {
    let (ingested, problems) = complete("urdu", urdu_names());
    assert_eq!((females(&ingested), problems), (11, vec![]));
    assert_eq!(ingested.utterances[0].text, None);
}

#[test]
fn crema_d() {
    let (ingested, problems) = complete("crema-d", crema_d_names());
    assert_eq!(females(&ingested), 43);
    assert!(problems.iter().all(|(kind, path)| kind == "known-oddity" && path.contains("1076_MTI_SAD_XX")));
    let levels: BTreeSet<_> = ingested.utterances.iter().filter_map(|one| one.intensity.as_deref()).collect();
    assert!(levels.is_subset(&["low", "medium", "high", "unspecified"].into()), "{levels:?}");

    let actors = workspace().join("../shared/metadata/crema-d-actors.csv");
    let Ok(actors) = fs::read_to_string(&actors) else {
        eprintln!("skipped: no list of actors at {}", actors.display());
        return;
    };
    for actor in actors.lines().skip(1) {
        let mut columns = actor.split(',');
        let speaker = format!("CREMA-D/{}", columns.next().unwrap());
        let sex = Sex::from_name(&columns.nth(1).unwrap().trim_matches('"').to_lowercase());
        let utterance = ingested.utterances.iter().find(|utterance| utterance.speaker == speaker).unwrap();
        assert_eq!(utterance.sex, sex, "{speaker}");
    }
}

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
            (one.id.as_str(), one.speaker.as_str(), one.sex, one.session.as_deref(), one.emotion.as_str())
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
            "2: the card needs `obtain`",
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
    assert_eq!(Card::names(&datasets()), ["crema-d", "ravdess", "savee", "tess", "urdu"]);
    assert_eq!(card("Crema-D").folder_name(), "CREMA-D");
    let error = Card::find(&datasets(), "ravdes", &Diagnostics::new()).unwrap_err().to_string();
    assert!(error.starts_with("unknown corpus `ravdes` in "), "{error}");
    assert!(error.contains("did you mean `ravdess`? there are `crema-d`"), "{error}");
}

#[test]
fn an_own_shelf_wins() {
    let own = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(workspace().join("datasets/tess.yaml")).unwrap();
    fs::write(own.path().join("TESS.yaml"), text.replace("Toronto Emotional Speech Set", "Mine")).unwrap();
    let folders = [own.path().to_owned(), workspace().join("datasets")];
    assert_eq!(Card::find(&folders, "tess", &Diagnostics::new()).unwrap().title, "Mine");
}
