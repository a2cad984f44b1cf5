//! Profiles: what they win over and what wins over them, what they leave in keys, and what is said of wrong ones.

use affekt_pipeline::Compiled;
use serde_json::{Value, json};

use crate::compiled::compiled;

const PIPELINE: &str = "\
defaults: { lr: 1e-3, batch_size: 32, max_epochs: 100, bands: 64 }
profiles:
  tiny: { lr: 1e-2, batch_size: 4, max_epochs: 2 }
  small: { max_epochs: 9 }
nodes:
  audio: { op: audio, rate_hz: 8000, seconds: 1 }
  mfcc: { op: mfcc, in: audio, n_mels: $bands }
  train:
    op: train
    in: { features: mfcc, train: split.train }
    network: { kind: cnn }
    training: { lr: $lr, batch_size: $batch_size, max_epochs: $max_epochs, stopping: { kind: fixed } }
    per: [fold, seed]
  predict: { op: predict, in: { model: train, features: mfcc, rows: split.test }, per: [fold, seed] }
  metrics: { op: evaluate, in: { predictions: predict } }
";

const EXPERIMENT: &str = "\
name: own
corpora: { ravdess: }
protocol: { kind: group-kfold, group: speaker, folds: 3, dev: none, seeds: [1, 2, 3] }
use: own-pipeline.yaml
with: { lr: 3e-3 }
profiles:
  tiny: { protocol.seeds: [1], with.bands: 16, variants.slow.with.batch_size: 2 }
variants:
  slow: { with.max_epochs: 50 }
  fast: {}
";

fn sound(settings: &[&str]) -> Compiled {
    let (compiled, told) = compiled(EXPERIMENT, PIPELINE, settings);
    compiled.unwrap_or_else(|| panic!("{told}"))
}

/// The parameters of the training called `id`.
fn training(compiled: &Compiled, id: &str) -> Value {
    let at = compiled.graph.find(id);
    let node = at.map(|at| &compiled.graph.nodes()[at]);
    let node = node.unwrap_or_else(|| panic!("there is no `{id}`"));
    let training = &node.params["training"];
    json!([training["lr"], training["batch_size"], training["max_epochs"]])
}

const SLOW: &str = "train[variant=slow,fold=*,seed=1]";
const FAST: &str = "train[variant=fast,fold=*,seed=1]";

#[test]
fn without_a_profile_nothing_of_it_is_there() {
    for none in [&[][..], &["profile=none"], &["profile="]] {
        let whole = sound(none);
        assert_eq!(whole.profile, None);
        assert_eq!(training(&whole, SLOW), json!([3e-3, 32, 50]));
        assert_eq!(training(&whole, FAST), json!([3e-3, 32, 100]));
    }
}

#[test]
fn each_strength_wins_over_the_one_before() {
    let tiny = sound(&["profile=tiny"]);
    assert_eq!(tiny.profile.as_deref(), Some("tiny"));
    // The rate is the file's, the batches the pipeline's profile or the file's own for one variant, and the epochs that
    // variant's or the pipeline's profile.
    assert_eq!(training(&tiny, SLOW), json!([3e-3, 2, 50]));
    assert_eq!(training(&tiny, FAST), json!([3e-3, 4, 2]));
    assert!(tiny.graph.find("train[variant=fast,fold=*,seed=2]").is_none(), "one seed");
    assert!(tiny.resolved.experiment.contains("profile: tiny"), "{}", tiny.resolved.experiment);

    let told = sound(&["profile=tiny", "with.batch_size=7", "variants.slow.with.max_epochs=3"]);
    assert_eq!(training(&told, SLOW), json!([3e-3, 7, 3]));
    assert_eq!(training(&told, FAST), json!([3e-3, 7, 2]));
}

#[test]
fn keys_hold_what_a_profile_sets_and_not_its_name() {
    let tiny = sound(&["profile=tiny"]);
    let by_hand = sound(&[
        "with.bands=16",
        "protocol.seeds=[1]",
        "variants.slow.with.batch_size=2",
        "variants.fast.with.batch_size=4",
        "variants.fast.with.max_epochs=2",
    ]);
    let nodes = |compiled: &Compiled| -> Vec<String> {
        let nodes = compiled.graph.nodes().values().filter(|node| node.op != "evaluate");
        nodes.map(|node| format!("{} {:?}", node.id, affekt_graph::parts(node, &[], None))).collect()
    };
    assert_eq!(nodes(&tiny), nodes(&by_hand));
}

#[test]
fn a_profile_that_nobody_has_is_said_with_those_there_are() {
    let (none, told) = compiled(EXPERIMENT, PIPELINE, &["profile=tinny"]);
    assert!(none.is_none());
    assert_eq!(
        told,
        "\
error: unknown profile `tinny`
 --> command line:1:15
  |
1 | --set profile=tinny
  |               ^^^^^
hint: did you mean `tiny`? the experiment and `own-pipeline.yaml` have `tiny`, `small`
"
    );
    let chosen = EXPERIMENT.replace("profiles:", "profile: large\nprofiles:");
    let (_, told) = compiled(&chosen, PIPELINE, &[]);
    assert!(told.contains("error: unknown profile `large`\n --> own.yaml:6:10\n"), "{told}");
    // A pipeline's own are enough.
    assert_eq!(training(&sound(&["profile=small"]), FAST), json!([3e-3, 32, 9]));
}

#[test]
fn what_a_profile_sets_must_be_there_whether_it_is_chosen_or_not() {
    let pipeline = PIPELINE.replace("small: { max_epochs", "small: { max_epoch: 1, max_epochs");
    let experiment = EXPERIMENT.replace(
        "profiles:\n",
        "profiles:\n  other: { with.band: 1, with.mfc.n_mels: 8, variants.slo.labels: native, profile: tiny }\n",
    );
    let (none, told) = compiled(&experiment, &pipeline, &[]);
    assert!(none.is_none());
    let firsts: Vec<&str> = told
        .lines()
        .filter(|line| ["error", " -->", "hint"].iter().any(|start| line.starts_with(start)))
        .collect();
    assert_eq!(
        firsts,
        [
            "error: unknown variable `max_epoch`",
            " --> own-pipeline.yaml:4:12",
            "hint: did you mean `max_epochs`? the pipeline has `bands`, `batch_size`, `lr`, `max_epochs`",
            "error: unknown variable `band`",
            " --> own.yaml:7:12",
            "hint: did you mean `bands`? the pipeline has `bands`, `batch_size`, `lr`, `max_epochs`",
            "error: unknown node `mfc`",
            " --> own.yaml:7:26",
            "hint: did you mean `mfcc`? the pipeline has `audio`, `mfcc`, `train`, `predict`, `metrics`",
            "error: unknown variant `slo`",
            " --> own.yaml:7:46",
            "hint: did you mean `slow`? there are `slow`, `fast`",
            "error: a profile chooses no profile",
            " --> own.yaml:7:75",
        ]
    );
}

#[test]
fn variants_and_sweeps_choose_no_profile() {
    let experiment = EXPERIMENT.replace("fast: {}", "fast: { profile: tiny }")
        + "sweep: { product: { profile: [tiny] } }\n";
    let (_, told) = compiled(&experiment, PIPELINE, &[]);
    assert_eq!(told.matches("error: a profile is chosen for all variants together").count(), 2, "{told}");
    let (_, told) = compiled(&EXPERIMENT.replace("tiny:", "none:"), PIPELINE, &[]);
    assert!(told.contains("`none` cannot be a profile's name: it chooses none"), "{told}");
}
