//! Small synthetic runs: those that are ranked together, and the reasons for the others.

use std::collections::BTreeMap;

use affekt_domain::{Prediction, Role, Target, Task};
use affekt_eval::{Description, Entry, Measure, Outcome, SideBySide, VariantMetrics, evaluate, side_by_side};

const CLASSES: [&str; 2] = ["a", "b"];

/// A variant of a run, as `compare` reads it.
struct Read {
    metrics: VariantMetrics,
    predictions: Vec<Prediction>,
    protocol: BTreeMap<String, serde_json::Value>,
    incomplete: BTreeMap<String, String>,
}

/// Predicts ten utterances of each of `speakers` in two folds, the first `right` of them correctly.
fn read(name: &str, speakers: usize, right: usize, change: impl Fn(&mut Prediction)) -> Read {
    stamped(name, speakers, right, &[], change)
}

fn stamped(
    name: &str,
    speakers: usize,
    right: usize,
    stamps: &[&str],
    change: impl Fn(&mut Prediction),
) -> Read {
    let row = |speaker: usize, i: usize| {
        let truth = i % 2;
        let said = if i < right { truth } else { 1 - truth };
        let mut row = Prediction {
            variant: name.into(),
            utterance: format!("C/{speaker}/{i}"),
            corpus: "C".into(),
            speaker: format!("C/{speaker}"),
            session: None,
            sex: None,
            style: None,
            fold: 1 + (speaker % 2) as u32,
            seed: 1,
            role: Role::Test,
            truth: Some(Target::Class(CLASSES[truth].into())),
            outputs: [0, 1].map(|class| f32::from(u8::from(class == said))).into(),
        };
        change(&mut row);
        row
    };
    let predictions: Vec<Prediction> = (0..speakers)
        .flat_map(|speaker| (0..10).map(move |i| (speaker, i)))
        .map(|(s, i)| row(s, i))
        .collect();
    let about = Description {
        id: "default".into(),
        params: BTreeMap::new(),
        protocol: "group-kfold".into(),
        stamps: stamps.iter().map(|&stamp| stamp.to_owned()).collect(),
        task: Task::Classes(CLASSES.map(str::to_owned).into()),
    };
    let renamed: Vec<Prediction> =
        predictions.iter().cloned().map(|row| Prediction { variant: "default".into(), ..row }).collect();
    let metrics = evaluate(about, &renamed, None).unwrap();
    let protocol = [("folds".to_owned(), 2.into()), ("group".to_owned(), "speaker".into())].into();
    Read { metrics, predictions, protocol, incomplete: BTreeMap::new() }
}

fn together(reads: &[Read], baseline: Option<&str>) -> SideBySide {
    let entries: Vec<Entry> = reads.iter().map(|read| entry(read, Measure::Uar)).collect();
    side_by_side(&entries, baseline).unwrap()
}

fn entry(read: &Read, measure: Measure) -> Entry<'_> {
    Entry {
        name: read.predictions[0].variant.clone(),
        measure,
        metrics: &read.metrics,
        protocol: read.protocol.clone(),
        incomplete: read.incomplete.clone(),
        predictions: &read.predictions,
    }
}

/// Returns why two runs are not ranked together.
fn reasons(a: Read, b: Read) -> Vec<String> {
    let side = together(&[a, b], None);
    assert_eq!(side.groups.len(), 2, "{side:?}");
    assert_eq!(side.apart.len(), 1);
    side.apart[0].reasons.clone()
}

fn plain(_: &mut Prediction) {}

#[test]
fn what_is_comparable_is_ranked_and_tested_against_the_best() {
    let runs = [read("low", 6, 5, plain), read("high", 6, 8, plain), read("middle", 6, 6, plain)];
    let side = together(&runs, None);
    assert_eq!((side.groups.len(), side.apart.len()), (1, 0));
    let group = &side.groups[0];
    let names: Vec<&str> = group.variants.iter().map(|rank| rank.name.as_str()).collect();
    assert_eq!(names, ["high", "middle", "low"]);
    assert_eq!(
        (group.conditions.rows, group.variants[0].cells, group.variants[0].summary.mean),
        (60, 2, 0.8)
    );

    let comparison = group.comparison.as_ref().unwrap();
    let pairs: Vec<(&str, &str)> =
        comparison.pairs.iter().map(|pair| (pair.a.as_str(), pair.b.as_str())).collect();
    assert_eq!(pairs, [("middle", "high"), ("low", "high")]);
    let Outcome::Compared(compared) = &comparison.pairs[1].outcome else { panic!("{comparison:?}") };
    assert!((compared.difference + 0.3).abs() < 1e-12, "{compared:?}");
    // Every speaker says the same: no draw turns it round. Two pairs are corrected.
    assert_eq!(compared.bootstrap.unwrap().p_holm, 2.0 * 2.0 / 2001.0);

    let side = together(&runs, Some("low"));
    let pairs = side.groups[0].comparison.as_ref().unwrap();
    assert_eq!(pairs.baseline.as_deref(), Some("low"));
}

#[test]
fn a_baseline_of_another_group_does_not_count() {
    let runs = [read("one", 6, 5, plain), read("two", 6, 8, plain), read("other", 8, 6, plain)];
    let side = together(&runs, Some("other"));
    let baselines: Vec<Option<&str>> = side
        .groups
        .iter()
        .map(|group| group.comparison.as_ref().and_then(|comparison| comparison.baseline.as_deref()))
        .collect();
    assert_eq!(baselines, [Some("two"), None], "a group of one is compared with nothing");
}

#[test]
fn other_rows_are_told_apart() {
    let usual = || read("usual", 6, 5, plain);
    assert_eq!(
        reasons(usual(), read("more", 9, 5, plain)),
        ["test rows differ: 60 against 90; 0 in 1 only, 30 in 2 only"]
    );
    let relabelled = read("relabelled", 6, 5, |row| {
        if row.utterance.ends_with("/3") {
            row.truth = Some(Target::Class("a".into()));
        }
    });
    assert_eq!(reasons(usual(), relabelled), ["labels: 6 rows differ, such as `C/0/3`: b in 1, a in 2"]);
    let parted = read("parted", 6, 5, |row| row.fold = if row.speaker < "C/3".into() { 1 } else { 2 });
    assert_eq!(reasons(usual(), parted), ["folds: the same test rows, 20 of 60 in another fold"]);
    let spoken = read("spoken", 6, 5, |row| {
        if row.utterance == "C/5/0" {
            row.speaker = "C/4".into();
        }
    });
    assert_eq!(reasons(usual(), spoken), ["speakers: `C/5/0` is of C/5 in 1, of C/4 in 2"]);
}

#[test]
fn seeds_may_differ_where_rows_do_not() {
    let mut three = read("three", 6, 5, plain);
    let again =
        [2, 3].map(|seed| three.predictions.iter().cloned().map(move |row| Prediction { seed, ..row }));
    three.predictions.extend(again.into_iter().flatten().collect::<Vec<_>>());
    assert_eq!(together(&[read("one", 6, 5, plain), three], None).groups.len(), 1);

    let mut split_anew = read("anew", 6, 5, plain);
    split_anew.predictions.iter_mut().filter(|row| row.speaker == "C/5").for_each(|row| row.seed = 2);
    assert_eq!(
        reasons(read("one", 6, 5, plain), split_anew),
        ["test rows by seed: the same for all against 1, 2"]
    );
}

#[test]
fn protocols_stamps_and_corpora_are_told_apart() {
    let mut other = stamped("other", 6, 5, &["made with profile `tiny`"], plain);
    other.protocol.insert("folds".into(), 5.into());
    other.protocol.remove("group");
    other.incomplete.insert("RAVDESS".into(), "960 of 1440".into());
    assert_eq!(
        reasons(read("usual", 6, 5, plain), other),
        [
            "protocol, both group-kfold: folds 2 against 5, group speaker against not given",
            "stamps: “made with profile `tiny`” in 2 only",
            "incomplete corpora: RAVDESS nothing missing against 960 of 1440",
        ]
    );
    let mut random = read("random", 6, 5, plain);
    random.metrics.about.protocol = "random".into();
    assert_eq!(reasons(read("usual", 6, 5, plain), random), ["protocol: group-kfold against random"]);
}

#[test]
fn other_tasks_and_measures_are_told_apart() {
    let mut three = read("three", 6, 5, plain);
    three.predictions.iter_mut().for_each(|row| row.outputs.push(-1.0));
    three.metrics.about.task = Task::Classes(["a", "b", "c"].map(str::to_owned).into());
    assert_eq!(reasons(read("two", 6, 5, plain), three), ["different classes: a, b against a, b, c"]);

    let (one, other) = (read("one", 6, 5, plain), read("other", 6, 5, plain));
    let entries = [entry(&one, Measure::Uar), entry(&other, Measure::Wa)];
    let side = side_by_side(&entries, None).unwrap();
    assert_eq!(side.apart[0].reasons, ["measure: uar against wa"]);

    let text = serde_json::to_string(&side).unwrap();
    assert!(
        text.starts_with(
            r#"{"version":1,"groups":[{"measure":"uar","classes":["a","b"],"part":"test","protocol""#
        ),
        "{text}"
    );
    assert_eq!(serde_json::from_str::<SideBySide>(&text).unwrap(), side);
}
