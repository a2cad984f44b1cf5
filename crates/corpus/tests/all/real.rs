//! The cards on real recordings, where there are some.

use std::path::{Path, PathBuf};

use affekt_corpus::{Card, Ingested, ProblemKind, completeness, ingest, scan};

use crate::support::{card, workspace};

/// The folder of real corpora, if there is one.
fn corpora() -> Option<PathBuf> {
    let folder = std::env::var_os("AFFEKT_TEST_CORPORA")
        .map_or_else(|| workspace().join("../shared/corpora"), PathBuf::from);
    if !folder.is_dir() {
        eprintln!("skipped: no corpora in {}; set AFFEKT_TEST_CORPORA to a folder of some", folder.display());
    }
    folder.is_dir().then_some(folder)
}

fn read(card: &Card, folder: &Path) -> Ingested {
    ingest(card, &scan(card, &folder.join(card.folder_name())).unwrap(), &|_| None, &|_| ())
}

#[test]
fn real_corpora_hold_what_their_cards_say() {
    let Some(folder) = corpora() else { return };
    for (name, files, speakers) in
        [("ravdess", 960, 16), ("tess", 840, 2), ("savee", 480, 4), ("urdu", 400, 29)]
    {
        let card = card(name);
        let ingested = read(&card, &folder);
        let completeness = completeness(&card, &ingested.utterances);
        assert_eq!((completeness.files.found, completeness.speakers.found), (files, speakers), "{name}");

        let explained = [ProblemKind::KnownOddity.name(), ProblemKind::IdenticalAudio.name()];
        for problem in &ingested.problems {
            let is_explained = explained.contains(&problem.kind.as_str());
            let is_twin =
                problem.path == "Actor_07/03-01-03-01-02-02-07.flac" || problem.kind == explained[0];
            assert!(is_explained && is_twin, "{problem:?}");
        }
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
