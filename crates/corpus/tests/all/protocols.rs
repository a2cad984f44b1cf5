//! What every protocol promises, on examples shaped like the four corpora and on impossible ones.

use std::collections::{BTreeMap, BTreeSet};

use affekt_corpus::{Group, GroupKfold, Impossible, Protocol, Random, folds, remarks};
use affekt_domain::{Example, Fold, Role};

use crate::support::{example, four_corpora};

fn random(test: f64, dev: f64) -> Protocol {
    Protocol::Random(Random { test, dev, split_seed: 7 })
}

fn kfold(folds: u32, dev_folds: u32) -> Protocol {
    Protocol::GroupKfold(GroupKfold { group: Group::Speaker, folds, dev_folds, split_seed: 7 })
}

fn count(fold: &Fold, role: Role) -> usize {
    fold.rows().filter(|(_, other)| *other == role).count()
}

/// Speakers by role.
fn speakers<'e>(fold: &Fold, examples: &'e [Example]) -> BTreeMap<Role, BTreeSet<&'e str>> {
    let mut speakers: BTreeMap<Role, BTreeSet<&str>> = BTreeMap::new();
    for example in examples {
        let role = fold.role(&example.utterance.id).unwrap();
        speakers.entry(role).or_default().insert(&example.utterance.speaker);
    }
    speakers
}

/// For each class, what fraction of it has the role.
fn fractions(fold: &Fold, examples: &[Example], role: Role) -> BTreeMap<String, f64> {
    let mut counts: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for example in examples {
        let (with, all) = counts.entry(example.class.clone()).or_default();
        *all += 1.0;
        *with += f64::from(u8::from(fold.role(&example.utterance.id) == Some(role)));
    }
    counts.into_iter().map(|(class, (with, all))| (class, with / all)).collect()
}

#[test]
fn random_has_the_published_sizes_and_is_stratified() {
    let examples = four_corpora();
    let [fold] = &folds(&random(0.1, 0.1), &examples).unwrap()[..] else { panic!() };
    assert_eq!(Role::ALL.map(|role| count(fold, role)), [9728, 1217, 1217]);
    for role in [Role::Dev, Role::Test] {
        for (class, fraction) in fractions(fold, &examples, role) {
            assert!((fraction - 0.1).abs() < 0.001, "{class} {fraction}");
        }
    }
    assert_eq!(random(0.1, 0.1).stamps(), ["speakers shared"]);
}

#[test]
fn folds_do_not_depend_on_order_but_on_the_seed() {
    let examples = four_corpora();
    let reversed: Vec<Example> = examples.iter().rev().cloned().collect();
    for protocol in [random(0.1, 0.1), kfold(5, 1)] {
        assert_eq!(folds(&protocol, &examples), folds(&protocol, &reversed));
    }
    let other = Protocol::Random(Random { test: 0.1, dev: 0.1, split_seed: 8 });
    assert_ne!(folds(&random(0.1, 0.1), &examples), folds(&other, &examples));
    let other = GroupKfold { group: Group::Speaker, folds: 5, dev_folds: 1, split_seed: 8 };
    assert_ne!(folds(&kfold(5, 1), &examples), folds(&Protocol::GroupKfold(other), &examples));
}

#[test]
fn identical_audio_shares_a_role_at_random() {
    let mut examples: Vec<Example> =
        (0..200).map(|n| example("C", "s", &format!("u{n:03}"), "sad")).collect();
    for n in (0..200).step_by(2) {
        examples[n].utterance.audio = examples[n + 1].utterance.audio;
    }
    let [fold] = &folds(&random(0.3, 0.2), &examples).unwrap()[..] else { panic!() };
    assert_eq!(Role::ALL.map(|role| count(fold, role)), [100, 40, 60]);
    for pair in examples.chunks(2) {
        assert_eq!(fold.role(&pair[0].utterance.id), fold.role(&pair[1].utterance.id));
    }
}

#[test]
fn group_folds_are_disjoint_balanced_and_test_everything_once() {
    let examples = four_corpora();
    for (n, dev_folds) in [(5, 1), (5, 0), (10, 1), (3, 1)] {
        let folds = folds(&kfold(n, dev_folds), &examples).unwrap();
        assert_eq!(kfold(n, dev_folds).fold_numbers(), Some(folds.iter().map(Fold::number).collect()));
        let mut tested: BTreeMap<String, u32> = BTreeMap::new();
        for fold in &folds {
            let by_role: Vec<_> = speakers(fold, &examples).into_values().collect();
            assert_eq!(by_role.len(), 2 + dev_folds as usize);
            let union: BTreeSet<_> = by_role.iter().flatten().collect();
            assert_eq!(
                union.len(),
                by_role.iter().map(BTreeSet::len).sum::<usize>(),
                "a speaker in two roles"
            );
            for (utterance, _) in fold.rows().filter(|(_, role)| *role == Role::Test) {
                *tested.entry(utterance.to_owned()).or_default() += 1;
            }
        }
        assert_eq!(tested.len(), examples.len());
        assert!(tested.values().all(|times| *times == 1));
    }
}

#[test]
fn group_folds_are_balanced_as_far_as_speakers_allow() {
    // TESS' two speakers outweigh a tenth of everything; without them parts can be even.
    let examples: Vec<Example> =
        four_corpora().into_iter().filter(|example| example.utterance.corpus != "TESS").collect();
    for fold in folds(&kfold(5, 1), &examples).unwrap() {
        let size = count(&fold, Role::Test) as f64 / examples.len() as f64;
        assert!((size - 0.2).abs() < 0.02, "{size}");
        for (class, fraction) in fractions(&fold, &examples, Role::Test) {
            assert!((fraction - 0.2).abs() < 0.05, "fold {}: {class} {fraction}", fold.number());
        }
        let corpora = speakers(&fold, &examples);
        let savee = corpora[&Role::Test].iter().filter(|speaker| speaker.starts_with("SAVEE/")).count();
        let ravdess = corpora[&Role::Test].iter().filter(|speaker| speaker.starts_with("RAVDESS/")).count();
        assert!(savee <= 1 && (4..=6).contains(&ravdess), "{savee} {ravdess}");
    }
}

#[test]
fn one_more_recording_moves_next_to_nothing() {
    let examples = four_corpora();
    let mut more = examples.clone();
    more.push(example("RAVDESS", "03", "Actor_03/03-01-05-02-02-03-03", "angry"));
    let moved = |protocol: &Protocol| {
        let (before, after) = (folds(protocol, &examples).unwrap(), folds(protocol, &more).unwrap());
        let (before, after) = (&before[0], &after[0]);
        before.rows().filter(|(utterance, role)| after.role(utterance) != Some(*role)).count()
    };
    assert_eq!(moved(&kfold(5, 1)), 0);
    assert!(moved(&random(0.1, 0.1)) <= 8, "{}", moved(&random(0.1, 0.1)));
}

#[test]
fn few_speakers_are_handled_and_said() {
    let examples = four_corpora();
    let five = folds(&kfold(5, 1), &examples).unwrap();
    assert_eq!(
        remarks(&five, &examples),
        [
            "SAVEE has 4 speakers: it is tested in 4 of 5 folds and in the dev part of 4 of 5 folds",
            "TESS has 2 speakers: it is tested in 2 of 5 folds and in the dev part of 2 of 5 folds",
            "TESS has 2 speakers: when one is tested, the other trains",
        ]
    );
    let tess: Vec<Example> =
        examples.into_iter().filter(|example| example.utterance.corpus == "TESS").collect();
    let error = folds(&kfold(5, 1), &tess).unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 speakers cannot fill 5 folds: try `folds: 2` without a dev part, or add a corpus"
    );
    let two = folds(&kfold(2, 0), &tess).unwrap();
    assert_eq!(remarks(&two, &tess), ["TESS has 2 speakers: when one is tested, the other trains"]);
}

#[test]
fn what_is_impossible_says_what_to_try() {
    let message =
        |protocol: &Protocol, examples: &[Example]| folds(protocol, examples).unwrap_err().to_string();
    assert_eq!(folds(&random(0.1, 0.1), &[]), Err(Impossible::NoExamples));

    let one_angry = [("a", "sad"), ("b", "sad"), ("c", "sad"), ("d", "angry")]
        .map(|(speaker, class)| example("C", speaker, speaker, class));
    assert!(message(&random(0.5, 0.5), &one_angry).contains("try `test: 0.1, dev: 0.1`"));
    assert!(message(&random(f64::NAN, 0.1), &one_angry).contains("no fractions"));
    assert!(message(&kfold(2, 1), &one_angry).contains("try `folds: 3`"));
    assert!(message(&kfold(u32::MAX, 0), &one_angry).contains("4 speakers cannot fill"));
    assert!(message(&kfold(4, u32::MAX), &one_angry).contains("leave none to train on"));
    let message = message(&kfold(4, 0), &one_angry);
    assert!(message.contains("no `angry` to train on"), "{message}");
}

#[test]
fn protocols_are_written_as_in_experiments() {
    let text = r#"{"kind":"group-kfold","group":"speaker","folds":5,"dev_folds":1,"split_seed":7}"#;
    assert_eq!(serde_json::to_string(&kfold(5, 1)).unwrap(), text);
    assert_eq!(serde_json::from_str::<Protocol>(text).unwrap(), kfold(5, 1));
    let text = r#"{"kind":"random","test":0.1,"dev":0.1,"split_seed":7}"#;
    assert_eq!(serde_json::to_string(&random(0.1, 0.1)).unwrap(), text);
}
