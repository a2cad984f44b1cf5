//! The audit of fits: which node learns from which rows of which fold, and that none of them are test rows.

use std::fs;

use serde_json::{Value, json};

use crate::binaries::workspace;
use crate::lab::{Lab, TINY};

/// A lab with [`TINY`] under another protocol and with an edited pipeline.
fn lab(protocol: &str, old: &str, new: &str) -> Lab {
    let lab = Lab::tiny();
    let pipeline = fs::read_to_string(workspace().join("pipelines/cnn.yaml")).unwrap();
    assert!(pipeline.contains(old), "`{old}` in\n{pipeline}");
    lab.write("own.yaml", &pipeline.replace(old, new));
    let kfold = "kind: group-kfold, group: speaker, folds: 3, dev: next-fold";
    lab.write("tiny.yaml", &TINY.replace("pipelines/cnn.yaml", "own.yaml").replace(kfold, protocol));
    lab
}

fn fits(lab: &Lab, more: &[&str]) -> Vec<Value> {
    let audit = lab.xtask(&[&["audit", "tiny.yaml", "--json"], more].concat()).expect(0).json();
    audit["fits"].as_array().unwrap().clone()
}

/// What a node learns from: port, role, fold, speakers, test rows.
fn on(fits: &[Value], id: &str) -> Value {
    let fit = fits.iter().find(|fit| fit["node"] == id).unwrap_or_else(|| panic!("no `{id}` in {fits:#?}"));
    let on = fit["on"].as_array().unwrap().iter();
    on.map(|on| json!([on["port"], on["role"], on["fold"], on["speakers"], on["test_rows"]])).collect()
}

#[test]
fn everything_that_learns_is_listed_with_its_rows() {
    let lab = Lab::tiny();
    let fits = fits(&lab, &[]);
    let ids: Vec<&str> = fits.iter().map(|fit| fit["node"].as_str().unwrap()).collect();
    assert_eq!(
        ids,
        [
            "standardise[fold=1]",
            "standardise[fold=2]",
            "standardise[fold=3]",
            "train[fold=1,seed=1]",
            "train[fold=2,seed=1]",
            "train[fold=3,seed=1]",
            "metrics",
        ]
    );
    assert_eq!(on(&fits, "standardise[fold=2]"), json!([["train", "train", 2, 1, 0]]));
    assert_eq!(
        on(&fits, "train[fold=3,seed=1]"),
        json!([["train", "train", 3, 1, 0], ["dev", "dev", 3, 1, 0]])
    );
    assert_eq!(on(&fits, "metrics").as_array().unwrap().len(), 3, "baselines are fitted fold by fold");
    assert!(fits.iter().flat_map(|fit| fit["on"].as_array().unwrap()).all(|on| {
        on["rows"].as_u64() > Some(0) && on["test_speakers"] == 0 && on["permitted"] == Value::Null
    }));

    let text = lab.xtask(&["audit", "tiny.yaml", "--set", "protocol.seeds=[1, 2, 3]"]).expect(0).stdout;
    assert!(text.contains("  train[fold=2,seed=1] and 2 more\n    train on train of fold 2: "), "{text}");
    assert!(text.contains(" rows of 1 speakers; 0 test rows, 0 test speakers\n"), "{text}");
}

#[test]
fn folds_that_only_the_examples_tell_are_listed_too() {
    let lab = lab("kind: leave-one-group-out, group: speaker, dev: next-group", "nodes:", "nodes:");
    assert_eq!(on(&fits(&lab, &[]), "standardise[fold=3]"), json!([["train", "train", 3, 1, 0]]));
    assert!(!lab.path("runs").exists(), "an audit is no run");
}

#[test]
fn permitted_test_rows_are_counted() {
    let kfold = "kind: group-kfold, group: speaker, folds: 3, dev: next-fold";
    let lab = lab(kfold, "dev: split.dev, standardise", "dev: split.test, standardise");
    let unsafe_ = ["--set", "unsafe=[selection-on-test]"];
    let chosen_on = fits(&lab, &unsafe_);
    let dev = &chosen_on.iter().find(|fit| fit["node"] == "train[fold=1,seed=1]").unwrap()["on"][1];
    assert_eq!((&dev["role"], &dev["permitted"]), (&json!("test"), &json!("selection-on-test")));
    assert!(dev["test_rows"] == dev["rows"] && dev["test_speakers"] == 1, "{dev:#}");
    let text = lab.xtask(&[&["audit", "tiny.yaml"], &unsafe_[..]].concat()).expect(0).stdout;
    assert!(
        text.contains("dev on test of fold 1: ") && text.contains("permitted by `selection-on-test`"),
        "{text}"
    );
}

#[test]
fn speakers_of_test_rows_are_counted_where_they_are_shared() {
    let lab = lab("kind: random, test: 0.3, dev: 0.3", "nodes:", "nodes:");
    let fits = fits(&lab, &["--set", "unsafe=[shared-speakers]"]);
    let train = &fits.iter().find(|fit| fit["node"] == "train[fold=1,seed=1]").unwrap()["on"][0];
    assert!(train["test_rows"] == 0 && train["test_speakers"].as_u64() > Some(0), "{train:#}");
}
