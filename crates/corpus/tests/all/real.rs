//! The cards on real recordings, if present.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use affekt_corpus::{Card, Ingested, ProblemKind, completeness};

use crate::support::{self, card, outside, ravdess_names, savee_names, urdu_names};

/// Returns the folder of real corpora, if there is one.
fn corpora() -> Option<PathBuf> {
    outside("AFFEKT_TEST_CORPORA", "../shared/corpora")
}

fn read(card: &Card, folder: &Path) -> Ingested {
    support::read(card, &folder.join(card.folder_name()))
}

#[test]
fn real_corpora_hold_what_their_cards_say() {
    let Some(folder) = corpora() else { return };
    for (name, files, speakers, problems) in [
        (
            "ravdess",
            960,
            16,
            &[
                ("Actor_07/03-01-03-01-02-01-07.flac", ProblemKind::KnownOddity),
                ("Actor_07/03-01-03-01-02-02-07.flac", ProblemKind::IdenticalAudio),
                ("Actor_07/03-01-03-01-02-02-07.flac", ProblemKind::KnownOddity),
            ][..],
        ),
        ("tess", 840, 2, &[("OAF_neutral/OA_bite_neutral.flac", ProblemKind::KnownOddity)]),
        ("savee", 480, 4, &[]),
        ("urdu", 400, 29, &[]),
    ] {
        let card = card(name);
        let ingested = read(&card, &folder);
        let completeness = completeness(&card, &ingested.utterances);
        assert_eq!((completeness.files.found, completeness.speakers.found), (files, speakers), "{name}");
        let problems: Vec<_> = problems.iter().map(|(path, kind)| (*path, kind.name())).collect();
        assert_eq!(support::problems(&ingested), problems);
    }
}

/// The trees of the tests have the file names of the releases.
#[test]
fn real_corpora_have_the_names_that_tests_give_them() {
    let Some(folder) = corpora() else { return };
    let shapes = [("ravdess", ravdess_names()), ("savee", savee_names()), ("urdu", urdu_names())];
    for (name, names) in shapes {
        let card = card(name);
        let shape: BTreeSet<String> =
            names.iter().map(|name| format!("{}/{}", card.name, name.trim_end_matches(".wav"))).collect();
        let ingested = read(&card, &folder);
        let real: BTreeSet<String> = ingested.utterances.into_iter().map(|utterance| utterance.id).collect();
        let strangers: Vec<&String> = real.difference(&shape).collect();
        assert!(strangers.is_empty(), "{strangers:?}");
        assert!(card.files != Some(real.len()) || real == shape, "{name}");
    }
}

#[test]
fn the_oddities_of_the_releases_are_survived() {
    let Some(folder) = corpora().map(|folder| folder.join("originals")).filter(|folder| folder.is_dir())
    else {
        return eprintln!("skipped: no files as released");
    };
    let problems = |name: &str| -> Vec<(String, String)> {
        let problems = read(&card(name), &folder).problems;
        assert!(problems.iter().all(|problem| !problem.dropped), "{problems:#?}");
        problems
            .into_iter()
            .map(|problem| (problem.path.rsplit('/').next().unwrap().to_owned(), problem.kind))
            .collect()
    };
    let of = |rows: &[(&str, &str)]| -> Vec<(String, String)> {
        rows.iter().map(|(path, kind)| ((*path).to_owned(), (*kind).to_owned())).collect()
    };
    let twins = [
        ("03-01-03-01-02-01-07.wav", "known-oddity"),
        ("03-01-03-01-02-02-07.wav", "identical-audio"),
        ("03-01-03-01-02-02-07.wav", "known-oddity"),
    ];
    let ravdess = problems("ravdess");
    assert!(of(&twins).iter().all(|twin| ravdess.contains(twin)), "{ravdess:#?}");
    assert!(ravdess.iter().any(|(_, kind)| kind == "unusual-format"), "stereo files are remarked");
    assert_eq!(
        problems("tess"),
        of(&[
            ("OAF_food_fear.wav", "known-oddity"),
            ("OAF_food_fear.wav", "unusual-format"),
            ("OA_bite_neutral.wav", "known-oddity"),
            ("YAF_germ_angry.wav", "known-oddity"),
            ("YAF_neat_fear.wav", "known-oddity"),
        ])
    );
    assert_eq!((problems("savee"), problems("urdu")), (vec![], vec![]));
}
