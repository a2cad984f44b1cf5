//! The audit finds what was planted, names it, and finds nothing where there is nothing.

use affekt_corpus::{Group, GroupKfold, Permission, Protocol, Random, Rules, Sharing, audit, folds};
use affekt_domain::{Example, Fold, Role};

use crate::support::{example, four_corpora};

fn kfold() -> Protocol {
    Protocol::GroupKfold(GroupKfold { group: Group::Speaker, folds: 5, dev_folds: 1, split_seed: 1 })
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

#[test]
fn a_planted_leak_is_named() {
    let mut examples = small();
    examples[4].utterance.audio = examples[3].utterance.audio;
    let (train, dev, test) = (Role::Train, Role::Dev, Role::Test);
    let leaky = fold(&[("a1", train), ("a2", test), ("b1", dev), ("b2", dev), ("c1", train), ("c2", train)]);
    let audit = audit(&[leaky], &examples, Rules::default().disjoint()).unwrap();

    let leaks: Vec<String> = audit.leaks(&Rules::default()).iter().map(ToString::to_string).collect();
    let audio = examples[3].utterance.audio;
    assert_eq!(
        leaks,
        [
            "speaker `C/a` is in train (1 row: C/a1) and test (1 row: C/a2) of fold 1".to_owned(),
            format!("audio `{audio}` is in train (1 row: C/c1) and dev (1 row: C/b2) of fold 1"),
        ]
    );
    let leaks = audit.leaks(&Rules::new([], [Permission::SharedSpeakers]));
    assert!(leaks.len() == 1 && leaks[0].what == Sharing::Audio, "at random speakers may be shared");
    assert!(!audit.shared.iter().any(|shared| shared.what == Sharing::Text), "both texts are in train");
}

#[test]
fn parts_and_texts_are_counted() {
    let examples = small();
    let (train, dev, test) = (Role::Train, Role::Dev, Role::Test);
    let clean = fold(&[("a1", train), ("a2", train), ("b1", dev), ("c1", test), ("c2", test), ("x", test)]);
    let audit = audit(&[clean], &examples, Rules::default().disjoint()).unwrap();
    assert_eq!(audit.leaks(&Rules::default()), Vec::<&affekt_corpus::Shared>::new());
    let [text] = &audit.shared[..] else { panic!("{:#?}", audit.shared) };
    assert_eq!(text.to_string(), "text `C/hello` is in train (1 row: C/a1) and test (1 row: C/c2) of fold 1");

    let parts: Vec<_> = audit
        .parts
        .iter()
        .map(|part| (part.role, part.examples, part.speakers, part.classes.len()))
        .collect();
    assert_eq!(parts, [(train, 2, 1, 2), (dev, 1, 1, 1), (test, 2, 1, 2)]);
    assert_eq!((audit.never_tested, audit.tested_again), (4, 0));
    assert_eq!(audit.unknown, ["C/x"]);
    assert_eq!(serde_json::to_value(&audit).unwrap()["shared"][0]["sides"][1]["role"], "test");
}

#[test]
fn the_digest_is_that_of_the_split() {
    let examples = small();
    let digest = |role| {
        audit(&[fold(&[("a1", Role::Train), ("b1", role)])], &examples, Rules::default().disjoint())
            .unwrap()
            .digest
    };
    assert_eq!(digest(Role::Test), digest(Role::Test));
    assert_ne!(digest(Role::Test), digest(Role::Dev));
}

#[test]
fn protocols_keep_their_word() {
    let examples = four_corpora();
    let by_speaker = folds(&kfold(), &examples).unwrap();
    let found = audit(&by_speaker, &examples, Rules::default().disjoint()).unwrap();
    assert!(found.leaks(&Rules::default()).is_empty());
    assert!(found.shared.iter().any(|shared| shared.what == Sharing::Text));
    assert_eq!((found.parts.len(), found.never_tested, found.tested_again), (15, 0, 0));
    assert_eq!(found.parts.iter().map(|part| part.examples).sum::<usize>(), 5 * 12_162);

    let random = Protocol::Random(Random { test: 0.1, dev: 0.1, split_seed: 1 });
    let found = audit(&folds(&random, &examples).unwrap(), &examples, Rules::default().disjoint()).unwrap();
    assert!(found.leaks(&Rules::new([], [Permission::SharedSpeakers])).is_empty());
    let shared_speakers = found
        .shared
        .iter()
        .filter(|shared| shared.what == Sharing::Speaker)
        .filter(|shared| shared.sides.each_ref().map(|side| side.role) == [Role::Train, Role::Test])
        .count();
    let tested = found.parts.iter().find(|part| part.role == Role::Test).unwrap().speakers;
    assert_eq!(shared_speakers, tested, "every speaker of the test part was heard in training");
    assert!(tested > 100);
    let most = found.shared.iter().flat_map(|shared| &shared.sides).map(|side| side.utterances.len()).max();
    assert_eq!(most, Some(10), "rows are counted, not all named");
}
