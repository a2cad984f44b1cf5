//! Published splits: every shipped table is read, its folds are audited, and what a row may say.

use std::collections::BTreeSet;
use std::fs;

use affekt_config::{Diagnostics, Folder};
use affekt_corpus::{Audit, audit, find_split, folds, read_split};
use affekt_domain::{Example, Fold, Role};
use affekt_spec::protocol::{Protocol, Rules, Sharing};

use crate::support::{crema_d_names, datasets, digest_of, example, put, ravdess_names, whole, workspace};

fn published(name: &str) -> Protocol {
    let diagnostics = Diagnostics::new();
    let split =
        find_split(&datasets(), name, &diagnostics).unwrap_or_else(|error| panic!("{error} {diagnostics}"));
    assert_eq!(split.name(), name);
    Protocol::Published(split)
}

fn audited(name: &str, examples: &[Example]) -> (Vec<Fold>, Audit) {
    let made = folds(&published(name), examples).unwrap();
    let audit = audit(&made, examples, Rules::default().disjoint());
    (made, audit)
}

/// Counts the speakers that a fold's test part shares with its training part.
fn shared_speakers(audit: &Audit, fold: u32) -> usize {
    let of_fold = audit.shared.iter().filter(|shared| shared.fold == fold && shared.what == Sharing::Speaker);
    of_fold.filter(|shared| shared.sides.iter().all(|side| side.role != Role::Dev)).count()
}

/// Examples of a corpus whose manifest the tests make.
fn examples(name: &str) -> Vec<Example> {
    let utterances = whole(name).utterances.iter();
    utterances
        .map(|utterance| Example {
            target: utterance.emotion.clone().map(affekt_domain::Target::Class),
            utterance: affekt_domain::Utterance { audio: digest_of(&utterance.id), ..utterance.clone() },
        })
        .collect()
}

#[test]
fn every_shipped_split_is_read_and_small() {
    let folder = workspace().join("datasets/splits");
    let files = Folder::from(folder.clone()).yaml_files();
    assert_eq!(files.len(), 30);
    for file in files {
        let Protocol::Published(split) = published(file.stem()) else { unreachable!() };
        let size = fs::metadata(folder.join(format!("{}.yaml", file.stem()))).unwrap().len();
        assert!(size < 300_000, "{}: {size} bytes", file.stem());
        assert!(!split.split().folds().is_empty());
    }
}

#[test]
fn emobox_shares_the_speakers_of_crema_d_and_keeps_those_of_ravdess_apart() {
    let crema_d = examples("crema-d");
    let (made, audit) = audited("emobox-crema-d", &crema_d);
    assert_eq!((made.len(), audit.unknown.len(), crema_d.len()), (1, 0, crema_d_names().len()));
    assert_eq!(shared_speakers(&audit, 1), 91, "all of them");
    let sizes: Vec<usize> = audit.parts.iter().map(|part| part.examples).collect();
    assert_eq!(sizes, [5586, 1856]);
    assert!(audit.stamps().iter().any(|stamp| stamp == "speakers shared"));

    let (made, audit) = audited("emobox-ravdess", &examples("ravdess"));
    assert_eq!((made.len(), audit.unknown.len(), ravdess_names().len()), (6, 0, 1440));
    assert!((1..=6).all(|fold| shared_speakers(&audit, fold) == 0));
    let tested: BTreeSet<usize> =
        audit.parts.iter().filter(|part| part.role == Role::Test).map(|part| part.examples).collect();
    assert_eq!(tested, [240].into());

    let (_, audit) = audited("emo-superb-crema-d", &crema_d);
    assert!((1..=5).all(|fold| shared_speakers(&audit, fold) == 0));
    assert_eq!(audit.parts.len(), 15, "with dev parts");
}

#[test]
fn a_speaker_stands_for_all_utterances() {
    let examples: Vec<Example> = [("ann", "1"), ("ann", "2"), ("bob", "3"), ("eve", "4")]
        .into_iter()
        .map(|(who, name)| example("Show", who, name, "sad"))
        .collect();
    let text = "utterance,role\n@Show/ann,train\n3,dev\n@Show/eve,test\n";
    let split = |text: &str| Protocol::File(read_split("mine.csv", text).unwrap());
    let made = folds(&split(text), &examples).unwrap();
    let roles: Vec<Option<Role>> = examples.iter().map(|it| made[0].role(&it.utterance.id)).collect();
    assert_eq!(roles, [Some(Role::Train), Some(Role::Train), Some(Role::Dev), Some(Role::Test)]);
    let twice = split("utterance,role\n@Show/ann,train\n1,test\n@Show/eve,test\n");
    let told = folds(&twice, &examples).unwrap_err().to_string();
    assert!(told.contains("Show/1"), "{told}");
    let nobody = split("utterance,role\n@Show/zoe,train\n1,test\n");
    assert!(folds(&nobody, &examples).is_err());
}

#[test]
fn mistakes_in_a_table_are_told() {
    let told = |rows: &str| {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("name: mine\ntitle: t\nsource: s\nrows: |\n{rows}");
        put(folder.path(), "splits/mine.yaml", text);
        let diagnostics = Diagnostics::new();
        assert!(find_split(&[folder.path().to_owned().into()], "mine", &diagnostics).is_err());
        diagnostics.sorted().into_iter().map(|one| one.message).collect::<Vec<_>>().join("; ")
    };
    assert!(told("  rt a\n  r b\n").contains("`r b` is not a row of a split"));
    assert!(told("  rx a\n").contains("`rx a` is not a row of a split"));
    assert!(told("  rt a\n  tr a\n").contains("`a` has two rows"));
    assert!(told("  rr a\n  tr b\n").contains("rows to train on and rows to test"));
    let error = find_split(&datasets(), "emobox-emodeebee", &Diagnostics::new()).unwrap_err().to_string();
    assert!(error.starts_with("unknown published split `emobox-emodeebee`"), "{error}");
}
