//! The op `standardise`: whose values its numbers come from.

use std::collections::BTreeMap;

use affekt_domain::{Role, Target, Task};
use affekt_features::{Scale, Standardiser};
use affekt_graph::{Failure, Item, Object};
use affekt_ops::standardise;
use affekt_table::features::FeatureWriter;
use affekt_table::rows::{self, SplitRow, SplitRows};

use crate::bench::Bench;

/// A bench with features of one band and two frames.
struct Fitting {
    bench: Bench,
    features: Item,
}

impl Fitting {
    /// Speakers A and B, two recordings each, C with one; A's first has a copy, far off.
    fn new() -> Self {
        let bench = Bench::new();
        let path = bench.path("features");
        let mut writer = FeatureWriter::create(&path, &[1, 2]).unwrap();
        for (utterance, copy, frames) in [
            ("A/1", 0, [0.0, 2.0]),
            ("A/1", 1, [100.0, 100.0]),
            ("A/2", 0, [4.0, 6.0]),
            ("B/1", 0, [10.0, 10.0]),
            ("B/2", 0, [14.0, 14.0]),
            ("C/1", 0, [-3.0, -1.0]),
        ] {
            writer.push(utterance, copy, &frames).unwrap();
        }
        writer.finish().unwrap();
        let features = bench.adopt(&path);
        Self { bench, features }
    }

    fn rows(&self, role: Role, fold: u32, utterances: &[&str]) -> Item {
        let row = |utterance: &&str| SplitRow {
            utterance: (*utterance).into(),
            target: Some(Target::Class("sad".into())),
            corpus: "K".into(),
            speaker: utterance[..1].into(),
            session: None,
            sex: None,
            style: None,
        };
        let rows = SplitRows {
            role,
            fold,
            task: Task::Classes(vec!["happy".into(), "sad".into()]),
            rows: utterances.iter().map(row).collect(),
        };
        let path = self.bench.path("rows");
        rows::write(&path, &rows).unwrap();
        self.bench.adopt(&path)
    }

    fn fit(&self, by: &str, train: &Item, enrol: &[&Item]) -> Result<standardise::Fitted, Failure> {
        let inputs = [("features", &[&self.features][..]), ("train", &[train]), ("enrol", enrol)];
        let fitted =
            &self.bench.run("standardise", serde_json::json!({ "by": by }), &inputs)?["standardiser"];
        standardise::read(&Object::open(&fitted.path, fitted.digest)?)
    }
}

fn message(result: Result<standardise::Fitted, Failure>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn global_and_band_see_what_training_sees() {
    let bench = Fitting::new();
    let fit = |by, utterances: &[&str]| bench.fit(by, &bench.rows(Role::Train, 2, utterances), &[]).unwrap();
    // With the copy: 0 2 100 100. Its mean is 50.5, the squared deviations add up to 2·49.5² + 50.5² + 48.5².
    let std = ((2.0 * 49.5_f64.powi(2) + 50.5_f64.powi(2) + 48.5_f64.powi(2)) / 4.0).sqrt() as f32;
    let scale = Scale { mean: 50.5, std };
    let global = fit("global", &["A/1"]);
    assert_eq!((global.version, global.fold), (standardise::VERSION, 2));
    assert_eq!(global.standardiser, Standardiser::Global(scale));
    assert_eq!(fit("band", &["A/1"]).standardiser, Standardiser::Band { bands: vec![scale] });
    assert_eq!(fit("utterance", &["A/1"]).standardiser, Standardiser::Utterance);
    assert_eq!(fit("none", &["A/1"]).standardiser, Standardiser::None);
}

#[test]
fn speakers_are_known_by_their_own_originals() {
    let bench = Fitting::new();
    let train = &bench.rows(Role::Train, 1, &["A/1", "A/2"]);
    let speakers = |fitted: standardise::Fitted| match fitted.standardiser {
        Standardiser::Speaker { speakers } => speakers,
        other => panic!("{other:?}"),
    };
    let a = Scale { mean: 3.0, std: 5.0_f32.sqrt() };
    let alone = speakers(bench.fit("speaker", train, &[]).unwrap());
    assert_eq!(alone, BTreeMap::from([("A".into(), vec![a])]));

    let dev = bench.rows(Role::Dev, 1, &["B/1", "B/2"]);
    let test = bench.rows(Role::Test, 1, &["C/1"]);
    let enrolled = speakers(bench.fit("speaker", train, &[&dev, &test]).unwrap());
    let b = Scale { mean: 12.0, std: 2.0 };
    let c = Scale { mean: -2.0, std: 1.0 };
    let expected = [("A".into(), vec![a]), ("B".into(), vec![b]), ("C".into(), vec![c])];
    assert_eq!(enrolled, BTreeMap::from(expected));

    // Where a training speaker is heard in the test rows too, those change nothing.
    let test = bench.rows(Role::Test, 1, &["A/2", "C/1"]);
    let fitted = bench.fit("speaker", &bench.rows(Role::Train, 1, &["A/1"]), &[&test]).unwrap();
    assert_eq!(speakers(fitted)["A"], [Scale { mean: 1.0, std: 1.0 }]);
}

#[test]
fn what_must_not_be_read_is_refused() {
    let bench = Fitting::new();
    let train = &bench.rows(Role::Train, 1, &["A/1", "A/2"]);
    let test = &bench.rows(Role::Test, 1, &["B/1"]);
    for by in ["global", "band", "utterance"] {
        let error = message(bench.fit(by, train, &[test]));
        assert!(error.contains("leave `enrol` out, or standardise `by: speaker`"), "{error}");
        assert!(error.contains(&format!("`by: {by}`")), "{error}");
    }
    let error = message(bench.fit("global", test, &[]));
    assert!(error.contains("rows/train") && error.contains("rows/test"), "{error}");
    let error = message(bench.fit("speaker", train, &[train]));
    assert!(error.contains("rows/train"), "{error}");
    let other_fold = bench.rows(Role::Test, 2, &["B/1"]);
    let error = message(bench.fit("speaker", train, &[&other_fold]));
    assert_eq!(error, "the training rows are of fold 1 and those enrolled of fold 2");
    let error = message(bench.fit("global", &bench.rows(Role::Train, 1, &["D/1"]), &[]));
    assert_eq!(error, "no features of `D/1`");
}
