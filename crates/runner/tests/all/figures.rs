//! Figures and their differences, from stored predictions to stored JSON.

use std::collections::BTreeMap;

use affekt_domain::{Fold, Prediction, Role, Target, Task};
use affekt_eval::{Comparison, Measure, Outcome, VariantMetrics};
use affekt_graph::Item;
use affekt_ops::{compare, evaluate};
use affekt_spec::{Settings, Spec, View};
use affekt_table::folds::{self, Folds};
use affekt_table::predictions::{self, Predictions};
use affekt_table::rows::{SplitRow, SplitRows};

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
        let params = evaluate::Params {
            variant: id.into(),
            params: Settings::default(),
            protocol: "random".into(),
            stamps: stamps.iter().map(|&stamp| stamp.to_owned()).collect(),
            selected_on_dev: true,
        }
        .view(View::Key);
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
            style: None,
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

/// A blind test part: figures are of the dev part, and say so, and whether it chose the epoch.
#[test]
fn figures_of_the_dev_part_say_so() {
    let bench = Bench::new();
    let blind = rows(|_| true).into_iter().map(|row| Prediction { truth: None, ..row });
    let dev = rows(|i| i > 5).into_iter().map(|row| Prediction { role: Role::Dev, ..row });
    let all = bench.predictions(blind.chain(dev).collect());
    let stamps = |selected_on_dev: bool| {
        let params = evaluate::Params {
            variant: "v".into(),
            params: Settings::default(),
            protocol: "official".into(),
            stamps: Vec::new(),
            selected_on_dev,
        }
        .view(View::Key);
        let outputs = bench.run("evaluate", params, &[("predictions", &[&all])]).unwrap();
        let metrics: VariantMetrics = json(&outputs["metrics"]);
        assert_eq!((metrics.part, metrics.withheld), (Role::Dev, 12));
        metrics.about.stamps
    };
    assert_eq!(stamps(true), ["dev part: the test labels are withheld", "selected on these rows"]);
    assert_eq!(stamps(false), ["dev part: the test labels are withheld"]);
}

/// Numbers instead of classes, from predictions and training rows to figures, and by CCC whatever the experiment asks for.
#[test]
fn numbers_are_evaluated_and_compared() {
    let bench = Bench::new();
    let task = Task::Outputs(vec!["x".into()]);
    let truth = |i: usize| i as f32 / 12.0;
    let stored = |said: fn(f32) -> f32| {
        let rows = rows(|_| true).into_iter().enumerate().map(|(i, row)| Prediction {
            truth: Some(Target::Values(vec![truth(i)])),
            outputs: vec![said(truth(i))],
            ..row
        });
        let path = bench.path("rows");
        predictions::write(&path, &Predictions { task: task.clone(), rows: rows.collect() }).unwrap();
        bench.adopt(&path)
    };
    let training = (0..4).map(|i| SplitRow {
        utterance: format!("C/t/{i}"),
        target: Some(Target::Values(vec![0.5])),
        corpus: "C".into(),
        speaker: "C/t".into(),
        session: None,
        sex: None,
        style: None,
    });
    let path = bench.path("training");
    let training = SplitRows { role: Role::Train, fold: 1, task: task.clone(), rows: training.collect() };
    affekt_table::rows::write(&path, &training).unwrap();
    let training = bench.adopt(&path);

    let evaluated = |id: &str, rows: &Item| {
        bench.evaluated(id, &[], &[("predictions", &[rows]), ("train", &[&training])])
    };
    let exact = evaluated("exact", &stored(|truth| truth));
    let metrics: VariantMetrics = json(&exact["metrics"]);
    assert_eq!(metrics.about.task, task);
    assert_eq!(metrics.aggregate.get(Measure::Ccc).unwrap().mean, 1.0);
    let mean = metrics.baselines.constant.baseline();
    assert_eq!((mean.fitted_on, mean.scores.get(Measure::Ccc)), (Role::Train, Some(&0.0)));

    let shifted = evaluated("shifted", &stored(|truth| truth + 0.5));
    let params = compare::Params { primary: "uar".into(), baseline: None }.view(View::Key);
    let tables = [&exact["predictions"], &shifted["predictions"]];
    let comparison: Comparison =
        json(&bench.run("compare", params, &[("predictions", &tables)]).unwrap()["comparison"]);
    assert_eq!(comparison.pairs[0].measure, Some(Measure::Ccc));
    let Outcome::Compared(compared) = &comparison.pairs[0].outcome else { panic!("{comparison:?}") };
    assert!(compared.difference > 0.5 && compared.bootstrap.is_some() && compared.mcnemar.is_none());
}

#[test]
fn finished_predictions_are_compared() {
    let bench = Bench::new();
    let finished = |id: &str, rows: Vec<Prediction>| {
        bench.evaluated(id, &[], &[("predictions", &[&bench.predictions(rows)])])["predictions"].clone()
    };
    let (good, bad) = (finished("good", rows(|_| true)), finished("bad", rows(|i| i > 5)));
    let params = |primary: &str, baseline: Option<&str>| {
        compare::Params { primary: primary.into(), baseline: baseline.map(str::to_owned) }.view(View::Key)
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
    assert!(unknown.contains("by `accuracy`: expected one of uar, wa, macro_f1, ccc"), "{unknown}");
    let mut mixed = rows(|_| true);
    mixed[3].variant = "other".into();
    let mixed = run(params("uar", None), &[&bench.predictions(mixed)]).unwrap_err().to_string();
    assert!(mixed.contains("expected one a table"), "{mixed}");
}
