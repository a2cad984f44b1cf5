//! The cards on real recordings, where there are some.

use std::path::PathBuf;

use affekt_corpus::{ProblemKind, completeness, ingest, scan};

use crate::support::{card, workspace};

#[test]
fn real_corpora_hold_what_their_cards_say() {
    let folder = std::env::var_os("AFFEKT_TEST_CORPORA")
        .map_or_else(|| workspace().join("../shared/corpora"), PathBuf::from);
    if !folder.is_dir() {
        eprintln!("skipped: no corpora in {}; set AFFEKT_TEST_CORPORA to a folder of some", folder.display());
        return;
    }
    for (name, files, speakers) in
        [("ravdess", 960, 16), ("tess", 840, 2), ("savee", 480, 4), ("urdu", 400, 29)]
    {
        let card = card(name);
        let folder = folder.join(card.folder_name());
        let ingested = ingest(&card, &scan(&card, &folder).unwrap(), &|_| None, &|_| ());
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
