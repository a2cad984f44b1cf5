//! Figures and their differences, from stored predictions to stored JSON.

use std::collections::BTreeMap;

use affekt_domain::{Fold, Prediction, Role, Target, Task};
use affekt_eval::{Comparison, Outcome, VariantMetrics};
use affekt_graph::Item;
use affekt_ops::{compare, evaluate};
use affekt_table::folds::{self, Folds};
use affekt_table::predictions::{self, Predictions};

use crate::bench::{Bench, Inputs};

impl Bench {
    fn folds(&self, stamps: &[&str]) -> Item {
        let fold = Fold::new(1, [("C/0/0".to_owned(), Role::Test)]).unwrap();
        let stamps = stamps.iter().map(|&stamp| stamp.to_owned()).collect();
        let path = self.path("folds");
        folds::write(&path, &Folds { protocol: "{}".into(), stamps, folds: vec![fold] }).unwrap();
        self.adopt(&path)
    }

    fn predictions(&self, rows: Vec<Prediction>) -> Item {
        let path = self.path("rows");
        predictions::write(&path, &Predictions { task: Task::Classes(vec!["a".into(), "b".into()]), rows })
            .unwrap();
        self.adopt(&path)
    }

    fn evaluated(&self, id: &str, stamps: &[&str], inputs: &Inputs) -> BTreeMap<String, Item> {
        let params = evaluate::params(&evaluate::Params {
            variant: id.into(),
            params: BTreeMap::new(),
            protocol: "random".into(),
            stamps: stamps.iter().map(|&stamp| stamp.to_owned()).collect(),
        });
        self.run("evaluate", params, inputs).unwrap()
    }
}

/// Two utterances of each of six speakers, as `predict` leaves them: without a variant.
fn rows(is_right: impl Fn(usize) -> bool) -> Vec<Prediction> {
    let row = |i: usize| {
        let label = if i.is_multiple_of(2) { "a" } else { "b" };
        let says_a = (label == "a") == is_right(i);
        Prediction {
            variant: String::new(),
            utterance: format!("C/{}/{i}", i / 2),
            corpus: "C".into(),
            speaker: format!("C/{}", i / 2),
            session: None,
            sex: None,
            fold: 1,
            seed: 1,
            role: Role::Test,
            truth: Some(Target::Class(label.into())),
            outputs: if says_a { vec![1.0, 0.0] } else { vec![0.0, 1.0] },
        }
    };
    (0..12).map(row).collect()
}

fn json<T: serde::de::DeserializeOwned>(item: &Item) -> T {
    serde_json::from_slice(&std::fs::read(&item.path).unwrap()).unwrap()
}

#[test]
fn stamps_are_those_of_the_folds_and_the_variant() {
    let bench = Bench::new();
    let rows = bench.predictions(rows(|_| true));
    let folds = bench.folds(&["speakers shared", "audio shared"]);
    let stamps = |inputs: &Inputs| {
        let outputs = bench.evaluated("v", &["chosen on test", "speakers shared"], inputs);
        json::<VariantMetrics>(&outputs["metrics"]).about.stamps
    };
    let with_folds = stamps(&[("predictions", &[&rows]), ("folds", &[&folds])]);
    assert_eq!(with_folds, ["speakers shared", "audio shared", "chosen on test"]);
    assert_eq!(stamps(&[("predictions", &[&rows])]), ["chosen on test", "speakers shared"]);
}

#[test]
fn finished_predictions_are_compared() {
    let bench = Bench::new();
    let finished = |id: &str, rows: Vec<Prediction>| {
        bench.evaluated(id, &[], &[("predictions", &[&bench.predictions(rows)])])["predictions"].clone()
    };
    let (good, bad) = (finished("good", rows(|_| true)), finished("bad", rows(|i| i > 5)));
    let params = |primary: &str, baseline: Option<&str>| {
        compare::params(&compare::Params { primary: primary.into(), baseline: baseline.map(str::to_owned) })
    };
    let run = |params, items: &[&Item]| bench.run("compare", params, &[("predictions", items)]);

    let outputs = run(params("wa", None), &[&good, &bad]).unwrap();
    let comparison: Comparison = json(&outputs["comparison"]);
    let [pair] = &comparison.pairs[..] else { panic!("{comparison:?}") };
    let Outcome::Compared(compared) = &pair.outcome else { panic!("{pair:?}") };
    assert_eq!((&pair.a[..], &pair.b[..], compared.difference, compared.clusters), ("good", "bad", 0.5, 6));
    assert_eq!(compared.mcnemar.as_ref().unwrap().p, 2.0 / 64.0);

    let with_baseline: Comparison =
        json(&run(params("uar", Some("good")), &[&good, &bad]).unwrap()["comparison"]);
    assert_eq!((&with_baseline.pairs[0].a[..], &with_baseline.pairs[0].b[..]), ("bad", "good"));

    let unknown = run(params("accuracy", None), &[&good, &bad]).unwrap_err().to_string();
    assert!(unknown.contains("no measure `accuracy`: expected one of uar, wa, macro_f1"), "{unknown}");
    let mut mixed = rows(|_| true);
    mixed[3].variant = "other".into();
    let mixed = run(params("uar", None), &[&bench.predictions(mixed)]).unwrap_err().to_string();
    assert!(mixed.contains("expected one a table"), "{mixed}");
}
