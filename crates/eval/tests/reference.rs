//! The same figures as scikit-learn and numpy give; `tests/goldens/eval/make.py` made them.

use std::fs;
use std::path::Path;

use affekt_domain::{Prediction, Role, Sex};
use affekt_eval::{Description, Measure, VariantMetrics, evaluate};
use serde_json::Value;

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/eval").join(name);
    fs::read_to_string(path).unwrap()
}

fn predictions() -> Vec<Prediction> {
    let text = golden("predictions.csv");
    let rows = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.map(|row| Prediction {
        variant: "golden".into(),
        utterance: row[0].into(),
        corpus: row[1].into(),
        speaker: row[2].into(),
        session: None,
        sex: Sex::from_name(row[3]),
        fold: row[4].parse().unwrap(),
        seed: row[5].parse().unwrap(),
        role: Role::Test,
        label: row[6].into(),
        predicted: row[7].into(),
        scores: Vec::new(),
    })
    .collect()
}

fn expected() -> Value {
    serde_json::from_str(&golden("expected.json")).unwrap()
}

fn ours(expected: &Value) -> VariantMetrics {
    let about = Description {
        id: "golden".into(),
        params: [].into(),
        protocol: "group-kfold".into(),
        stamps: Vec::new(),
        classes: serde_json::from_value(expected["classes"].clone()).unwrap(),
    };
    evaluate(about, &predictions(), None).unwrap()
}

/// Every number in `expected` stands at the same place in `ours`, but for rounding.
fn assert_close(ours: &Value, expected: &Value, place: &str) {
    match expected {
        Value::Object(fields) => {
            fields
                .iter()
                .for_each(|(name, value)| assert_close(&ours[name], value, &format!("{place}.{name}")));
        }
        Value::Array(items) => {
            assert_eq!(ours.as_array().map(Vec::len), Some(items.len()), "{place}");
            items.iter().enumerate().for_each(|(i, v)| assert_close(&ours[i], v, &format!("{place}[{i}]")));
        }
        _ => {
            let (a, b) = (ours.as_f64(), expected.as_f64());
            let close = a.zip(b).is_some_and(|(a, b)| (a - b).abs() < 1e-12);
            assert!(close, "{place}: {a:?}, expected {b:?}");
        }
    }
}

#[test]
fn cells_are_scikit_learn_s() {
    let expected = expected();
    let ours = serde_json::to_value(ours(&expected)).unwrap();
    assert_close(&ours["cells"], &expected["cells"], "cells");
}

#[test]
fn aggregates_are_numpy_s() {
    let expected = expected();
    let ours = serde_json::to_value(ours(&expected)).unwrap();
    for measure in Measure::ALL.map(Measure::name) {
        for field in ["mean", "std_seeds", "std_folds", "pooled", "clusters"] {
            let place = |json: &Value| json["aggregate"][measure][field].clone();
            assert_close(&place(&ours), &place(&expected), &format!("{measure}.{field}"));
        }
    }
}

#[test]
fn groups_are_scikit_learn_s() {
    let expected = expected();
    let ours = serde_json::to_value(ours(&expected)).unwrap();
    for (kind, groups) in expected["groups"].as_object().unwrap() {
        assert_eq!(ours["groups"][kind].as_object().unwrap().len(), groups.as_object().unwrap().len());
        for (name, scores) in groups.as_object().unwrap() {
            for measure in Measure::ALL.map(Measure::name) {
                let pooled = &ours["groups"][kind][name][measure]["pooled"];
                assert_close(pooled, &scores[measure], &format!("{name}.{measure}"));
            }
        }
    }
}

/// An end of a 2 000-fold percentile interval has a Monte-Carlo error of about 0.06 of the bootstrap's standard
/// deviation; four of those are allowed.
#[test]
fn intervals_are_numpy_s_within_monte_carlo_error() {
    let expected = expected();
    let ours = ours(&expected);
    for measure in Measure::ALL {
        let interval = ours.aggregate.get(measure).ci95.unwrap();
        let reference = &expected["aggregate"][measure.name()]["ci95"];
        let allowed = 0.24 * expected["bootstrap_std"][measure.name()].as_f64().unwrap();
        for end in 0..2 {
            let off = interval[end] - reference[end].as_f64().unwrap();
            assert!(off.abs() < allowed, "{}[{end}] is off by {off}", measure.name());
        }
    }
}
