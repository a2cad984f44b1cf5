//! A run with a profile says so wherever it says a figure, and computes what its settings by hand would.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::binaries::workspace;
use crate::lab::{Lab, Run, TINY};

/// A lab whose pipeline and experiment both have a profile `quick`.
fn lab() -> Lab {
    let lab = Lab::tiny();
    let pipeline = fs::read_to_string(workspace().join("pipelines/cnn.yaml")).unwrap();
    lab.write(
        "own.yaml",
        &pipeline.replacen("\nnodes:", "\nprofiles: { quick: { batch_size: 16 } }\nnodes:", 1),
    );
    let own = TINY.replace("pipelines/cnn.yaml", "own.yaml");
    lab.write("tiny.yaml", &(own + "profiles: { quick: { with.max_epochs: 1, with.mfcc.n_mfcc: 16 } }\n"));
    lab
}

#[test]
fn a_profile_is_seen_in_every_document_and_in_no_key() {
    let lab = lab();
    let by_hand = ["with.max_epochs=1", "with.batch_size=16", "with.mfcc.n_mfcc=16"];
    let by_hand: Vec<&str> = by_hand.iter().flat_map(|setting| ["--set", setting]).collect();
    let undisturbed = lab.run("tiny", &by_hand).expect(0);
    assert_eq!(stamps(&undisturbed), [""; 0]);

    let run = lab.run("tiny", &["--set", "profile=quick"]).expect(0);
    assert_eq!(run.ran(), [""; 0], "the same settings have the same keys");
    assert_eq!(run.bytes("predictions.arrow"), undisturbed.bytes("predictions.arrow"));
    assert!(run.text("resolved.yaml").contains("profile: quick"));
    assert_eq!(stamps(&run), ["made with profile `quick`"]);
    let plan =
        lab.xtask(&["plan", "tiny.yaml", "--device", "cpu", "--set", "profile=quick"]).expect(0).stdout;
    assert!(plan.contains("with profile `quick`: 18 nodes: 18 cached"), "{plan}");
    let tables = fs::read_dir(run.folder.join("tables")).unwrap().map(|entry| entry.unwrap().path());
    let of_results = ["results", "classes", "confusion"];
    let is_of_results = |path: &PathBuf| of_results.iter().any(|name| path.to_str().unwrap().contains(name));
    let documents = ["report.md", "report.html"]
        .map(|name| run.folder.join(name))
        .into_iter()
        .chain(tables.filter(is_of_results));
    let mut told = 0;
    for path in documents {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("profile") && text.contains("quick"), "{}", path.display());
        told += 1;
    }
    assert!(told > 4, "{told}");
}

fn stamps(run: &Run) -> Vec<String> {
    let metrics: Value = serde_json::from_slice(&run.bytes("metrics.json")).unwrap();
    serde_json::from_value(metrics["variants"][0]["stamps"].clone()).unwrap()
}
