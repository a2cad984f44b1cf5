//! The synthetic corpus is accepted as a RAVDESS.

use std::fs;
use std::path::Path;

use affekt_corpus::{SyntheticConfig, SyntheticError, completeness, generate, ingest, scan};
use affekt_domain::Sex;

use crate::support::card;

const SMALL: SyntheticConfig =
    SyntheticConfig { actors: 2, statements: 1, repetitions: 1, seed: 3, rate_hz: 8_000 };

fn bytes(corpus: &Path) -> Vec<(String, Vec<u8>)> {
    let scan = scan(&card("ravdess"), corpus).unwrap();
    scan.found.into_iter().map(|found| (found.relative, fs::read(found.path).unwrap())).collect()
}

#[test]
fn it_is_a_ravdess() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = generate(folder.path(), &SMALL).unwrap();
    assert_eq!(corpus, folder.path().join("RAVDESS"));
    let card = card("ravdess");
    let ingested = ingest(&card, &scan(&card, &corpus).unwrap(), &|_| None, &|_| ());
    assert_eq!(ingested.problems, []);
    let completeness = completeness(&card, &ingested.utterances);
    assert_eq!(completeness.to_string(), "RAVDESS: 30 of 1440 files, 2 of 24 speakers");
    let found = |emotion: &str| completeness.emotions[emotion].found;
    assert_eq!((found("neutral"), found("calm"), found("surprise")), (2, 4, 4));
    for utterance in &ingested.utterances {
        let sex = if utterance.speaker == "RAVDESS/01" { Sex::Male } else { Sex::Female };
        assert_eq!((utterance.sex, utterance.rate, utterance.channels), (Some(sex), 8_000, 1));
        assert!((1.4..2.6).contains(&utterance.seconds()), "{}", utterance.seconds());
    }
}

#[test]
fn the_same_numbers_give_the_same_bytes() {
    let [a, b, c] = [SMALL, SMALL, SyntheticConfig { seed: 4, ..SMALL }].map(|config| {
        let folder = tempfile::tempdir().unwrap();
        bytes(&generate(folder.path(), &config).unwrap())
    });
    assert!(a == b);
    assert!(a != c);
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), &SMALL).unwrap();
    assert!(matches!(generate(folder.path(), &SMALL), Err(SyntheticError::Exists(_))));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let too_many = SyntheticConfig { actors: 100, ..SMALL };
    assert!(matches!(generate(&folder.path().join("other"), &too_many), Err(SyntheticError::Config(_))));
}
