//! Figures compared with scikit-learn, scipy, statsmodels and numpy, by the scripts in `tests/goldens/eval`.

use std::fs;
use std::path::Path;

use affekt_domain::{Prediction, Role, Sex, Target, Task};
use affekt_eval::{
    Candidate, Compared, Description, Measure, Outcome, Pair, RESAMPLES, VariantMetrics, compare, evaluate,
};
use serde_json::Value;

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/eval").join(name);
    fs::read_to_string(path).unwrap()
}

/// Returns logits whose highest is that of `class`.
fn saying(classes: &[&str], class: &str) -> Vec<f32> {
    classes.iter().map(|name| f32::from(u8::from(*name == class))).collect()
}

fn predictions() -> Vec<Prediction> {
    let classes = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"];
    let text = golden("predictions.csv");
    let rows = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.map(|row| Prediction {
        variant: "golden".into(),
        utterance: row[0].into(),
        corpus: row[1].into(),
        speaker: row[2].into(),
        session: None,
        sex: Sex::from_name(row[3]),
        style: None,
        fold: row[4].parse().unwrap(),
        seed: row[5].parse().unwrap(),
        role: Role::Test,
        truth: Some(Target::Class(row[6].into())),
        outputs: saying(&classes, row[7]),
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
        task: Task::Classes(serde_json::from_value(expected["classes"].clone()).unwrap()),
    };
    evaluate(about, &predictions(), None).unwrap()
}

/// Compares every number in `expected` with the one at the same place in `ours`, up to rounding.
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
    for measure in Measure::OF_CLASSES.map(Measure::name) {
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
            for measure in Measure::OF_CLASSES.map(Measure::name) {
                let pooled = &ours["groups"][kind][name][measure]["pooled"];
                assert_close(pooled, &scores[measure], &format!("{name}.{measure}"));
            }
        }
    }
}

/// `ends` holds, for each end of an interval, the reference's quantiles four standard errors of the rank below and
/// above.
fn assert_within(interval: [f64; 2], ends: &Value, place: &str) {
    for (end, between) in interval.into_iter().zip(ends.as_array().unwrap()) {
        let [low, high] = [0, 1].map(|side| between[side].as_f64().unwrap());
        assert!(low <= end && end <= high, "{place}: {end} is not in {low} ..= {high}");
    }
}

#[test]
fn intervals_are_scipy_s_within_monte_carlo_error() {
    let expected = expected();
    let ours = ours(&expected);
    assert_eq!(expected["bootstrap"]["resamples"], RESAMPLES);
    for measure in Measure::OF_CLASSES {
        let ends = &expected["bootstrap"]["ends"][measure.name()];
        assert_within(ours.aggregate.get(measure).unwrap().ci95.unwrap(), ends, measure.name());
    }
}

fn compared(pair: &Pair) -> &Compared {
    match &pair.outcome {
        Outcome::Compared(compared) => compared,
        Outcome::NotComparable(reason) => panic!("{} and {}: {reason}", pair.a, pair.b),
    }
}

/// Reads the predictions of each variant in `compare.csv`, in the order of the columns.
fn variants() -> Vec<(String, Vec<Prediction>)> {
    let text = golden("compare.csv");
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap().split_off(4);
    let rows: Vec<_> = lines.collect();
    let of = |(column, name): (usize, &str)| {
        let rows = rows.iter().map(|row| Prediction {
            variant: name.into(),
            utterance: row[0].into(),
            corpus: "C".into(),
            speaker: row[1].into(),
            session: None,
            sex: None,
            style: None,
            fold: 1,
            seed: row[2].parse().unwrap(),
            role: Role::Test,
            truth: Some(Target::Class(row[3].into())),
            outputs: saying(&["angry", "happy", "neutral", "sad"], row[4 + column]),
        });
        (name.to_owned(), rows.collect())
    };
    names.into_iter().enumerate().map(of).collect()
}

#[test]
fn differences_are_scipy_s_and_statsmodels() {
    let expected: Value = serde_json::from_str(&golden("compare.json")).unwrap();
    assert_eq!(expected["resamples"], RESAMPLES);
    let task = Task::Classes(serde_json::from_value(expected["classes"].clone()).unwrap());
    let variants = variants();
    let candidates: Vec<Candidate> =
        variants.iter().map(|(id, predictions)| Candidate { id, task: &task, predictions }).collect();
    for measure in Measure::OF_CLASSES {
        let comparison = compare(&candidates, measure, None).unwrap();
        let pairs = expected["pairs"].as_array().unwrap();
        assert_eq!(comparison.pairs.len(), pairs.len());
        for (pair, expected_pair) in comparison.pairs.iter().zip(pairs) {
            let place = format!("{} − {}, {}", pair.a, pair.b, measure.name());
            assert_eq!(
                [&pair.a, &pair.b],
                [&expected_pair["a"], &expected_pair["b"]].map(|id| id.as_str().unwrap())
            );
            let compared = compared(pair);
            assert_eq!(expected["clusters"], compared.clusters);

            let reference = &expected_pair["measures"][measure.name()];
            let number = |field: &str| reference[field].as_f64().unwrap();
            assert!((compared.difference - number("difference")).abs() < 1e-12, "{place}");
            let bootstrap = compared.bootstrap.unwrap();
            assert_within(bootstrap.ci95, &reference["ends"], &place);
            let off = bootstrap.p - number("p");
            assert!(off.abs() <= number("p_error"), "{place}: p is off by {off}");

            let mcnemar = serde_json::to_value(&compared.mcnemar).unwrap();
            assert_close(&mcnemar, &expected_pair["mcnemar"], &place);
        }
    }
}

/// The baseline is right on the first half of the rows, and each variant agrees with it except for some on either side.
#[test]
fn exact_tests_and_their_correction_are_statsmodels() {
    let expected: Value = serde_json::from_str(&golden("compare.json")).unwrap();
    let many = expected["many"].as_array().unwrap();
    let task = Task::Classes(["a", "b"].map(str::to_owned).into());
    let half = 6300;
    let predictions = |id: &str, only_own: usize, only_other: usize| -> Vec<Prediction> {
        let rows = (0..2 * half).map(|i| {
            let is_right = if i < half { i >= only_other } else { i < half + only_own };
            Prediction {
                variant: id.into(),
                utterance: format!("C/1/{i:05}"),
                corpus: "C".into(),
                speaker: "C/1".into(),
                session: None,
                sex: None,
                style: None,
                fold: 1,
                seed: 1,
                role: Role::Test,
                truth: Some(Target::Class("a".into())),
                outputs: saying(&["a", "b"], if is_right { "a" } else { "b" }),
            }
        });
        rows.collect()
    };
    let mut variants = vec![("baseline".to_owned(), predictions("baseline", 0, 0))];
    for (i, case) in many.iter().enumerate() {
        let count = |field: &str| case[field].as_u64().unwrap() as usize;
        let id = format!("v{i}");
        let rows = predictions(&id, count("only_a"), count("only_b"));
        variants.push((id, rows));
    }
    let candidates: Vec<Candidate> =
        variants.iter().map(|(id, predictions)| Candidate { id, task: &task, predictions }).collect();
    let comparison = compare(&candidates, Measure::Wa, Some("baseline")).unwrap();
    assert_eq!(comparison.pairs.len(), many.len());
    for (pair, expected) in comparison.pairs.iter().zip(many) {
        let mcnemar = compared(pair).mcnemar.as_ref().unwrap();
        let seed = mcnemar.seeds[0];
        assert_eq!([expected["only_a"].clone(), expected["only_b"].clone()], [seed.only_a, seed.only_b]);
        for (ours, field) in [(mcnemar.p, "p"), (mcnemar.p_holm, "p_holm")] {
            let reference = expected[field].as_f64().unwrap();
            assert!(
                (ours - reference).abs() <= 1e-9 * reference,
                "{}: {field} {ours} of {reference}",
                pair.a
            );
        }
    }
}

/// Reads the predictions of every variant in `outputs.csv`.
fn numbers() -> Vec<(String, Vec<Prediction>)> {
    let text = golden("outputs.csv");
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let of = |(place, name): (usize, &str)| {
        let values = |row: &[&str], first: usize| -> Vec<f32> {
            row[first..first + 3].iter().map(|value| value.parse().unwrap()).collect()
        };
        let rows = rows.iter().map(|row| Prediction {
            variant: name.into(),
            utterance: row[0].into(),
            corpus: row[1].into(),
            speaker: row[2].into(),
            session: None,
            sex: Sex::from_name(row[3]),
            style: None,
            fold: row[4].parse().unwrap(),
            seed: row[5].parse().unwrap(),
            role: Role::Test,
            truth: Some(Target::Values(values(row, 6))),
            outputs: values(row, 9 + 3 * place),
        });
        (name.to_owned(), rows.collect())
    };
    ["plain", "better", "retouched"].into_iter().enumerate().map(of).collect()
}

#[test]
fn figures_of_numbers_are_numpy_s() {
    let expected: Value = serde_json::from_str(&golden("outputs.json")).unwrap();
    let task = Task::Outputs(serde_json::from_value(expected["outputs"].clone()).unwrap());
    for (id, rows) in numbers() {
        let expected = &expected["variants"][&id];
        let about = Description {
            id: id.clone(),
            params: [].into(),
            protocol: "group-kfold".into(),
            stamps: Vec::new(),
            task: task.clone(),
        };
        let metrics = evaluate(about, &rows, None).unwrap();
        let ours = serde_json::to_value(&metrics).unwrap();
        assert_close(&ours["cells"], &expected["cells"], &id);
        assert_close(&ours["aggregate"], &expected["aggregate"], &id);
        for (kind, groups) in expected["groups"].as_object().unwrap() {
            for (name, scores) in groups.as_object().unwrap() {
                for measure in ["ccc", "mse", "pearson"] {
                    let pooled = &ours["groups"][kind][name][measure]["pooled"];
                    assert_close(pooled, &scores[measure], &format!("{id} {name} {measure}"));
                }
            }
        }
        for (output, scores) in expected["per_output"].as_object().unwrap() {
            for measure in ["ccc", "mse", "pearson"] {
                let pooled = &ours["overall"]["per_output"][output][measure]["pooled"];
                assert_close(pooled, &scores[measure], &format!("{id} {output} {measure}"));
            }
        }
        let interval =
            |summary: &Value| -> [f64; 2] { serde_json::from_value(summary["ci95"].clone()).unwrap() };
        for (measure, ends) in expected["ends"].as_object().unwrap() {
            assert_within(interval(&ours["aggregate"][measure]), ends, &format!("{id} {measure}"));
        }
        let valence = &ours["overall"]["per_output"]["valence"]["ccc"];
        assert_within(interval(valence), &expected["valence_ends"], &format!("{id} valence"));
    }
}

#[test]
fn baselines_of_numbers_are_numpy_s() {
    let expected: Value = serde_json::from_str(&golden("outputs.json")).unwrap();
    let task = Task::Outputs(serde_json::from_value(expected["outputs"].clone()).unwrap());
    let (id, rows) = numbers().remove(0);
    let about = Description { id, params: [].into(), protocol: "p".into(), stamps: Vec::new(), task };
    let ours = serde_json::to_value(evaluate(about, &rows, None).unwrap().baselines).unwrap();
    assert_eq!(ours["chance"], 0.0);
    assert_close(&ours, &expected["baselines"], "baselines");
}

#[test]
fn differences_of_numbers_are_scipy_s() {
    let expected: Value = serde_json::from_str(&golden("outputs.json")).unwrap();
    assert_eq!(expected["resamples"], RESAMPLES);
    let task = Task::Outputs(serde_json::from_value(expected["outputs"].clone()).unwrap());
    let variants = numbers();
    let candidates: Vec<Candidate> =
        variants.iter().map(|(id, predictions)| Candidate { id, task: &task, predictions }).collect();
    let comparison = compare(&candidates, Measure::Ccc, None).unwrap();
    assert_eq!(comparison.pairs.len(), 3);
    for (pair, expected) in comparison.pairs.iter().zip(expected["pairs"].as_array().unwrap()) {
        let place = format!("{} − {}", pair.a, pair.b);
        assert_eq!([&pair.a, &pair.b], [&expected["a"], &expected["b"]].map(|id| id.as_str().unwrap()));
        let compared = compared(pair);
        let number = |field: &str| expected[field].as_f64().unwrap();
        assert!((compared.difference - number("difference")).abs() < 1e-12, "{place}");
        let bootstrap = compared.bootstrap.unwrap();
        assert_within(bootstrap.ci95, &expected["ends"], &place);
        let off = bootstrap.p - number("p");
        assert!(off.abs() <= number("p_error"), "{place}: p is off by {off}");
        assert!(compared.mcnemar.is_none() && compared.notes.is_empty());
    }
}
