//! The published variants of systems A and B as they are shipped, against the values of their documents: what their nodes
//! are given once pipelines, variants and sweeps are resolved. `ours` marks what the documents leave open.

use std::collections::{BTreeMap, BTreeSet};

use affekt_pipeline::{Compiled, Published, Variant};
use affekt_spec::protocol::{Protocol, Random};
use serde_json::{Value, json};

use crate::compiled;

const FOUR: [&str; 4] = ["CREMA-D", "RAVDESS", "SAVEE", "TESS"];
const KERAS: &str = "keras";

fn shipped(name: &str) -> Compiled {
    compiled::shipped(name, &[], BTreeSet::new())
}

fn variant<'c>(compiled: &'c Compiled, id: &str) -> &'c Variant {
    let known = compiled.variants.iter().find(|variant| variant.id == id);
    let ids: Vec<_> = compiled.variants.iter().map(|variant| &variant.id).collect();
    known.unwrap_or_else(|| panic!("{}: no variant `{id}` among {ids:?}", compiled.name))
}

/// The parameters of the one node of `op`, or of several that are given the same. A training that is searched for is what its
/// search is made from.
fn parameters(compiled: &Compiled, op: &str) -> Value {
    let is_meant = |found: &str| found == op || (op == "train" && found == "tune");
    let mut found: Vec<Value> = Vec::new();
    for node in compiled.graph.nodes().values().filter(|node| is_meant(&node.op)) {
        let params = Value::clone(&node.params);
        if !found.contains(&params) {
            found.push(params);
        }
    }
    assert_eq!(found.len(), 1, "{}: `{op}` {found:?}", compiled.name);
    found.remove(0)
}

/// Checks that everything expected is there as expected; null stands for what is left out.
fn holds(what: &str, found: &Value, expected: &Value) {
    match expected {
        Value::Object(expected) => {
            for (key, expected) in expected {
                holds(&format!("{what}.{key}"), &found[key], expected);
            }
        }
        Value::Number(number) if number.is_f64() => assert_eq!(found.as_f64(), number.as_f64(), "{what}"),
        _ => assert_eq!(found, expected, "{what}"),
    }
}

/// Checks the corpora, the label scheme and the split of a variant, and what its nodes are given, by op.
fn is(compiled: &Compiled, id: &str, corpora: &[&str], labels: &str, split: &Random, expected: &Value) {
    let variant = variant(compiled, id);
    let others = compiled.variants.iter().map(|variant| variant.id.clone()).filter(|other| other != id);
    let alone = compiled::shipped(&compiled.name, &[], others.collect());
    assert!(variant.corpora.keys().eq(corpora.iter().copied()), "{id}: {:?}", variant.corpora.keys());
    assert!(variant.corpora.values().all(|scheme| scheme.name == labels), "{id}");
    assert_eq!(variant.protocol, Protocol::Random(split.clone()), "{id}");
    for (op, expected) in expected.as_object().unwrap() {
        let what = format!("{} {id}: {op}", compiled.name);
        holds(&what, &parameters(&alone, op), expected);
    }
}

fn split(test: f64, dev: f64, stratify: bool) -> Random {
    Random { test, dev, stratify, split_seed: 0 }
}

/// What B1, B2 and B3 have in common: network, how it is trained, with noisy copies or without.
fn from_scratch(network: &str, training: &Value) -> Value {
    let mut training = training.clone();
    let common = json!({
        "optimiser": "adam", "defaults": KERAS, "loss": "cross-entropy", "weight_decay": 0.0, "refit": "none",
        "class_weights": "none", "schedule": { "kind": "constant" }, "batch_size": 32, /* ours */
    });
    training.as_object_mut().unwrap().extend(common.as_object().unwrap().clone());
    json!({
        "audio": { "rate_hz": 16_000, "seconds": 3.0, "fill": "zeros" },
        "standardise": { "by": "none" },
        "train": {
            "network": {
                "kind": network, "channels": [16, 32, 64], "pools": [2, 4, 4], "dropout": 0.3, "norm_axis": "time",
                "defaults": KERAS,
            },
            "training": training,
        },
    })
}

fn with(mut expected: Value, op: &str, params: Value) -> Value {
    expected[op] = params;
    expected
}

fn awgn() -> Value {
    json!({ "copies": 2, "snr_db": [15.0, 30.0] })
}

fn mfcc() -> Value {
    json!({ "n_fft": 2048, "hop_length": 512, "n_mels": 128, "n_mfcc": 128 })
}

fn logmel(hop_length: usize) -> Value {
    json!({ "n_fft": 2048, "hop_length": hop_length, "n_mels": 128, "reference": "max", "top_db": 80.0 })
}

#[test]
fn b1_the_single_cnn() {
    let training = json!({ "lr": 1e-2, "max_epochs": 67, "stopping": { "kind": "fixed" } });
    let expected = with(with(from_scratch("cnn", &training), "awgn", awgn()), "mfcc", mfcc());
    is(&shipped("cnn"), "published", &FOUR, "seven-as-published", &split(0.1, 0.1, true), &expected);
}

#[test]
fn b1_its_tuning() {
    let stopping = json!({ "kind": "early", "monitor": "dev-accuracy", "patience": 100 });
    let training = json!({ "max_epochs": 100, "stopping": stopping });
    let expected = with(with(from_scratch("cnn", &training), "awgn", awgn()), "mfcc", mfcc());
    let mut expected = expected;
    expected["train"]["training"]["refit"] = json!("best-epochs");
    let compiled = shipped("cnn-tuning");
    is(&compiled, "published", &FOUR, "seven-as-published", &split(0.1, 0.1, true), &expected);
}

#[test]
fn b2_two_cnns() {
    let stopping = json!({ "kind": "early", "monitor": "dev-loss", "patience": 10 });
    let training = json!({ "lr": 1e-4, "max_epochs": 100, "stopping": stopping });
    let expected = with(with(from_scratch("two-cnns", &training), "awgn", awgn()), "mfcc", mfcc());
    is(&shipped("two-cnns"), "published", &FOUR, "seven-as-published", &split(0.1, 0.1, true), &expected);
}

#[test]
fn b3_two_cnns_beside_a_transformer() {
    let compiled = shipped("parallel-cnn");
    let cells: Vec<_> =
        compiled.variants.iter().filter(|variant| variant.id.starts_with("published")).collect();
    assert_eq!(cells.len(), 5);
    for cell in cells {
        let is_mfcc = cell.params["with.features"] == "mfcc";
        let is_noisy = cell.params["with.waveforms"] == "awgn";
        let is_coarse = cell.params.contains_key("with.mel_hop");
        let patience = if is_noisy { 10 } else { 20 };
        let stopping = json!({ "kind": "early", "monitor": "dev-loss", "patience": patience });
        let training = json!({ "lr": 1e-4, "max_epochs": 100, "stopping": stopping });
        let mut expected = from_scratch("parallel-cnn", &training);
        expected["train"]["network"]["transformer"] =
            json!({ "layers": 4, "heads": 4, "feed_forward": 512, "dropout": 0.4, "positions": "none" });
        expected = match (is_mfcc, is_coarse) {
            (true, _) => with(expected, "mfcc", mfcc()),
            (false, false) => with(expected, "logmel", logmel(256)),
            (false, true) => with(expected, "logmel", logmel(512)),
        };
        if is_noisy {
            expected = with(expected, "awgn", awgn());
        }
        is(&compiled, &cell.id, &FOUR, "seven-as-published", &split(0.1, 0.1, true), &expected);
        // The cell that was tried and has no figure.
        assert_eq!(cell.published.is_empty(), is_coarse, "{}", cell.id);
    }
}

#[test]
fn b4_vgg16() {
    let compiled = shipped("vgg16");
    let stopping = json!({ "kind": "early", "monitor": "dev-accuracy", "patience": 5 });
    for (id, unfreeze, augment) in [
        ("frozen", Value::Null, Value::Null),
        // How much is not published.
        ("frozen-augmented", Value::Null, json!({ "flip": "horizontal", "rotation": 36.0, "zoom": 0.1 })),
        ("one-layer", json!({ "layers": 1 }), Value::Null),
        ("two-layers", json!({ "layers": 2 }), Value::Null),
        ("three-layers", json!({ "layers": 3 }), Value::Null),
        ("one-block", json!({ "blocks": 1 }), Value::Null),
        ("two-blocks", json!({ "blocks": 2 }), Value::Null),
        ("three-blocks", json!({ "blocks": 3 }), Value::Null),
    ] {
        let expected = json!({
            "audio": { "rate_hz": 16_000, "seconds": 3.0 },
            "logmel": logmel(256),
            "picture": { "size": 224, "range_db": [-80.0, 0.0], "colours": "magma" }, // range and colours: ours
            "encoder": { "from": { "checkpoint": { "name": "vgg16-imagenet", "config": {} } } },
            "train": {
                "network": {
                    "kind": "vgg16", "hidden": [512, 192], "freeze": "base", "unfreeze": unfreeze,
                    "dropout": 0.5, /* ours */ "defaults": KERAS,
                },
                "training": {
                    "lr": 1e-5, "optimiser": "adam", "defaults": KERAS, "loss": "cross-entropy", "stopping": stopping,
                    "refit": "best-epochs", "augment": augment, "batch_size": 32, /* ours */
                },
            },
        });
        is(&compiled, id, &FOUR, "seven-as-published", &split(0.1, 0.1, true), &expected);
    }
}

/// Its pipeline gives what random weights are drawn of beside a variable that names a checkpoint or `random`.
#[test]
fn b4_begins_at_random_where_a_profile_says_so() {
    let tiny = compiled::shipped("vgg16", &["profile=tiny"], BTreeSet::new());
    let encoder = parameters(&tiny, "encoder");
    let channels = &encoder["from"]["random"]["config"]["channels"];
    assert_eq!(channels, &json!([8, 16, 32, 32, 32]), "{encoder}");
}

#[test]
fn b5_wav2vec2() {
    let stopping = json!({ "kind": "early", "monitor": "dev-loss", "patience": 10 });
    let expected = json!({
        "audio": { "rate_hz": 16_000, "seconds": 3.0, "fill": "none" },
        "encoder": { "from": { "checkpoint": { "name": "wav2vec2-base" } }, "normalise": true },
        "train": {
            "network": {
                "kind": "wav2vec2", "padding": "unmasked", "padded_to": 48_000, "layer": "last", "freeze": "none",
                "frame_activation": "none", "projector": null, "lstm": null, "dropout": 0.5, "pooling": "mean",
                "overrides": { "apply_spec_augment": false, "layerdrop": 0.0 }, "defaults": KERAS,
            },
            "training": {
                "lr": 1e-5, "optimiser": "adam", "defaults": KERAS, "loss": "cross-entropy", "weight_decay": 0.0,
                "batch_size": 32, "max_epochs": 30, "stopping": stopping, "refit": "none", "crop": null,
                "gradient_checkpointing": true,
            },
        },
    });
    let compiled = shipped("w2v2-finetune");
    is(&compiled, "published", &FOUR, "seven-as-published", &split(0.05, 0.05, false), &expected);
}

#[test]
fn a_embeddings_and_a_cnn() {
    let compiled = shipped("embedding-cnn");
    let expected = json!({
        "audio": { "rate_hz": 16_000, "seconds": 3.0, "fill": { "own-samples": { "seed": 0 } } },
        "encoder": { "from": { "checkpoint": { "name": "wav2vec2-base-960h" } }, "normalise": true },
        "embed": { "output": "ctc-logits", "scale": "min-max" },
        "train": {
            "network": {
                "kind": "embedding-cnn", "pool_every": 2, "pool": 2,
                // Ours: widths, dropout and hidden units.
                "channels": [32, 32, 64, 64, 128, 128, 256, 256], "dropout": 0.3, "hidden": 128,
            },
            "training": {
                "lr": 1e-4, "batch_size": 32, "max_epochs": 20, "class_weights": [1.99, 3.0, 1.0], "loss": "cross-entropy",
                "stopping": { "kind": "early", "monitor": "dev-loss", "patience": 3 /* ours */ },
            },
        },
    });
    let split = split(0.1, 0.1, true);
    is(&compiled, "published", &["RAVDESS", "TESS", "URDU"], "three", &split, &expected);
    is(&compiled, "published-without-urdu", &["RAVDESS", "TESS"], "three", &split, &expected);
}

/// 70.43 % is said to be of 416 files wherever it stands.
#[test]
fn a_says_what_its_figure_is() {
    let compiled = shipped("embedding-cnn");
    for id in ["published", "published-without-urdu"] {
        let published = &variant(&compiled, id).published;
        let [figure, by_class] = &published[..] else { panic!("{published:?}") };
        assert_eq!(figure.printed.epochs, Some(7));
        let of = |published: &Published| {
            published
                .printed
                .per_class
                .iter()
                .map(|(class, it)| (class.clone(), it.recall))
                .collect::<BTreeMap<_, _>>()
        };
        let recalls = |values: [f64; 3]| {
            ["positive", "neutral", "negative"]
                .map(str::to_owned)
                .into_iter()
                .zip(values.map(Some))
                .collect::<BTreeMap<_, _>>()
        };
        assert_eq!(of(figure), recalls([0.72881, 0.81481, 0.668]));
        assert_eq!(of(by_class), recalls([0.731, 0.785, 0.654]));
        assert!(by_class.figures.values.is_empty() && by_class.source.as_ref().unwrap().contains("423"));
        assert!(figure.caveat.as_ref().unwrap().starts_with("293 of 416 test files"));
    }
    assert!(compiled.header.unwrap().contains("293 of 416"));
}

/// In what the variants with figures are otherwise than their documents, as their reports say it.
fn differences(name: &str, id: &str, settings: &[&str]) -> Vec<String> {
    let all = compiled::shipped(name, settings, BTreeSet::new());
    variant(&all, id).differences.clone()
}

const FROM_SCRATCH: &str = "step train: not published is training.batch_size: 32 (Keras' default)";

#[test]
fn b_says_what_remains_otherwise_and_nothing_else() {
    let mfcc = "step mfcc: not published is n_fft: 2048 (librosa's default)";
    for (name, id) in [("cnn", "published"), ("cnn-tuning", "published"), ("two-cnns", "published")] {
        assert_eq!(differences(name, id, &[]), [mfcc, FROM_SCRATCH], "{name}");
    }
    let compiled = shipped("parallel-cnn");
    let with_figures = compiled.variants.iter().filter(|variant| !variant.published.is_empty());
    for cell in with_figures {
        let [features, attention, training] = &cell.differences[..] else {
            panic!("{:#?}", cell.differences)
        };
        assert!(features.ends_with("not published is n_fft: 2048 (librosa's default)"), "{features}");
        assert!(attention.starts_with("step train: published is an encoder that attends across the batch"));
        assert_eq!(training, FROM_SCRATCH);
    }
    let frozen = differences("vgg16", "frozen", &[]);
    let starts = |line: &str, start: &str| assert!(line.starts_with(start), "{frozen:#?}");
    let [logmel, picture, base, train] = &frozen[..] else { panic!("{frozen:#?}") };
    starts(logmel, "step logmel: not published is n_fft: 2048");
    starts(picture, "step picture: not published is range_db: [-80,0] (a fixed range is), colours: magma");
    starts(base, "parameter base.from is vgg16-imagenet; published is Keras' own weights");
    starts(train, "step train: not published is network.dropout: 0.5, training.batch_size: 32");
    let augmented = differences("vgg16", "frozen-augmented", &[]);
    assert!(
        augmented.iter().any(|line| line.starts_with("parameter train.training.augment is {")),
        "{augmented:#?}"
    );
    for layers in ["one-layer", "two-layers", "three-layers"] {
        assert_eq!(differences("vgg16", layers, &[]), frozen);
    }
    assert_eq!(
        differences("vgg16", "frozen", &["with.base=keras-vgg16.safetensors"]).len(),
        frozen.len() - 1
    );
    assert_eq!(differences("w2v2-finetune", "published", &[]), [""; 0]);
}

#[test]
fn a_says_what_is_not_published() {
    for (id, urdu) in
        [("published", None), ("published-without-urdu", Some("setting corpora is [\"ravdess\",\"tess\"]"))]
    {
        let found = differences("embedding-cnn", id, &[]);
        let mut expected: Vec<&str> = urdu.into_iter().collect();
        expected.extend([
            "settings: not published is protocol.stratify: true",
            "step encoder: not published is normalise: true (the checkpoint's own preprocessor does)",
            "step embed: published is a formula that scales to 1 to 3",
            "step train: not published is network.channels: [32,32,64,64,128,128,256,256]",
        ]);
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (line, start) in found.iter().zip(expected) {
            assert!(line.starts_with(start), "{line}\n{start}");
        }
        let train = found.last().unwrap();
        for open in [
            "network.dropout: 0.3",
            "network.hidden: 128",
            "training.stopping.patience: 3",
            "training.optimiser: adam",
        ] {
            assert!(train.contains(open), "{train}");
        }
    }
}

/// Every setting that a document has and a run does not makes one line; put back, none.
#[test]
fn a_and_b_tell_every_setting_that_is_changed() {
    for (name, id, setting, line) in [
        ("cnn", "published", "with.lr=0.001", "parameter train.training.lr is 0.001; published is 0.01"),
        (
            "cnn",
            "published",
            "with.standardise=global",
            "parameter standardise.by is global; published is none",
        ),
        ("cnn", "published", "labels=seven", "setting labels is seven; published is seven-as-published"),
        ("cnn", "published", "with.awgn.copies=1", "parameter awgn.copies is 1; published is 2"),
        (
            "cnn",
            "published",
            "with.train.network.channels=[8, 8, 8]",
            "parameter train.network.channels is [8,8,8]; published is [16,32,64]",
        ),
        (
            "cnn",
            "published",
            "corpora={ tess: ~, ravdess: ~ }",
            "setting corpora is [\"ravdess\",\"tess\"]; published is [\"crema-d\",\"ravdess\",\"savee\",\"tess\"]",
        ),
        (
            "parallel-cnn",
            "published,features=mfcc,waveforms=awgn,patience=10",
            "with.train.network.transformer.layers=2",
            "parameter train.network.transformer is {\"layers\":2}; published is {",
        ),
        (
            "two-cnns",
            "published",
            "with.norm_axis=channel",
            "parameter train.network.norm_axis is channel; published is time",
        ),
        ("vgg16", "one-layer", "with.patience=9", "parameter train.training.stopping is"),
        (
            "vgg16",
            "one-layer",
            "with.refit=none",
            "parameter train.training.refit is none; published is best-epochs",
        ),
        (
            "w2v2-finetune",
            "published",
            "with.dropout=0",
            "parameter train.network.dropout is 0; published is 0.5",
        ),
        (
            "w2v2-finetune",
            "published",
            "variants.published.protocol.dev=0.1",
            "setting protocol.dev is 0.1; published is 0.05",
        ),
        (
            "embedding-cnn",
            "published",
            "with.class_weights=none",
            "parameter train.training.class_weights is none; published is",
        ),
        (
            "embedding-cnn",
            "published",
            "with.audio.fill=zeros",
            "parameter audio.fill is zeros; published is own-samples",
        ),
    ] {
        let before = differences(name, id, &[]);
        let after = differences(name, id, &[setting]);
        let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        let [new] = &new[..] else { panic!("{name} {setting}: {new:#?}") };
        assert!(new.starts_with(line), "{new}");
    }
    // The same number, written otherwise, is the same.
    assert_eq!(differences("cnn", "published", &["with.lr=0.010"]), differences("cnn", "published", &[]));
}
