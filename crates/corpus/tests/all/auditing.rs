//! The audit finds planted leaks, names them, and finds nothing in clean folds.

use std::collections::BTreeSet;

use affekt_corpus::{Audit, Shared, audit, describe_leaks, folds, what_to_do};
use affekt_domain::{Example, Fold, Role, unknown_speaker};
use affekt_spec::Words;
use affekt_spec::protocol::{DevFolds, Group, GroupKfold, Permission, Protocol, Random, Rules, Sharing};

use crate::support::{example, four_corpora};
use crate::worlds::{fastest, iemocap};

const TRAIN: Role = Role::Train;
const DEV: Role = Role::Dev;
const TEST: Role = Role::Test;

fn kfold() -> Protocol {
    Protocol::GroupKfold(GroupKfold {
        group: Group::Speaker,
        folds: 5,
        dev_folds: DevFolds(1),
        split_seed: 1,
    })
}

fn random() -> Protocol {
    Protocol::Random(Random { test: 0.1, dev: 0.1, stratify: true, split_seed: 1 })
}

fn permitting(permitted: &[Permission]) -> Rules {
    Rules::new([], permitted.iter().copied())
}

/// Audits with every row of what is kept apart by default.
fn look(folds: &[Fold], examples: &[Example]) -> Audit {
    audit(folds, examples, Rules::default().disjoint())
}

fn small() -> Vec<Example> {
    let mut examples: Vec<Example> =
        [("a", "a1"), ("a", "a2"), ("b", "b1"), ("b", "b2"), ("c", "c1"), ("c", "c2")]
            .map(|(speaker, name)| {
                example("C", speaker, name, if name.ends_with('1') { "sad" } else { "happy" })
            })
            .into();
    examples[0].utterance.text = Some("hello".into());
    examples[5].utterance.text = Some("hello".into());
    examples
}

fn fold(roles: &[(&str, Role)]) -> Fold {
    Fold::new(1, roles.iter().map(|(name, role)| (format!("C/{name}"), *role))).unwrap()
}

/// Returns folds with one speaker and one recording in two roles.
fn leaky() -> (Audit, Vec<Example>) {
    let mut examples = small();
    examples[4].utterance.audio = examples[3].utterance.audio;
    let roles = [("a1", TRAIN), ("a2", TEST), ("b1", DEV), ("b2", DEV), ("c1", TRAIN), ("c2", TRAIN)];
    (look(&[fold(&roles)], &examples), examples)
}

#[test]
fn a_planted_leak_is_named() {
    let (audit, examples) = leaky();
    let leaks = audit.leaks(&Rules::default());
    let audio = examples[3].utterance.audio;
    assert_eq!(
        leaks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "speaker `C/a` is in train (1 row: C/a1) and test (1 row: C/a2) of fold 1".to_owned(),
            format!("audio `{audio}` is in train (1 row: C/c1) and dev (1 row: C/b2) of fold 1"),
        ]
    );
    assert_eq!(
        describe_leaks(&leaks),
        [
            "speaker `C/a` is in train and test of fold 1:",
            "  train C/a1",
            "  test  C/a2",
            &format!("audio `{audio}` is in train and dev of fold 1:"),
            "  train C/c1",
            "  dev   C/b2",
        ]
    );
    assert_eq!(
        what_to_do(&leaks, &small()),
        "use a protocol that separates them, or permit it with `unsafe: [shared-speakers, shared-audio]`, which \
         is then stated at every table of results, or, if the speakers b and c of C, who share 1 recording, are one \
         under two ids, say so in its card: `speaker: { …, replace: { c: b } }`"
    );
    assert!(!audit.shared.iter().any(|shared| shared.what == Sharing::Text), "both texts are in train");
}

#[test]
fn what_is_permitted_is_no_leak_and_still_stamped() {
    let (audit, _) = leaky();
    let leaks = |permitted: &[Permission]| -> Vec<Sharing> {
        audit.leaks(&permitting(permitted)).iter().map(|shared| shared.what).collect()
    };
    assert_eq!(leaks(&[]), [Sharing::Speaker, Sharing::Audio]);
    assert_eq!(leaks(&[Permission::SharedSpeakers]), [Sharing::Audio]);
    assert_eq!(leaks(&[Permission::SharedAudio]), [Sharing::Speaker]);
    assert_eq!(leaks(&[Permission::SharedAudio, Permission::SharedSpeakers]), []);
    assert_eq!(leaks(&[Permission::SelectionOnTest, Permission::TestSpeakerStatistics]).len(), 2);
    assert_eq!(audit.stamps(), ["speakers shared", "audio shared"], "whatever is permitted");

    let roles = [("a1", TRAIN), ("a2", TRAIN), ("b1", DEV), ("b2", DEV), ("c1", TEST), ("c2", TEST)];
    let clean = look(&[fold(&roles)], &small());
    assert_eq!((clean.stamps(), clean.shared.len()), (Vec::new(), 1), "a text is no stamp");
    assert_eq!(random().needs(), [Permission::SharedSpeakers]);
    assert_eq!((random().stamps(), kfold().stamps()), (vec!["speakers shared".to_owned()], Vec::new()));
}

#[test]
fn texts_are_kept_apart_where_that_is_asked() {
    let roles = [("a1", TRAIN), ("a2", TRAIN), ("b1", DEV), ("c1", TEST), ("c2", TEST)];
    let folds = [fold(&roles)];
    let with_texts = Rules::new([Sharing::Text], []);
    let audit = audit(&folds, &small(), with_texts.disjoint());
    assert!(audit.leaks(&Rules::default()).is_empty());
    let [text] = audit.leaks(&with_texts)[..] else { panic!("{:#?}", audit.shared) };
    assert_eq!(text.to_string(), "text `C/hello` is in train (1 row: C/a1) and test (1 row: C/c2) of fold 1");
    assert_eq!(
        what_to_do(&[text], &small()),
        "use a protocol that separates them, or remove `text` from `disjoint`"
    );
    // What is unknown is not found to be shared, and not known to be disjoint either.
    let mut told = small();
    told.iter_mut().for_each(|example| example.utterance.text = Some("hello".into()));
    assert_eq!(look(&folds, &told).untold(&with_texts), None);
    told.iter_mut().take(2).for_each(|example| example.utterance.text = None);
    let blind = look(&folds, &told);
    assert_eq!(blind.unknown_texts, 2);
    assert_eq!(blind.untold(&Rules::default()), None);
    let told = blind.untold(&with_texts).unwrap();
    assert!(told.starts_with("the texts of 2 utterances are unknown, and `disjoint` wants texts"), "{told}");
    let all = Rules::new([Sharing::Text], Permission::ALL.iter().copied());
    assert_eq!(all.forbidden(), BTreeSet::from([Sharing::Text]), "no permission is for texts");
    assert_eq!(
        Rules::new([Sharing::Text], []).disjoint().len(),
        3,
        "speakers and audio are always kept apart"
    );
}

#[test]
fn parts_are_counted() {
    let examples = small();
    let clean = fold(&[("a1", TRAIN), ("a2", TRAIN), ("b1", DEV), ("c1", TEST), ("c2", TEST), ("x", TEST)]);
    let audit = look(&[clean], &examples);
    assert_eq!(audit.leaks(&Rules::default()), Vec::<&Shared>::new());
    let parts: Vec<_> = audit
        .parts
        .iter()
        .map(|part| (part.role, part.examples, part.speakers, part.classes.len()))
        .collect();
    assert_eq!(parts, [(TRAIN, 2, 1, 2), (DEV, 1, 1, 1), (TEST, 2, 1, 2)]);
    assert_eq!((audit.never_tested, audit.tested_again), (4, 0));
    assert_eq!(audit.unknown, ["C/x"]);
    assert_eq!(serde_json::to_value(&audit).unwrap()["shared"][0]["sides"][1]["role"], "test");
}

#[test]
fn the_digest_is_that_of_the_split() {
    let (first, second) = (
        fold(&[("a1", TRAIN), ("a2", DEV), ("b1", TEST)]),
        Fold::new(12, [("C/ü".to_owned(), TEST), ("C/a1".to_owned(), TRAIN)]).unwrap(),
    );
    let digest = |folds: &[Fold]| look(folds, &small()).digest;
    // From tests/goldens/corpus/digest.py, which builds the hashed bytes by itself.
    let golden = include_str!("../../../../tests/goldens/corpus/digest.txt").trim();
    assert_eq!(digest(&[first.clone(), second.clone()]).to_string(), golden);
    assert_eq!(digest(&[second, first.clone()]).to_string(), golden, "in any order");
    let other = fold(&[("a1", TRAIN), ("a2", TEST), ("b1", TEST)]);
    assert_ne!(digest(&[first]), digest(&[other]));
}

#[test]
fn protocols_keep_their_word() {
    let examples = four_corpora();
    let found = look(&folds(&kfold(), &examples).unwrap(), &examples);
    assert!(found.leaks(&Rules::default()).is_empty());
    assert!(found.shared.iter().any(|shared| shared.what == Sharing::Text));
    assert_eq!((found.parts.len(), found.never_tested, found.tested_again), (15, 0, 0));
    assert_eq!(found.parts.iter().map(|part| part.examples).sum::<usize>(), 5 * 12_162);
    let most = found.shared.iter().flat_map(|shared| &shared.sides).map(|side| side.utterances.len()).max();
    assert_eq!(most, Some(10), "texts are counted, not all named");
}

#[test]
fn every_row_of_a_leak_is_named() {
    let examples = four_corpora();
    let found = look(&folds(&random(), &examples).unwrap(), &examples);
    assert!(found.leaks(&permitting(random().needs())).is_empty());
    let leaks = found.leaks(&Rules::default());
    let tested = found.parts.iter().find(|part| part.role == TEST).unwrap().speakers;
    let with_train = leaks.iter().filter(|leak| leak.sides.each_ref().map(|side| side.role) == [TRAIN, TEST]);
    assert_eq!(with_train.count(), tested, "every speaker of the test part was heard in training");
    assert!(tested > 100);

    let named: BTreeSet<&String> =
        leaks.iter().flat_map(|leak| &leak.sides).flat_map(|side| &side.utterances).collect();
    let shared_speakers: BTreeSet<&String> = leaks.iter().map(|leak| &leak.value).collect();
    let crossing = examples.iter().filter(|example| shared_speakers.contains(&example.utterance.speaker));
    assert_eq!(named.len(), crossing.count(), "not one row is left out");
    assert!(leaks.iter().flat_map(|leak| &leak.sides).all(|side| side.rows == side.utterances.len()));

    let told = describe_leaks(&leaks);
    assert_eq!(told.len(), 201);
    let things: BTreeSet<_> = leaks.iter().map(|leak| (leak.fold, &leak.value)).collect();
    let last =
        format!("{} leaks of {} utterances in all, which `audit --json` lists", things.len(), named.len());
    assert!(told[200].ends_with(&last), "{}", told[200]);
    assert!(told[200].starts_with(&format!("… and {} more lines", things.len() + named.len() - 200)));

    let brief = audit(&folds(&random(), &examples).unwrap(), &examples, &BTreeSet::new());
    assert_eq!(brief.leaks(&Rules::default()).len(), leaks.len());
    assert!(brief.shared.iter().flat_map(|shared| &shared.sides).all(|side| side.utterances.len() <= 10));
}

#[test]
fn auditing_is_fast() {
    let sessions = Protocol::GroupKfold(GroupKfold {
        group: Group::Session,
        folds: 5,
        dev_folds: DevFolds(1),
        split_seed: 0,
    });
    for (protocol, examples) in [(random(), four_corpora()), (kfold(), four_corpora()), (sessions, iemocap())]
    {
        let folds = folds(&protocol, &examples).unwrap();
        let seconds = fastest(|| look(&folds, &examples));
        assert!(seconds < 1.0, "{protocol:?} took {seconds} s");
    }
}

#[test]
fn what_nobody_knows_is_not_found_to_be_shared_nor_found_not_to_be() {
    let roles = [("a1", TRAIN), ("a2", TRAIN), ("b1", TRAIN), ("b2", TRAIN), ("c1", TEST), ("c2", TEST)];
    let times = |examples: &[Example]| {
        let audit = look(&[fold(&roles)], examples);
        let of_parts = audit.parts.iter().map(|part| part.known_speakers()).collect::<Vec<_>>();
        ([Sharing::Speaker, Sharing::Audio, Sharing::Text].map(|what| audit.times_shared(what)), of_parts)
    };
    let mut examples = small();
    assert_eq!(times(&examples), ([Some(0), Some(0), Some(1)], vec![Some(2), Some(1)]));
    examples.iter_mut().for_each(|example| example.utterance.text = None);
    assert_eq!(times(&examples).0, [Some(0), Some(0), None]);
    examples[0].utterance.text = Some("one that is known".into());
    assert_eq!(times(&examples).0, [Some(0), Some(0), Some(0)]);
    for example in &mut examples {
        example.utterance.speaker = unknown_speaker("C", &example.utterance.id);
    }
    assert_eq!(times(&examples), ([None, Some(0), Some(0)], vec![None, None]));
}
