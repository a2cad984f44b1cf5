//! What a search tries, and what is said of searches that make no sense.

use affekt_domain::Digest;
use affekt_graph::{Context, Failure, Job, Node, Ops, Store, Walk};
use affekt_pipeline::Compiled;
use serde_json::Value;

use crate::compiled::compiled;

const PIPELINE: &str = "\
defaults: { lr: 1e-3, bands: 64, stopping: { kind: early, monitor: dev-uar } }
nodes:
  audio: { op: audio, rate_hz: 8000, seconds: 1 }
  mfcc: { op: mfcc, in: audio, n_mels: $bands }
  train:
    op: train
    in: { features: mfcc, train: split.train, dev: split.dev }
    network: { kind: cnn }
    training: { lr: $lr, max_epochs: 9, stopping: $stopping, refit: best-epochs }
    per: [fold, seed]
  predict: { op: predict, in: { model: train, features: mfcc, rows: split.test }, per: [fold, seed] }
  metrics: { op: evaluate, in: { predictions: predict } }
";

fn with_search(tune: &str, settings: &[&str]) -> (Option<Compiled>, String) {
    let experiment = format!(
        "name: own\ncorpora: {{ ravdess: }}\nuse: own-pipeline.yaml\ntune: {tune}\n\
         protocol: {{ kind: group-kfold, group: speaker, folds: 3, dev: next-fold, seeds: [1, 2] }}\n"
    );
    compiled(&experiment, PIPELINE, settings)
}

/// Ops that are never run.
struct Planned;

impl Ops for Planned {
    fn fingerprint(&self, _: &Node, _: bool, _: &mut dyn Context) -> Result<Option<Digest>, Failure> {
        Ok(None)
    }

    fn run(&self, job: &Job, _: &mut dyn Context) -> Result<(), Failure> {
        Err(Failure::Failed { message: format!("`{}` was run", job.node) })
    }
}

/// The nodes of a plan: name, seed, parameters and names of what it reads.
fn planned(tune: &str, settings: &[&str]) -> Vec<(String, Option<u64>, Value, Vec<String>)> {
    let (compiled, told) = with_search(tune, settings);
    let graph = compiled.unwrap_or_else(|| panic!("{told}")).graph;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut walk = Walk::new(graph, &store, &Planned, None);
    walk.advance().unwrap();
    let shown = |node: &Node| {
        let reads = node.inputs.iter().flat_map(|input| &input.from).map(|from| from.node().to_string());
        (node.id.to_string(), node.seed, (*node.params).clone(), reads.collect())
    };
    walk.graph().nodes().values().map(shown).collect()
}

/// The learning rates of the trials of fold 1 that a plan knows.
fn rates(tune: &str) -> Vec<f64> {
    let nodes = planned(tune, &[]);
    let of_fold = nodes.iter().filter(|(id, ..)| id.starts_with("trial[fold=1,"));
    of_fold.map(|(.., params, _)| params["training"]["lr"].as_f64().unwrap()).collect()
}

#[test]
fn each_fold_is_searched_once_and_every_seed_trained_with_its_choice() {
    let nodes = planned("{ by: hyperband, max_epochs: 9, seed: 7, space: { lr: [1e-1, 1e-2, 1e-3] } }", &[]);
    let find = |id: &str| nodes.iter().find(|(name, ..)| name == id).unwrap_or_else(|| panic!("no {id}"));
    let trials = nodes.iter().filter(|(id, ..)| id.starts_with("trial[")).count();
    assert_eq!(trials, 3 * 3, "three settings, in each of three folds");
    let (_, seed, params, reads) = find("trial[fold=2,trial=1,epochs=1]");
    assert_eq!(*seed, Some(7));
    assert_eq!(params["epochs"], serde_json::json!({ "from": 0, "until": 1 }));
    assert_eq!(
        (&params["training"]["max_epochs"], &params["training"]["refit"]),
        (&9.into(), &"none".into())
    );
    assert!(reads.contains(&"split[fold=2]".to_owned()), "{reads:?}");
    for seed in 1..=2 {
        let (_, own, params, reads) = find(&format!("train[fold=2,seed={seed}]"));
        assert_eq!((*own, &params["training"]["refit"]), (Some(seed), &"best-epochs".into()));
        assert!(reads.contains(&"tune[fold=2]".to_owned()), "{reads:?}");
    }
    find("tune[fold=2,rung=1]");
}

#[test]
fn what_is_tried_is_what_the_search_says() {
    assert_eq!(
        rates("{ by: grid, space: { lr: [1e-1, 1e-3, 1e-2] } }"),
        [0.1, 0.001, 0.01],
        "in their order"
    );
    let mut drawn = rates("{ by: random, trials: 2, space: { lr: [1e-1, 1e-3, 1e-2] } }");
    assert_eq!(drawn.len(), 2);
    drawn.dedup();
    assert_eq!(drawn.len(), 2, "none twice");
    let few = rates("{ by: random, trials: 9, space: { lr: [1e-1, 1e-3] } }");
    assert_eq!(few.len(), 2, "there are no more");
    let anything = "{ by: random, trials: 9, seed: S, space: { lr: { from: 1e-5, to: 1e-1, scale: log } } }";
    let [first, again, other] = ["1", "1", "2"].map(|seed| rates(&anything.replace('S', seed)));
    assert_eq!(first.len(), 9);
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[test]
fn without_a_search_nothing_is_searched_for() {
    let tune = "{ by: grid, space: { lr: [1e-1] } }";
    let with = planned(tune, &["tune=none"]);
    assert!(with.iter().all(|(id, ..)| !id.starts_with("tune") && !id.starts_with("trial")));
    let (_, _, _, reads) = with.iter().find(|(id, ..)| id == "train[fold=1,seed=1]").unwrap();
    assert!(!reads.iter().any(|id| id.starts_with("tune")));
}

/// Nothing stops early, and nothing is chosen on.
const FIXED: &[&str] =
    &["protocol.dev=none", "with.stopping={kind: fixed}", "with.train.training.refit=none"];

#[test]
fn mistakes_are_told() {
    let said = |tune: &str, settings: &[&str], expected: &str| {
        let (compiled, told) = with_search(tune, settings);
        assert!(compiled.is_none() && told.contains(expected), "{told}");
    };
    said("{ by: grid }", &[], "`tune` needs `space`");
    said("{ by: magic, space: { lr: [1] } }", &[], "unknown by `magic`");
    said("{ by: grid, space: {} }", &[], "`space` names no setting to try");
    said("{ by: random, space: { lr: [1e-2] } }", &[], "`tune` needs `trials`");
    said(
        "{ by: grid, space: { lr: { from: 0.1, to: 0.2 } } }",
        &[],
        "a grid over `lr` needs to know which values",
    );
    said(
        "{ by: grid, space: { lr: [1e-2, 99] } }",
        &[],
        "expected a number between 1e-12 and 10, found `99`",
    );
    said(
        "{ by: grid, space: { lr: { from: 1e-2, to: 100, factor: 10 } } }",
        &[],
        "expected a number between 1e-12 and 10, found `{ from: 1e-2, to: 100, factor: 10 }",
    );
    said("{ by: grid, space: { rl: [1e-2] } }", &[], "unknown variable `rl`");
    said(
        "{ by: grid, space: { bands: [32, 64] } }",
        &[],
        "`bands` changes `mfcc`, and a search tries what `train` is told alone",
    );
    said("{ by: grid, space: { lr: [1] }, step: trian }", &[], "unknown training `trian`");
    said("{ by: grid, space: { lr: [1] } }", FIXED, "stops by no figure");
    said(
        "{ by: grid, monitor: dev-loss, space: { lr: [1] } }",
        FIXED,
        "`tune` chooses on the dev part, and the protocol has none",
    );
}
