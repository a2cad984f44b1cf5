//! What the documents of systems C (arXiv 2110.06309) and D (vocal bursts) print or run, beside what the shipped experiments resolve to.

use std::collections::BTreeSet;

use affekt_config::{Diagnostics, Value as Yaml, parse};
use affekt_pipeline::Compiled;
use serde_json::{Value, json};

use crate::compiled;

/// A shipped experiment with settings, or the one variant of it.
fn shipped(name: &str, variant: Option<&str>, settings: &[&str]) -> Compiled {
    let Some(variant) = variant else { return compiled::shipped(name, settings, BTreeSet::new()) };
    let text = std::fs::read_to_string(compiled::experiment(name)).unwrap();
    let experiment = parse("experiment.yaml", &text, &Diagnostics::new()).unwrap();
    let Some(Yaml::Map(variants)) = experiment.get("variants").map(|it| &it.value) else { panic!("{name}") };
    let ids = variants.iter().map(|(id, _)| id.name.clone());
    compiled::shipped(name, settings, ids.filter(|id| id != variant).collect())
}

/// The resolved parameters of a step.
fn params(compiled: &Compiled, step: &str) -> Value {
    let mut nodes = compiled.graph.nodes().values();
    let node = nodes.find(|node| node.id.name() == step).unwrap_or_else(|| panic!("no step `{step}`"));
    Value::clone(&node.params)
}

/// The value at a path of parameters, as it stands in keys; null where it is left out, for it has its default.
fn at<'v>(params: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(params, |value, name| &value[name])
}

fn assert_table(compiled: &Compiled, step: &str, table: &[(&str, Value)]) {
    let params = params(compiled, step);
    for (path, expected) in table {
        let found = at(&params, path);
        let is_equal = found == expected || found.as_f64().is_some() && found.as_f64() == expected.as_f64();
        assert!(is_equal, "{step}.{path} is {found}, the document has {expected}");
    }
}

/// What every published variant of C has in fine-tuning (V-FT): section 4 of the paper, and its public code where that says more.
fn vft() -> Vec<(&'static str, Value)> {
    vec![
        ("network.freeze", json!("feature-encoder-and-projection")),
        ("network.freeze_mask_embedding", json!(true)),
        ("network.frame_activation", json!("relu")),
        ("network.pooling", json!("mean-but-last")),
        ("network.padding", json!("in-training")),
        ("network.layer", json!("last")),
        ("network.spans_over", json!("rows")),
        ("network.overrides.apply_spec_augment", json!(true)),
        ("network.overrides.mask_time_prob", json!(0.08)),
        ("network.overrides.mask_time_length", json!(15)),
        ("network.overrides.mask_time_min_masks", json!(2)),
        ("network.overrides.mask_feature_prob", json!(0.05)),
        ("network.overrides.mask_feature_length", json!(64)),
        ("network.overrides.mask_feature_min_masks", json!(1)),
        ("training.lr", json!(1e-4)),
        ("training.optimiser", json!("adam")),
        ("training.weight_decay", json!(0.0)),
        ("training.batch_size", json!(64)),
        ("training.drop_last", json!(true)),
        ("training.max_epochs", json!(15)),
        ("training.stopping.kind", json!("fixed")),
        ("training.class_weights", json!("inverse-frequency")),
        ("training.crop", json!({ "seconds": 10.0, "at": "start" })),
        ("training.schedule.kind", json!("constant")),
    ]
}

fn tapt() -> Vec<(&'static str, Value)> {
    vec![
        ("objective.kind", json!("contrastive")),
        ("objective.negatives", json!(100)),
        ("objective.negatives_from", json!("row")),
        ("objective.diversity", json!("per-batch")),
        ("objective.reduction", json!("sum")),
        ("objective.temperature", json!(2.0)),
        ("objective.padding", json!("heard")),
        ("objective.spans_over", json!("clips")),
        ("objective.freeze_feature_encoder", json!(false)),
        // Masks are the checkpoint's.
        ("objective.overrides", json!({})),
        ("training.steps", json!(20_000)),
        ("training.lr", json!(1e-4)),
        ("training.batch_size", json!(64)),
        ("training.drop_last", json!(true)),
        ("training.batching.kind", json!("bucketed")),
        ("training.batching.seconds", Value::Null),
        ("training.crop", json!({ "seconds": 10.0, "at": "random" })),
        ("training.schedule", json!({ "kind": "linear", "warmup": 100, "hold": 0.05, "floor": 0.0 })),
        ("training.held_out", json!(0.0)),
    ]
}

fn frame_teacher() -> Vec<(&'static str, Value)> {
    vec![
        ("network.head", json!(128)),
        ("network.lstm", json!(256)),
        ("network.one_length", json!(true)),
        // 4 and 2.
        ("network.kernel", Value::Null),
        ("network.stride", Value::Null),
        ("class_weights", json!("inverse-frequency")),
        ("training.steps", json!(10_000)),
        ("training.lr", json!(1e-4)),
        ("training.batch_size", json!(64)),
        ("training.drop_last", json!(true)),
        ("training.batching.kind", json!("shuffled")),
        ("training.crop", Value::Null),
        ("training.schedule", json!({ "kind": "linear", "warmup": 0.05, "hold": 0.05, "floor": 0.0 })),
        ("training.held_out", json!(0.1)),
    ]
}

fn ptapt() -> Vec<(&'static str, Value)> {
    vec![
        ("objective.kind", json!("pseudo-labels")),
        ("objective.hidden", json!(256)),
        ("objective.spans_over", json!("rows")),
        ("objective.padding", json!("in-training")),
        ("objective.freeze_feature_encoder", json!(true)),
        ("objective.overrides.mask_time_prob", json!(0.06)),
        ("objective.overrides.mask_time_length", json!(15)),
        ("objective.overrides.mask_time_min_masks", json!(2)),
        ("training.steps", json!(20_000)),
        ("training.lr", json!(1e-4)),
        ("training.drop_last", json!(true)),
        ("training.batching.kind", json!("bucketed")),
        ("training.batching.seconds", json!(250.0)),
        ("training.batching.counted", json!("unpadded")),
        ("training.crop", json!({ "seconds": 10.0, "at": "random" })),
        ("training.schedule", json!({ "kind": "linear", "warmup": 100, "hold": 0.05, "floor": 0.0 })),
    ]
}

const FP16: &str = "training.precision is fp32; published is fp16";

#[test]
fn c_is_what_its_document_and_code_have() {
    for (name, start) in [("vft", "encoder"), ("tapt", "tapt"), ("ptapt", "ptapt")] {
        let compare = match name {
            "vft" => "v-ft",
            "ptapt" => "p-tapt",
            other => other,
        };
        for compiled in [shipped(name, None, &[]), shipped("iemocap-compare", Some(compare), &[])] {
            assert_table(&compiled, "audio", &[("rate_hz", json!(16_000)), ("seconds", Value::Null)]);
            assert_table(&compiled, "encoder", &[("normalise", json!(false))]);
            assert_eq!(params(&compiled, "encoder")["from"]["checkpoint"]["name"], "wav2vec2-base");
            assert_table(&compiled, "finetune", &vft());
            let mut steps = vec!["finetune"];
            let [variant] = &compiled.variants[..] else { panic!("one variant") };
            if start == "tapt" {
                assert_table(&compiled, "tapt", &tapt());
                steps.push("tapt");
            }
            if start == "ptapt" {
                assert_eq!(params(&compiled, "state_encoder")["from"]["checkpoint"]["name"], "wav2vec-large");
                assert_table(&compiled, "state_model", &frame_teacher());
                let clusters = [
                    ("clusters", json!([64, 512, 4096])),
                    ("iterations", json!(20)),
                    ("seeding", json!("random")),
                ];
                assert_table(&compiled, "clusters", &clusters);
                assert_table(&compiled, "ptapt", &ptapt());
                steps.extend(["state_model", "ptapt"]);
            }
            // What remains: fp16 in every stage.
            let expected: Vec<String> = steps.iter().map(|step| format!("parameter {step}.{FP16}")).collect();
            let found = &variant.differences;
            assert_eq!(found.len(), expected.len(), "{found:#?}");
            for line in &expected {
                assert!(found.iter().any(|found| found.starts_with(line)), "no `{line}` in {found:#?}");
            }
        }
    }
}

/// Stage 1 from wav2vec 2.0: V-FT's mask rates and cropped batches.
#[test]
fn c_learns_states_from_wav2vec2_too() {
    let compiled = shipped("ptapt-ablations", Some("states-of-wav2vec2"), &[]);
    assert_eq!(params(&compiled, "state_encoder")["from"]["checkpoint"]["name"], "wav2vec2-base");
    assert_table(&compiled, "state_model", &frame_teacher());
    let masks = vft().into_iter().filter(|(path, _)| path.starts_with("network.overrides."));
    assert_table(&compiled, "state_model", &masks.collect::<Vec<_>>());
}

/// One boolean for all quirks, a key of its own for each, and a line in the report for whatever is otherwise.
#[test]
fn c_can_be_better_founded_at_once_or_one_by_one() {
    let settings = ["with.as_published=false"];
    for (name, step, table) in [
        (
            "tapt",
            "tapt",
            vec![
                ("objective.negatives_from", Value::Null),
                ("objective.diversity", Value::Null),
                ("objective.reduction", Value::Null),
                ("objective.padding", json!("ignored")),
                ("training.drop_last", json!(false)),
            ],
        ),
        (
            "ptapt",
            "ptapt",
            vec![
                ("objective.padding", Value::Null),
                ("training.batching.counted", Value::Null),
                ("training.drop_last", json!(false)),
            ],
        ),
        ("ptapt", "state_model", vec![("training.drop_last", json!(false))]),
        (
            "vft",
            "finetune",
            vec![
                ("network.padding", json!("ignored")),
                ("network.frame_activation", json!("relu-after-pooling")),
                ("network.pooling", json!("mean")),
                ("training.drop_last", json!(false)),
            ],
        ),
    ] {
        assert_table(&shipped(name, None, &settings), step, &table);
    }
    let differences = |settings: &[&str]| {
        // In another precision every stage differs.
        let settings = [&["with.precision=fp16"], settings].concat();
        let differences = shipped("tapt", None, &settings).variants.remove(0).differences;
        differences.into_iter().filter(|line| !line.contains("not offered")).collect::<Vec<_>>()
    };
    assert_eq!(differences(&[]), [""; 0]);
    assert_eq!(
        differences(&["with.tapt_diversity=per-masked-frame"]),
        ["parameter tapt.objective.diversity is per-masked-frame; published is per-batch"]
    );
    // The same number, written otherwise, is the same; another is told, be it set by variable or by path.
    assert_eq!(differences(&["with.lr=0.0001"]), [""; 0]);
    assert_eq!(
        differences(&["with.tapt_steps=5", "with.finetune.training.batch_size=8"]),
        [
            "parameter tapt.training.steps is 5; published is 20000",
            "parameter finetune.training.batch_size is 8; published is 64",
        ]
    );
    assert_eq!(differences(&["with.as_published=false"]).len(), 9);
}

#[test]
fn c_computes_all_stages_in_one_precision() {
    let compiled = shipped("iemocap-compare", None, &["with.precision=bf16"]);
    for step in ["tapt", "state_model", "ptapt", "finetune"] {
        assert_table(&compiled, step, &[("training.precision", json!("bf16"))]);
    }
}

#[test]
fn a_pretraining_that_may_begin_without_a_quantiser_says_so_in_every_table() {
    let stamps =
        |settings: &[&str]| params(&shipped("tapt", None, settings), "metrics")["stamps"].to_string();
    assert!(!stamps(&[]).contains("quantiser"));
    assert!(stamps(&["with.tapt_lacking_head=drawn"]).contains("quantiser may be drawn"));
    let heads = |settings: &[&str]| shipped("iemocap-compare", None, settings).heads;
    let heads_needed = heads(&["with.encoder=wav2vec2-base-960h"]);
    let [head] = &heads_needed[..] else { panic!("{heads_needed:?}") };
    assert_eq!((head.checkpoint.as_str(), head.step.as_str()), ("wav2vec2-base-960h", "tapt"));
    assert!(heads(&["with.tapt_lacking_head=drawn"]).is_empty());
    assert!(shipped("vft", None, &[]).heads.is_empty(), "nothing of it goes on pretraining");
}

/// Dropouts of an encoder: hidden, attention, activation, projection.
const BUNDLES: [(&str, bool, [f64; 4]); 4] = [
    ("wav2vec2-base", false, [0.1, 0.1, 0.0, 0.1]),
    ("wav2vec2-large", false, [0.0, 0.1, 0.0, 0.1]),
    ("wav2vec2-large-lv60", true, [0.0, 0.1, 0.0, 0.1]),
    ("wav2vec2-large-xlsr-53", true, [0.0; 4]),
];

fn assert_bundle(compiled: &Compiled, extractor: &str, epochs: u32) {
    let (_, normalise, dropouts) = BUNDLES.iter().find(|(name, ..)| *name == extractor).unwrap();
    assert_table(compiled, "audio", &[("rate_hz", json!(16_000)), ("seconds", Value::Null)]);
    assert_eq!(params(compiled, "encoder")["from"]["checkpoint"]["name"], extractor);
    assert_table(compiled, "encoder", &[("normalise", json!(normalise))]);
    let [hidden, attention, activation, projection] = dropouts;
    let table = [
        ("network.layer", json!(12)),
        ("network.freeze", json!("none")),
        ("network.padding", json!("in-training")),
        ("network.overrides.apply_spec_augment", json!(false)),
        ("network.overrides.layerdrop", json!(0.0)),
        ("network.overrides.hidden_dropout", json!(hidden)),
        ("network.overrides.attention_dropout", json!(attention)),
        ("network.overrides.activation_dropout", json!(activation)),
        ("network.overrides.feat_proj_dropout", json!(projection)),
        ("training.optimiser", json!("adam")),
        ("training.lr", json!(1e-4)),
        ("training.weight_decay", json!(0.0625)),
        ("training.batch_size", json!(16)),
        ("training.max_epochs", json!(epochs)),
        ("training.stopping.kind", json!("early")),
        ("training.crop", Value::Null),
    ];
    assert_table(compiled, "train", &table);
    let over = if *normalise { json!("batch-in-training") } else { Value::Null };
    assert_table(compiled, "train", &[("network.normalise_over", over)]);
    let [variant] = &compiled.variants[..] else { panic!("one variant") };
    assert_eq!(variant.differences, [""; 0], "{extractor}");
}

const LSTM: &str = r#"{"hidden":512,"layers":2}"#;

#[test]
fn d_trains_torchaudios_bundles_as_they_are() {
    let tasks = [("two", "ccc"), ("high", "ccc"), ("culture", "ccc"), ("type", "cross-entropy")];
    // Table I.
    for (extractor, ..) in BUNDLES {
        for (task, loss) in tasks {
            let compiled = shipped("avb-extractors", Some(&format!("{extractor}-{task}")), &[]);
            assert_bundle(&compiled, extractor, 20);
            let network = params(&compiled, "train");
            assert_eq!(
                (&network["network"]["pooling"], &network["training"]["loss"]),
                (&json!("last"), &json!(loss))
            );
            assert_eq!(network["network"]["lstm"].to_string(), LSTM);
        }
    }
    // Tables II to IV.
    for (name, extractor) in [("lv60", "wav2vec2-large-lv60"), ("xlsr-53", "wav2vec2-large-xlsr-53")] {
        for pooling in ["first", "max", "mean", "last"] {
            let compiled = shipped("avb-pooling", Some(&format!("{pooling}-{name}")), &[]);
            assert_bundle(&compiled, extractor, 20);
            assert_table(&compiled, "train", &[("network.pooling", json!(pooling))]);
        }
        for loss in ["mse", "ccc"] {
            let compiled = shipped("avb-loss", Some(&format!("{loss}-{name}")), &[]);
            assert_bundle(&compiled, extractor, 20);
            assert_table(&compiled, "train", &[("training.loss", json!(loss))]);
        }
    }
    for (task, _) in tasks {
        for (with, lstm) in [("without", "null"), ("with", LSTM)] {
            let compiled = shipped("avb-rnn", Some(&format!("{with}-{task}")), &[]);
            assert_bundle(&compiled, "wav2vec2-large-lv60", 20);
            assert_eq!(params(&compiled, "train")["network"]["lstm"].to_string(), lstm);
        }
    }
    // Table V, whose test column stands there too.
    for (task, extractor, test) in [
        ("two", "wav2vec2-large-xlsr-53", 0.6202),
        ("high", "wav2vec2-large-lv60", 0.6677),
        ("culture", "wav2vec2-large-lv60", 0.5495),
        ("type", "wav2vec2-large-xlsr-53", 0.4970),
    ] {
        let compiled = shipped("avb-final", Some(task), &[]);
        assert_bundle(&compiled, extractor, 50);
        let published = &compiled.variants[0].published;
        let of_test = published.iter().find(|it| it.part == Some(affekt_domain::Role::Test)).unwrap();
        assert_eq!(of_test.figures.values[0].1, test);
    }
}

/// Whatever the checkpoint says of normalising, an experiment can say otherwise, and the report then does.
#[test]
fn d_says_where_an_experiment_departs_from_the_bundles() {
    let settings =
        ["with.normalise=checkpoint", "with.normalise_over=clips", "with.peak_db=-3", "with.max_epochs=2"];
    let compiled = shipped("avb-pooling", Some("last-lv60"), &settings);
    assert_table(&compiled, "audio", &[("peak_db", json!(-3.0))]);
    assert_eq!(
        compiled.variants[0].differences,
        [
            "parameter encoder.normalise is checkpoint; published is true",
            "parameter train.network.normalise_over is clips; published is batch-in-training",
            "parameter train.training.max_epochs is 2; published is 20",
        ]
    );
}
