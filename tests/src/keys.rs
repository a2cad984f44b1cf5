//! Golden keys: what each op's key is made of. A key that moves without anybody meaning it fails here; one that
//! moves because results do needs a new version of its op.

use std::collections::BTreeMap;
use std::fmt::Write;

use affekt_config::{Diagnostics, Section, parse};
use affekt_graph::{Key, Node, NodeId, Resources, Work, parts};
use affekt_ops::{Author, Purpose};
use affekt_spec::View;
use serde_json::json;

use crate::lab::Lab;

#[test]
fn of_ops_with_their_defaults() {
    let mut text = String::new();
    for op in affekt_ops::ALL.iter().filter(|op| op.author != Author::Command) {
        let diagnostics = Diagnostics::new();
        let yaml = match op.name {
            "train" => "network: { kind: cnn }\ntraining: {}",
            "encoder" => "from: wav2vec2-base",
            "embed" => "output: ctc-logits",
            "functionals" => "path: eGeMAPS.csv",
            "model" => "from: exported",
            "predictions-file" => "path: theirs.csv",
            "state-model" => "training: { steps: 10000 }",
            "kmeans" => "clusters: [64, 512]",
            "pretrain" => "objective: { kind: contrastive }\ntraining: { steps: 20000 }",
            _ => "{}",
        };
        let yaml = parse("defaults.yaml", yaml, &diagnostics).unwrap();
        // What experiments give themselves has no defaults.
        let is_given = op.author == Author::Experiment || op.purpose == Purpose::Evaluate;
        let params = (!is_given).then(|| {
            (op.read)(&mut Section::open(&yaml, &diagnostics, "the op").unwrap()).unwrap().view(View::Key)
        });
        assert!(diagnostics.is_empty(), "{diagnostics}");
        let params = params.unwrap_or_else(|| json!({}));
        let node = Node {
            id: NodeId::from("any"),
            work: Work::Op,
            op: op.name.to_owned(),
            version: op.version,
            params: params.into(),
            steps: None,
            inputs: Vec::new(),
            outputs: Vec::new(),
            seed: op.seeded.then_some(1),
            numerics: BTreeMap::new(),
            place: op.place,
            resources: Resources::default(),
            reproducible: true,
        };
        let parts = parts(&node, &[], None);
        writeln!(text, "{}: {}", op.name, Key::of(&parts)).unwrap();
        parts.iter().for_each(|part| writeln!(text, "  {} = {}", part.name, part.value).unwrap());
    }
    insta::assert_snapshot!(text);
}

/// As a run writes them down and `explain` shows them, contents left out.
#[test]
fn of_the_nodes_of_a_run() {
    let lab = Lab::finished();
    lab.run("tiny", &[]).expect(0);
    let mut text = String::new();
    for node in [
        "ingest[corpus=RAVDESS]",
        "examples",
        "folds",
        "split[fold=2]",
        "audio[shard=0]",
        "mfcc[shard=0]",
        "train[fold=2,seed=1]",
        "predict[fold=2,seed=1]",
        "metrics",
    ] {
        let explained =
            lab.xtask(&["explain", "tiny.yaml", node, "--device", "cpu", "--json"]).expect(0).json();
        writeln!(text, "{node}: {}", explained["state"].as_str().unwrap()).unwrap();
        for part in explained["parts"].as_array().unwrap() {
            let (name, value) = (part["name"].as_str().unwrap(), part["value"].as_str().unwrap());
            let is_content = name.starts_with("in.")
                || ["outside", "params.recordings", "numerics.libtorch"].contains(&name);
            writeln!(text, "  {name} = {}", if is_content { "…" } else { value }).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}
