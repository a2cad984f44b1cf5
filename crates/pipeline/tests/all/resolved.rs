//! What is resolved is one experiment: its files alone, in a folder without anything else, give the same graph, and what is
//! printed of a variant is what its nodes have.

use std::fs;

use affekt_pipeline::{Compiled, Environment};
use serde_json::{Value, json};

use crate::compiled::{compile_file, environment};

const PIPELINE: &str = "\
defaults: { lr: 1e-3, batch_size: 32, max_epochs: 100, axis: time }
profiles:
  tiny: { batch_size: 4 }
nodes:
  audio: { op: audio, rate_hz: 8000, seconds: 1 }
  mfcc: { op: mfcc, in: audio, n_mels: 64 }
  train:
    op: train
    in: { features: mfcc, train: split.train }
    network: { kind: cnn, norm_axis: $axis }
    training: { lr: $lr, batch_size: $batch_size, max_epochs: $max_epochs, stopping: { kind: fixed } }
    per: [fold, seed]
  predict: { op: predict, in: { model: train, features: mfcc, rows: split.test }, per: [fold, seed] }
  metrics: { op: evaluate, in: { predictions: predict } }
";

const EXPERIMENT: &str = "\
# Question: which axis?
name: own
corpora: { ravdess:, savee: }
labels: seven
protocol: { kind: group-kfold, group: speaker, folds: 3, dev: none, seeds: [1, 2] }
use: own-pipeline.yaml
with: { mfcc.n_mfcc: 20 }
report: { published: { wa: 0.5, when: { with.axis: channel } } }
";

const VARIANTS: &str = "\
profiles:
  tiny: { protocol.seeds: [3], with.lr: 7e-3, variants.time.with.max_epochs: 2 }
variants:
  time: { with.axis: time, with.max_epochs: 5 }
  channel: { with.axis: channel, labels: seven-as-published, protocol.seeds: [4], report.published: { wa: 0.6 } }
";

const SWEEP: &str = "sweep: { product: { with.lr: [1e-3, 1e-4], with.batch_size: [8, 16] } }\n";

struct Resolved {
    compiled: Compiled,
    said: String,
    folder: tempfile::TempDir,
}

/// Compiles an experiment and writes what it was resolved to into a folder of its own.
fn resolved(experiment: &str, pipeline: &str, more: &[(&str, &str)], environment: &Environment) -> Resolved {
    let source = tempfile::tempdir().unwrap();
    let path = source.path().join("own.yaml");
    for (name, text) in [("own.yaml", experiment), ("own-pipeline.yaml", pipeline)].iter().chain(more) {
        let file = source.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let (compiled, said) = compile_file(&path, environment);
    let compiled = compiled.unwrap_or_else(|| panic!("{said}"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("resolved.yaml"), &compiled.resolved.experiment).unwrap();
    for (name, text) in &compiled.resolved.beside {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    Resolved { compiled, said, folder }
}

/// The graph by ids and all that keys are made of before anything ran, with what the report prints of variants.
fn of(compiled: &Compiled) -> Value {
    let nodes = compiled.graph.nodes().values();
    let nodes: Vec<String> = nodes
        .map(|node| format!("{} {:?} {:?}", node.id, node.inputs, affekt_graph::parts(node, &[], None)))
        .collect();
    let variants: Vec<Value> = compiled
        .variants
        .iter()
        .map(|variant| {
            let published = format!("{:?} {:?}", variant.published, variant.cited);
            json!([variant.id, variant.params, variant.swept, variant.same_as, published, variant.protocol])
        })
        .collect();
    json!([compiled.name, compiled.profile, compiled.header, compiled.left_out, variants, nodes])
}

/// Checks that the files alone give the same, and the same files.
fn repeats(resolved: &Resolved) -> &Compiled {
    let alone = Environment { folders: Vec::new(), ..environment(&[]) };
    let (again, said) = compile_file(&resolved.folder.path().join("resolved.yaml"), &alone);
    let again = again.unwrap_or_else(|| panic!("{said}\n{}", resolved.compiled.resolved.experiment));
    assert_eq!(of(&again), of(&resolved.compiled), "{}", resolved.compiled.resolved.experiment);
    assert_eq!(again.resolved.experiment, resolved.compiled.resolved.experiment);
    assert_eq!(again.resolved.beside, resolved.compiled.resolved.beside);
    &resolved.compiled
}

/// The parameters of a variant, as they are printed.
fn params(compiled: &Compiled, id: &str) -> Value {
    let variant = compiled.variants.iter().find(|variant| variant.id == id);
    let ids: Vec<&str> = compiled.variants.iter().map(|variant| variant.id.as_str()).collect();
    json!(variant.unwrap_or_else(|| panic!("no `{id}` in {ids:?}")).params)
}

/// What the trainings of a variant have, by learning rate, batch, epochs and axis.
fn trainings(compiled: &Compiled, id: &str) -> Vec<Value> {
    let variant = compiled.variants.iter().find(|variant| variant.id == id).unwrap();
    let reported: Vec<_> = variant.reported().collect();
    let nodes = compiled.graph.nodes().values();
    let trained = nodes.filter(|node| node.op == "train" && reported.contains(&&node.id));
    let of = |params: &Value| {
        let training = &params["training"];
        json!([
            training["lr"],
            training["batch_size"],
            training["max_epochs"],
            params["network"]["norm_axis"]
        ])
    };
    trained.map(|node| of(&node.params)).collect()
}

#[test]
fn every_kind_of_override_repeats_from_its_files_alone() {
    let variants = format!("{EXPERIMENT}{VARIANTS}");
    let swept = format!("{EXPERIMENT}{SWEEP}");
    let both = format!("{EXPERIMENT}{VARIANTS}{SWEEP}");
    let cases: [(&str, &[&str]); 22] = [
        (EXPERIMENT, &[]),
        (EXPERIMENT, &["with.lr=5e-3"]),
        (
            EXPERIMENT,
            &["with.train.training.lr=5e-3", "with.train.network={ kind: cnn, channels: [2, 2, 2] }"],
        ),
        (EXPERIMENT, &["protocol.folds=2", "protocol.seeds=[9]"]),
        (EXPERIMENT, &["protocol={ kind: leave-one-group-out, group: speaker, dev: none }"]),
        (EXPERIMENT, &["labels=seven-as-published"]),
        (EXPERIMENT, &["corpora.savee.labels=seven-as-published"]),
        (EXPERIMENT, &["report.primary=wa"]),
        (EXPERIMENT, &["variants={ one: { with.lr: 1e-2 }, other: {} }"]),
        (&variants, &[]),
        (&variants, &["with.axis=channel"]),
        (&variants, &["labels=seven", "protocol.seeds=[8]", "with.max_epochs=1"]),
        (&variants, &["protocol={ kind: group-kfold, group: speaker, folds: 2, dev: none, seeds: [5] }"]),
        (&variants, &["variants.time.with.lr=2e-3", "variants.time.labels=seven-as-published"]),
        (&variants, &["profile=tiny"]),
        (&variants, &["profile=tiny", "with.lr=6e-3", "with.batch_size=2", "protocol.seeds=[1]"]),
        (&swept, &[]),
        (&swept, &["with.lr=5e-3"]),
        (&swept, &["with.train.training.lr=5e-3"]),
        (&swept, &["sweep.product.with.lr=[1e-2]", "with.batch_size=8"]),
        (&both, &["profile=tiny", "with.batch_size=64"]),
        (&both, &["with.axis=time", "with.lr=1e-3", "with.max_epochs=1"]),
    ];
    for (experiment, settings) in cases {
        repeats(&resolved(experiment, PIPELINE, &[], &environment(settings)));
    }
}

/// `latest` is another run tomorrow: what it kept is written down, by variant, and the run named.
#[test]
fn epochs_of_a_run_are_noted() {
    let none = "protocol: { kind: none, epochs: { from: runs/tuned/7 } }";
    let experiment = EXPERIMENT
        .replace("protocol: { kind: group-kfold, group: speaker, folds: 3, dev: none, seeds: [1, 2] }", none)
        .replace("report: { published: { wa: 0.5, when: { with.axis: channel } } }\n", "");
    let of_variant = |variant: &str, kept_epoch: u32| json!({ "variant": variant, "fold": 1, "seed": 1, "kept_epoch": kept_epoch });
    let trainings = |all: Vec<Value>| json!({ "version": 1, "trainings": all }).to_string();
    let one = trainings(vec![of_variant("default", 4), of_variant("default", 8)]);
    let run = resolved(&experiment, PIPELINE, &[("runs/tuned/7/trainings.json", &one)], &environment(&[]));
    let text = &repeats(&run).resolved.experiment;
    assert!(text.contains("epochs:\n    from: tuned/7\n    epochs: 6\n"), "{text}");
    let epochs = run.compiled.variants[0].epochs.clone().unwrap();
    assert_eq!((epochs.epochs, epochs.run.as_deref()), (6, Some("tuned/7")));
    assert_eq!(trainings_of(&run.compiled, "default"), [6]);

    let two = trainings(vec![of_variant("time", 3), of_variant("channel", 9)]);
    let variants = format!(
        "{experiment}variants: {{ time: {{ with.axis: time }}, channel: {{ with.axis: channel }} }}\n"
    );
    let run = resolved(&variants, PIPELINE, &[("runs/tuned/7/trainings.json", &two)], &environment(&[]));
    repeats(&run);
    assert_eq!(
        (trainings_of(&run.compiled, "time"), trainings_of(&run.compiled, "channel")),
        (vec![3], vec![9])
    );
}

/// For how many epochs a variant trains.
fn trainings_of(compiled: &Compiled, id: &str) -> Vec<u64> {
    trainings(compiled, id).iter().map(|training| training[2].as_u64().unwrap()).collect()
}

#[test]
fn what_is_printed_of_a_variant_is_what_it_trains_with() {
    let variants = format!("{EXPERIMENT}{VARIANTS}");
    let run = resolved(&variants, PIPELINE, &[], &environment(&["with.axis=channel", "with.max_epochs=1"]));
    let time = params(&run.compiled, "time");
    assert_eq!(time, json!({ "with.axis": "channel", "with.max_epochs": 1 }));
    assert_eq!(trainings(&run.compiled, "time"), vec![json!([1e-3, 32, 1, "channel"]); 2]);
    // A publication is about settings, and these are other ones now.
    let beside = |settings: &[&str]| {
        let run = resolved(&variants, PIPELINE, &[], &environment(settings));
        let time = run.compiled.variants.iter().find(|variant| variant.id == "time").unwrap();
        time.published.len()
    };
    assert_eq!((beside(&[]), beside(&["with.axis=channel"])), (0, 1));

    let swept = format!("{EXPERIMENT}{SWEEP}");
    let run = resolved(&swept, PIPELINE, &[], &environment(&["with.lr=5e-3"]));
    assert_eq!(run.compiled.variants.len(), 2, "points that became the same are one");
    assert_eq!(
        params(&run.compiled, "lr=0.005,batch_size=8"),
        json!({ "with.lr": 5e-3, "with.batch_size": 8 })
    );
    assert!(
        run.said.contains("have the same settings, and are one variant: `lr=0.005,batch_size=8`"),
        "{}",
        run.said
    );

    // Another path to what the sweep sets: it then has no effect, and says nothing of any variant.
    let run = resolved(&swept, PIPELINE, &[], &environment(&["with.train.training.lr=5e-3"]));
    assert_eq!(params(&run.compiled, "lr=0.001,batch_size=8"), json!({ "with.batch_size": 8 }));
    assert_eq!(trainings(&run.compiled, "lr=0.001,batch_size=8")[0][0], json!(5e-3));
    assert!(
        run.said.contains("`with.lr` of variant `lr=0.001,batch_size=8` has no effect: no step reads it"),
        "{}",
        run.said
    );
}

#[test]
fn a_variant_that_became_another_is_said() {
    let variants =
        format!("{EXPERIMENT}{VARIANTS}").replace("labels: seven-as-published, protocol.seeds: [4], ", "");
    let settings = ["with.axis=channel", "with.max_epochs=1"];
    let run = resolved(&variants, PIPELINE, &[], &environment(&settings));
    let same: Vec<_> = run.compiled.variants.iter().map(|variant| variant.same_as.as_deref()).collect();
    assert_eq!(same, [None, Some("time")]);
    assert!(
        run.said.contains("warning: variant `channel` computes the very same as `time`\n"),
        "{}",
        run.said
    );
    repeats(&run);
    let run = resolved(&variants, PIPELINE, &[], &environment(&settings[..1]));
    assert!(run.compiled.variants.iter().all(|variant| variant.same_as.is_none()));
    assert_eq!(run.said, "");
}

#[test]
fn a_corpus_that_a_run_does_without_is_written_down_as_left_out() {
    let corpora =
        "corpora: { ravdess: { expect: 1440 }, savee: { labels: seven-as-published } }, with.lr: 2e-3";
    let variants = format!(
        "{EXPERIMENT}variants:\n  all: {{}}\n  own: {{ {corpora} }}\n  one: {{ corpora: {{ ravdess: }} }}\n"
    );
    let partial = Environment { without: ["savee".to_owned()].into(), ..environment(&["with.axis=channel"]) };
    let run = resolved(&variants, PIPELINE, &[], &partial);
    let compiled = repeats(&run);
    assert_eq!(compiled.left_out, ["SAVEE".to_owned()].into());
    assert_eq!(compiled.corpora.keys().collect::<Vec<_>>(), ["RAVDESS"]);
    assert_eq!(run.compiled.resolved.experiment.matches("left_out: true").count(), 2);
}

#[test]
fn pipelines_cards_schemes_and_splits_lie_beside() {
    let experiment = format!(
        "{}variants:\n  a: {{}}\n  b: {{ use: deeper/own-pipeline.yaml }}\n  c: {{ labels: seven-as-published }}\n",
        EXPERIMENT.replace(
            "{ kind: group-kfold, group: speaker, folds: 3, dev: none, seeds: [1, 2] }",
            "{ kind: file, path: my.csv }"
        )
    );
    let split = "utterance,role\nRAVDESS/a,train\nRAVDESS/b,test\n";
    let source = tempfile::tempdir().unwrap();
    fs::create_dir(source.path().join("deeper")).unwrap();
    let files = [
        ("own.yaml", experiment.as_str()),
        ("own-pipeline.yaml", PIPELINE),
        ("deeper/own-pipeline.yaml", &PIPELINE.replace("lr: 1e-3", "lr: 1e-1")),
        ("my.csv", split),
    ];
    for (name, text) in files {
        fs::write(source.path().join(name), text).unwrap();
    }
    let (compiled, said) = compile_file(&source.path().join("own.yaml"), &environment(&[]));
    let compiled = compiled.unwrap_or_else(|| panic!("{said}"));
    let names: Vec<&str> = compiled.resolved.beside.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "datasets/labels/seven-as-published.yaml",
            "datasets/labels/seven.yaml",
            "datasets/ravdess.yaml",
            "datasets/savee.yaml",
            "deeper/own-pipeline.yaml",
            "my.csv",
            "own-pipeline.yaml",
        ]
    );
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in &compiled.resolved.beside {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    fs::write(folder.path().join("resolved.yaml"), &compiled.resolved.experiment).unwrap();
    repeats(&Resolved { compiled, said, folder });
}

#[test]
fn splits_are_read_as_spreadsheets_write_them() {
    let experiment = EXPERIMENT.replace(
        "{ kind: group-kfold, group: speaker, folds: 3, dev: none, seeds: [1, 2] }",
        "{ kind: file, path: my.csv }",
    );
    let source = tempfile::tempdir().unwrap();
    fs::write(source.path().join("own.yaml"), experiment).unwrap();
    fs::write(source.path().join("own-pipeline.yaml"), PIPELINE).unwrap();
    let with = |split: &[u8]| {
        fs::write(source.path().join("my.csv"), split).unwrap();
        compile_file(&source.path().join("own.yaml"), &environment(&[]))
    };
    let split = "utterance;role\r\nRAVDESS/ä;train\r\nRAVDESS/b;test\r\n";
    let plain = of(&with(split.as_bytes()).0.unwrap());
    let utf16: Vec<u8> = format!("\u{feff}{split}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (compiled, said) = with(&utf16);
    let compiled = compiled.unwrap_or_else(|| panic!("{said}"));
    assert_eq!(of(&compiled), plain);
    assert!(compiled.resolved.beside.contains(&("my.csv".to_owned(), split.to_owned())));
    assert_eq!(of(&with(format!("\u{feff}{split}").as_bytes()).0.unwrap()), plain);
    let latin1: Vec<u8> = split.chars().map(|letter| letter as u8).collect();
    let (_, said) = with(&latin1);
    assert!(said.contains("my.csv: line 2 has the byte 0xe4, so it is not UTF-8 but Latin-1"), "{said}");
}

#[test]
fn what_lies_outside_is_found_from_where_it_was() {
    let source = tempfile::tempdir().unwrap();
    let folder = source.path().join("mine");
    fs::create_dir(&folder).unwrap();
    fs::write(source.path().join("shared.yaml"), PIPELINE).unwrap();
    fs::write(folder.join("own.yaml"), EXPERIMENT.replace("own-pipeline.yaml", "../shared.yaml")).unwrap();
    let (compiled, said) = compile_file(&folder.join("own.yaml"), &environment(&[]));
    let compiled = compiled.unwrap_or_else(|| panic!("{said}"));
    assert!(compiled.resolved.experiment.contains(&format!("folder: {}", folder.display())));
    let run = source.path().join("runs/own/1");
    fs::create_dir_all(&run).unwrap();
    fs::write(run.join("resolved.yaml"), &compiled.resolved.experiment).unwrap();
    let (again, said) = compile_file(&run.join("resolved.yaml"), &environment(&[]));
    assert_eq!(of(&again.unwrap_or_else(|| panic!("{said}"))), of(&compiled));
}

#[test]
fn only_the_file_of_a_run_may_be_called_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own-pipeline.yaml"), PIPELINE).unwrap();
    for (name, is_right) in [("own", true), ("resolved", true), ("other", false)] {
        let path = folder.path().join(format!("{name}.yaml"));
        fs::write(&path, EXPERIMENT).unwrap();
        let (compiled, said) = compile_file(&path, &environment(&[]));
        assert_eq!(compiled.is_some(), is_right, "{said}");
        assert!(compiled.is_none_or(|compiled| compiled.name == "own"));
    }
}
