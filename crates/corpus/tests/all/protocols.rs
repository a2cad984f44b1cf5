//! Properties of every protocol, on examples with the structure of the four corpora and on unsuitable ones.

use std::collections::{BTreeMap, BTreeSet};

use affekt_corpus::{ProtocolError, folds, impossible, remarks};
use affekt_domain::{Example, Fold, Role, Task, Utterance};
use affekt_spec::protocol::{
    DevFolds, DevPart, Group, GroupKfold, LeaveOneGroupOut, Official, OfficialDev, Protocol, Random,
};
use affekt_spec::{Spec, View, Words};

use crate::support::{example, four_corpora};
use crate::worlds::{fastest, iemocap, shuffled, world};

fn random(test: f64, dev: f64) -> Protocol {
    Protocol::Random(Random { test, dev, stratify: true, split_seed: 7 })
}

fn kfold(folds: u32, dev_folds: u32) -> Protocol {
    Protocol::GroupKfold(GroupKfold {
        group: Group::Speaker,
        folds,
        dev_folds: DevFolds(dev_folds),
        split_seed: 7,
    })
}

fn leave_out(group: Group, dev: DevPart) -> Protocol {
    Protocol::LeaveOneGroupOut(LeaveOneGroupOut { group, dev, split_seed: 7 })
}

fn official(dev: OfficialDev) -> Protocol {
    Protocol::Official(Official { dev, split_seed: 7 })
}

fn without(corpora: &[&str]) -> Vec<Example> {
    four_corpora().into_iter().filter(|it| !corpora.contains(&it.utterance.corpus.as_str())).collect()
}

fn count(fold: &Fold, role: Role) -> usize {
    fold.rows().filter(|(_, other)| *other == role).count()
}

/// Collects a property of the utterances by role.
fn by_role<T: Ord>(
    fold: &Fold,
    examples: &[Example],
    of: impl Fn(&Utterance) -> T,
) -> BTreeMap<Role, BTreeSet<T>> {
    let mut by_role: BTreeMap<Role, BTreeSet<T>> = BTreeMap::new();
    for example in examples {
        let Some(role) = fold.role(&example.utterance.id) else { continue };
        by_role.entry(role).or_default().insert(of(&example.utterance));
    }
    by_role
}

fn speakers(fold: &Fold, examples: &[Example]) -> BTreeMap<Role, BTreeSet<String>> {
    by_role(fold, examples, |utterance| utterance.speaker.clone())
}

fn groups(fold: &Fold, examples: &[Example], group: Group) -> BTreeMap<Role, BTreeSet<String>> {
    by_role(fold, examples, |utterance| group.of(utterance).unwrap().into_owned())
}

fn are_disjoint<T: Ord>(sets: &BTreeMap<Role, BTreeSet<T>>) -> bool {
    let union: BTreeSet<&T> = sets.values().flatten().collect();
    union.len() == sets.values().map(BTreeSet::len).sum::<usize>()
}

/// Computes the fraction of each class that has the role.
fn fractions(fold: &Fold, examples: &[Example], role: Role) -> BTreeMap<String, f64> {
    let mut counts: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for example in examples {
        let (with, all) = counts.entry(example.class().unwrap().to_owned()).or_default();
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

/// B5's split: the sizes are those asked for, the classes' shares are not.
#[test]
fn random_is_not_stratified_where_it_is_not_asked_for() {
    let examples = four_corpora();
    let protocol = |stratify| Protocol::Random(Random { test: 0.05, dev: 0.05, stratify, split_seed: 7 });
    let split = |stratify| folds(&protocol(stratify), &examples).unwrap().remove(0);
    let (stratified, plain) = (split(true), split(false));
    for fold in [&stratified, &plain] {
        assert_eq!(Role::ALL.map(|role| count(fold, role)), [10_944, 609, 609]);
    }
    let furthest = |fold: &Fold| {
        let shares = fractions(fold, &examples, Role::Test).into_values();
        shares.map(|share| (share - 0.05).abs()).fold(0.0, f64::max)
    };
    assert!(furthest(&stratified) < 0.001 && furthest(&plain) > 0.003, "{}", furthest(&plain));
    let task = Task::Classes(vec!["a".into(), "b".into()]);
    assert_eq!(protocol(false).describe(1, &task), "random split not stratified, 90/5/5 % train/dev/test");
}

#[test]
fn folds_do_not_depend_on_order_but_on_the_seed() {
    let examples = four_corpora();
    let reversed: Vec<Example> = examples.iter().rev().cloned().collect();
    let by_corpus = leave_out(Group::Corpus, DevPart::Share(0.1));
    for protocol in [random(0.1, 0.1), kfold(5, 1), by_corpus] {
        assert_eq!(folds(&protocol, &examples), folds(&protocol, &reversed));
    }
    let other = Protocol::Random(Random { test: 0.1, dev: 0.1, stratify: true, split_seed: 8 });
    assert_ne!(folds(&random(0.1, 0.1), &examples), folds(&other, &examples));
    let other = GroupKfold { group: Group::Speaker, folds: 5, dev_folds: DevFolds(1), split_seed: 8 };
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
            let speakers = speakers(fold, &examples);
            assert_eq!(speakers.len(), 2 + dev_folds as usize);
            assert!(are_disjoint(&speakers), "a speaker in two roles");
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
    let examples = without(&["TESS"]);
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
            "TESS has 2 speakers: when one is tested, the other trains (in 1 fold), or is in dev, with nothing of \
             TESS to train on (in 1 fold)",
        ]
    );
    let tess = without(&["CREMA-D", "RAVDESS", "SAVEE"]);
    let error = folds(&kfold(5, 1), &tess).unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 speakers cannot fill 5 folds: try `folds: 2` without a dev part, or add a corpus"
    );
    let two = folds(&kfold(2, 0), &tess).unwrap();
    assert_eq!(
        remarks(&two, &tess),
        ["TESS has 2 speakers: when one is tested, the other trains"],
        "each is tested in a fold, and all is told"
    );
}

#[test]
fn what_is_impossible_says_what_to_try() {
    let message =
        |protocol: &Protocol, examples: &[Example]| folds(protocol, examples).unwrap_err().to_string();
    assert_eq!(folds(&random(0.1, 0.1), &[]), Err(ProtocolError::NoExamples));

    let one_angry = [("a", "sad"), ("b", "sad"), ("c", "sad"), ("d", "angry")]
        .map(|(speaker, class)| example("C", speaker, speaker, class));
    assert!(message(&random(0.5, 0.5), &one_angry).contains("try `test: 0.1, dev: 0.1`"));
    assert!(message(&random(f64::NAN, 0.1), &one_angry).contains("must be fractions"));
    assert!(message(&kfold(2, 1), &one_angry).contains("try `folds: 3`"));
    assert!(message(&kfold(u32::MAX, 0), &one_angry).contains("4 speakers cannot fill"));
    assert!(message(&kfold(4, u32::MAX), &one_angry).contains("leave none to train on"));
    let message = message(&kfold(4, 0), &one_angry);
    assert!(message.contains("no `angry` to train on"), "{message}");
}

#[test]
fn leaving_one_group_out_keeps_groups_whole_and_tests_everything_once() {
    let mut followed = 0;
    for seed in 0..40 {
        let examples = world(seed);
        for &group in Group::ALL {
            let n_groups = examples.iter().map(|it| group.of(&it.utterance)).collect::<BTreeSet<_>>().len();
            for dev in [DevPart::None, DevPart::NextGroup, DevPart::Share(0.2)] {
                let protocol = leave_out(group, dev);
                let made = folds(&protocol, &examples);
                assert_eq!(made, folds(&protocol, &shuffled(examples.clone(), seed)), "{protocol:?}");
                let made = match made {
                    Ok(made) => made,
                    Err(ProtocolError::TooFewToLeaveOneOut { groups, needed, .. }) => {
                        assert!(groups.len() == n_groups && n_groups < needed, "{group:?} {dev:?}");
                        continue;
                    }
                    Err(ProtocolError::TooFewDevSpeakers { speakers, .. }) => {
                        assert!(speakers < 2 && fewest_untested_speakers(&examples, group) < 2);
                        continue;
                    }
                    Err(impossible) => panic!("{seed} {protocol:?}: {impossible}"),
                };
                followed += 1;
                assert!(made.is_sorted_by_key(Fold::number) && made.len() == n_groups);
                let mut tested: Vec<String> = Vec::new();
                for fold in &made {
                    check_left_out(fold, &examples, group, dev);
                    let test = fold.rows().filter(|(_, role)| *role == Role::Test);
                    tested.extend(test.map(|(utterance, _)| utterance.to_owned()));
                }
                tested.sort();
                let mut all: Vec<&String> = examples.iter().map(|it| &it.utterance.id).collect();
                all.sort();
                assert_eq!(tested.iter().collect::<Vec<_>>(), all, "everything is tested once");
            }
        }
    }
    assert!(followed > 200, "{followed}");
}

/// Counts the speakers in no group with the tested ones, in the fold with fewest of them.
fn fewest_untested_speakers(examples: &[Example], group: Group) -> usize {
    let mut of_groups: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for Example { utterance, .. } in examples {
        of_groups.entry(group.of(utterance)).or_default().insert(&utterance.speaker);
    }
    let all: BTreeSet<&str> = of_groups.values().flatten().copied().collect();
    of_groups.values().map(|tested| all.difference(tested).count()).min().unwrap()
}

/// Checks the properties of every fold that leaves one group out.
fn check_left_out(fold: &Fold, examples: &[Example], group: Group, dev: DevPart) {
    let (groups, speakers) = (groups(fold, examples, group), speakers(fold, examples));
    assert_eq!(fold.rows().count(), examples.len());
    assert_eq!(groups[&Role::Test].len(), 1);
    assert!(groups[&Role::Train].is_disjoint(&groups[&Role::Test]));
    assert_eq!(groups.contains_key(&Role::Dev), dev != DevPart::None);
    let Some(dev_groups) = groups.get(&Role::Dev) else { return };
    assert!(dev_groups.is_disjoint(&groups[&Role::Test]), "dev comes from the training groups");
    match dev {
        DevPart::NextGroup => {
            assert_eq!(dev_groups.len(), 1);
            assert!(are_disjoint(&groups));
        }
        _ => {
            let dev = &speakers[&Role::Dev];
            assert!(dev.is_disjoint(&speakers[&Role::Train]) && dev.is_disjoint(&speakers[&Role::Test]));
        }
    }
}

#[test]
fn folds_over_any_group_keep_groups_whole() {
    let mut followed = 0;
    for seed in 0..20 {
        let examples = world(seed);
        for &group in Group::ALL {
            let protocol = GroupKfold { group, folds: 3, dev_folds: DevFolds(1), split_seed: seed };
            let made = match folds(&Protocol::GroupKfold(protocol), &examples) {
                Ok(made) => made,
                Err(ProtocolError::TooFewGroups { .. } | ProtocolError::ClassNotTrained { .. }) => continue,
                Err(impossible) => panic!("{impossible}"),
            };
            followed += 1;
            assert!(made.iter().all(|fold| are_disjoint(&groups(fold, &examples, group))));
        }
    }
    assert!(followed > 50, "{followed}");
}

#[test]
fn sessions_are_tested_in_the_folds_of_their_numbers() {
    let examples = iemocap();
    for dev in [DevPart::None, DevPart::NextGroup, DevPart::Share(0.1)] {
        let made = folds(&leave_out(Group::Session, dev), &examples).unwrap();
        let tested: Vec<(u32, usize)> = made.iter().map(|it| (it.number(), count(it, Role::Test))).collect();
        assert_eq!(tested, [(1, 1819), (2, 1811), (3, 2136), (4, 2103), (5, 2170)]);
        for fold in &made {
            assert!(are_disjoint(&speakers(fold, &examples)));
        }
        let dev_of =
            |fold: &Fold, group| groups(fold, &examples, group).remove(&Role::Dev).unwrap_or_default();
        match dev {
            DevPart::None => assert_eq!(count(&made[0], Role::Dev), 0),
            DevPart::NextGroup => {
                assert_eq!(dev_of(&made[3], Group::Session), BTreeSet::from(["IEMOCAP/Ses05".to_owned()]));
                assert_eq!(dev_of(&made[4], Group::Session), BTreeSet::from(["IEMOCAP/Ses01".to_owned()]));
            }
            // Eight speakers train: one of them is the nearest to a tenth.
            DevPart::Share(_) => assert!(made.iter().all(|it| dev_of(it, Group::Speaker).len() == 1)),
        }
    }
    let without_third: Vec<Example> =
        examples.into_iter().filter(|it| it.utterance.session.as_deref() != Some("IEMOCAP/Ses03")).collect();
    let made = folds(&leave_out(Group::Session, DevPart::None), &without_third).unwrap();
    assert_eq!(made.iter().map(Fold::number).collect::<Vec<_>>(), [1, 2, 4, 5]);
}

#[test]
fn a_share_of_the_training_speakers_is_balanced_where_speakers_are_many() {
    // CREMA-D has no surprise. Where it alone trains nothing else may be tested.
    let mut examples = without(&["SAVEE", "TESS"]);
    examples.retain(|example| example.class() != Some("surprise"));
    for share in [0.1, 0.2, 0.5] {
        let protocol = leave_out(Group::Corpus, DevPart::Share(share));
        for fold in folds(&protocol, &examples).unwrap() {
            let (train, dev) = (count(&fold, Role::Train) as f64, count(&fold, Role::Dev) as f64);
            assert!((dev / (train + dev) - share).abs() < 0.03, "{share}: {}", dev / (train + dev));
            let speakers = speakers(&fold, &examples);
            assert!(are_disjoint(&speakers));
            let all = speakers[&Role::Train].len() + speakers[&Role::Dev].len();
            let asked = share * all as f64;
            assert!((speakers[&Role::Dev].len() as f64 - asked).abs() < 1.0, "{asked} of {all} speakers");
        }
    }
}

#[test]
fn two_speakers_are_said_whatever_they_do() {
    let examples = without(&["CREMA-D"]);
    let remarks_of = |group, dev| remarks(&folds(&leave_out(group, dev), &examples).unwrap(), &examples);
    let alone = "every fold tests one corpus alone: RAVDESS in 24 folds, SAVEE in 4 folds, TESS in 2 folds";
    assert_eq!(
        remarks_of(Group::Speaker, DevPart::None),
        [alone, "TESS has 2 speakers: when one is tested, the other trains"]
    );
    assert_eq!(
        remarks_of(Group::Speaker, DevPart::NextGroup),
        [
            alone,
            "every fold chooses on one corpus alone: RAVDESS in 24 folds, SAVEE in 4 folds, TESS in 2 folds",
            "TESS has 2 speakers: when one is tested, the other trains (in 1 fold), or is in dev, with nothing of \
             TESS to train on (in 1 fold)",
        ]
    );
    assert_eq!(
        remarks_of(Group::Corpus, DevPart::Share(0.1)),
        [
            "every fold tests one corpus alone: RAVDESS in fold 1, SAVEE in fold 2, TESS in fold 3",
            "every fold chooses on one corpus alone: RAVDESS in 2 folds, SAVEE in fold 1",
        ]
    );
}

#[test]
fn official_parts_are_kept() {
    let examples = iemocap();
    let sizes = |dev| {
        let made = folds(&official(dev), &examples).unwrap();
        assert_eq!((made.len(), made[0].number()), (1, 1));
        Role::ALL.map(|role| count(&made[0], role))
    };
    let (train, dev, test) = (1819 + 1811, 2136, 2103 + 2170);
    assert_eq!(sizes(OfficialDev::Official), [train, dev, test]);
    assert_eq!(sizes(OfficialDev::None), [train, 0, test], "the official dev part is not trained on");
    let [shared_train, shared_dev, shared_test] = sizes(OfficialDev::Share(0.25));
    assert_eq!((shared_train + shared_dev, shared_test), (train, test));
    assert!(shared_dev > 800 && shared_dev < 1000, "one of four speakers: {shared_dev}");

    let made = folds(&official(OfficialDev::None), &examples).unwrap();
    assert_eq!(
        remarks(&made, &examples),
        [
            "shared texts cannot be detected: the texts of 10039 of 10039 utterances are unknown",
            "2136 of 10039 utterances have no role and are not used"
        ]
    );
    assert!(official(OfficialDev::Official).has_dev() && !official(OfficialDev::None).has_dev());

    let message = |dev, examples: &[Example]| folds(&official(dev), examples).unwrap_err().to_string();
    let mut without_dev = examples.clone();
    without_dev.retain(|it| it.utterance.part != Some(Role::Dev));
    assert_eq!(
        message(OfficialDev::Official, &without_dev),
        "no example is in the official part `dev`: try `dev: none`, or a share of the training speakers such as \
         `dev: 0.1`"
    );
    let mut without_test = examples.clone();
    without_test.retain(|it| it.utterance.part != Some(Role::Test));
    assert_eq!(
        message(OfficialDev::None, &without_test),
        "no example is in the official part `test`: check the labels of that part, or give the parts in a table with \
         `kind: file`"
    );
    let savee = without(&["CREMA-D", "RAVDESS", "TESS"]);
    assert_eq!(
        message(OfficialDev::None, &[without_test, savee].concat()),
        "480 utterances of `SAVEE` (`SAVEE/DC_a01`, `SAVEE/DC_a02`, `SAVEE/DC_a03`, …) have no official part: \
         remove those corpora, or give the parts in a table with `kind: file`"
    );
}

#[test]
fn groups_that_are_not_there_say_so() {
    let message =
        |group, dev, examples: &[Example]| folds(&leave_out(group, dev), examples).unwrap_err().to_string();
    let examples = four_corpora();
    let told = message(Group::Session, DevPart::None, &examples);
    assert_eq!(
        told,
        "12162 utterances of `CREMA-D`, `RAVDESS`, `SAVEE`, `TESS` (`CREMA-D/AudioWAV/1001_DFA_ANG_XX`, \
         `CREMA-D/AudioWAV/1001_DFA_DIS_XX`, `CREMA-D/AudioWAV/1001_DFA_FEA_XX`, …) have no session: group by \
         something else, or remove those corpora"
    );
    let sessions = GroupKfold { group: Group::Session, folds: 5, dev_folds: DevFolds(1), split_seed: 7 };
    assert_eq!(folds(&Protocol::GroupKfold(sessions), &examples).unwrap_err().to_string(), told);

    let tess = without(&["CREMA-D", "RAVDESS", "SAVEE"]);
    assert_eq!(
        message(Group::Corpus, DevPart::None, &tess),
        "leaving one corpus out takes 2, and the examples have `TESS`: name another corpus under `corpora`, or leave \
         out a speaker: `group: speaker`"
    );
    assert_eq!(
        message(Group::Speaker, DevPart::NextGroup, &tess),
        "leaving one speaker out and choosing on the next takes 3, and the examples have `TESS/OAF`, `TESS/YAF`: try \
         `dev: none`, or add a corpus"
    );
    assert_eq!(
        message(Group::Speaker, DevPart::Share(0.1), &tess),
        "fold 1 trains on 1 speaker that its test part does not have, and a dev part of whole speakers takes two: \
         try `dev: none`, or add a corpus"
    );
    for share in [0.0, 0.6, f64::NAN] {
        let told = message(Group::Speaker, DevPart::Share(share), &tess);
        assert!(
            told.ends_with(
                "must be a share of the training speakers, above 0 and at most a half: try `dev: 0.1`"
            ),
            "{told}"
        );
        assert!(impossible(&leave_out(Group::Speaker, DevPart::Share(share))).is_some());
    }
}

#[test]
fn folds_are_made_fast() {
    let by_speaker = leave_out(Group::Speaker, DevPart::Share(0.1));
    let by_session = leave_out(Group::Session, DevPart::Share(0.1));
    for (protocol, examples) in
        [(kfold(5, 1), four_corpora()), (by_session, iemocap()), (by_speaker, iemocap())]
    {
        let seconds = fastest(|| remarks(&folds(&protocol, &examples).unwrap(), &examples));
        assert!(seconds < 1.0, "{protocol:?} took {seconds} s");
    }
}

#[test]
fn protocols_are_written_as_in_experiments() {
    let text = r#"{"kind":"group-kfold","group":"speaker","folds":5,"dev_folds":1,"split_seed":7}"#;
    assert_eq!(serde_json::to_string(&kfold(5, 1)).unwrap(), text);
    assert_eq!(serde_json::from_str::<Protocol>(text).unwrap(), kfold(5, 1));
    for (protocol, text) in [
        (random(0.1, 0.1), r#"{"kind":"random","test":0.1,"dev":0.1,"stratify":true,"split_seed":7}"#),
        (
            leave_out(Group::Session, DevPart::NextGroup),
            r#"{"kind":"leave-one-group-out","group":"session","dev":"next-group","split_seed":7}"#,
        ),
        (
            leave_out(Group::Text, DevPart::Share(0.1)),
            r#"{"kind":"leave-one-group-out","group":"text","dev":{"share":0.1},"split_seed":7}"#,
        ),
        (official(OfficialDev::Official), r#"{"kind":"official","dev":"official","split_seed":7}"#),
    ] {
        assert_eq!(serde_json::to_string(&protocol).unwrap(), text);
        assert_eq!(serde_json::from_str::<Protocol>(text).unwrap(), protocol);
    }
    // As it was written before splits could do without classes; in keys it still is.
    let older = r#"{"kind":"random","test":0.1,"dev":0.1,"split_seed":7}"#;
    assert_eq!(serde_json::from_str::<Protocol>(older).unwrap(), random(0.1, 0.1));
    let older: serde_json::Value = serde_json::from_str(older).unwrap();
    assert_eq!(random(0.1, 0.1).view(View::Key), older);
}

#[test]
fn without_a_split_everything_trains_or_everything_tests() {
    let mut examples = four_corpora();
    examples[3].target = None;
    let [training] = &folds(&Protocol::None, &examples).unwrap()[..] else { panic!("one fold") };
    assert_eq!((training.number(), count(training, Role::Train)), (1, examples.len() - 1));
    assert_eq!(training.rows().count(), examples.len() - 1, "what has no label trains nothing");
    let [testing] = &folds(&Protocol::TestOnly, &examples).unwrap()[..] else { panic!("one fold") };
    assert_eq!((testing.number(), count(testing, Role::Test)), (1, examples.len()));
    for protocol in [Protocol::None, Protocol::TestOnly] {
        assert_eq!(protocol.fold_numbers(), Some(vec![1]));
        assert!(!protocol.has_dev() && protocol.needs().is_empty());
    }
}

#[test]
fn what_has_no_label_is_left_out_of_training_and_named() {
    let mut examples = four_corpora();
    let all = examples.len();
    for at in [3, 400, 900, 901] {
        examples[at].target = None;
    }
    let labelled = |example: &Example| example.target.is_some();
    for protocol in [random(0.1, 0.1), kfold(5, 1), leave_out(Group::Corpus, DevPart::None)] {
        let made = folds(&protocol, &examples).unwrap();
        for fold in &made {
            let learnt = examples
                .iter()
                .filter(|example| matches!(fold.role(&example.utterance.id), Some(Role::Train | Role::Dev)));
            assert!(learnt.clone().count() > 0 && learnt.clone().all(labelled), "{protocol:?}");
            let labelled_rows = examples.iter().filter(|example| labelled(example));
            assert!(labelled_rows.clone().all(|example| fold.role(&example.utterance.id).is_some()));
            assert!(fold.rows().count() >= all - 4);
        }
        let told = remarks(&made, &examples);
        let is_left_out = |example: &&Example| {
            !labelled(example) && made.iter().any(|fold| fold.role(&example.utterance.id).is_none())
        };
        let left_out = examples.iter().filter(is_left_out).count();
        assert!(made.len() == 1 || left_out == 4, "what is tested in one fold is left out of the others");
        let unlabelled = told.iter().find(|told| told.contains(" no label: ") && told.contains("train"));
        assert_eq!(unlabelled.is_some(), left_out > 0);
        assert!(unlabelled.is_none_or(|told| told.starts_with(&format!("{left_out} utterance"))));
    }
}
