//! What a run folder holds repeats the run: with the experiment, its pipeline and its profile gone, nothing is computed again
//! and the same is printed.

use std::fs;

use serde_json::Value;

use crate::binaries::workspace;
use crate::lab::{Lab, Run, TINY};

const VARIANTS: &str = "\
variants:
  time: { with.norm_axis: time, with.max_epochs: 1 }
  channel: { with.norm_axis: channel, protocol.seeds: [2] }
profiles: { quick: { with.max_epochs: 1, variants.channel.with.batch_size: 8 } }
";
const SWEEP: &str = "sweep: { product: { with.lr: [1e-3, 1e-2], with.batch_size: [8, 16] } }\n";

/// Runs an experiment, takes away what it was made of, and runs what is left in its folder.
fn repeated(more: &str, settings: &[&str], words: &[&str]) -> (Lab, Run) {
    let lab = Lab::tiny();
    let pipeline = fs::read_to_string(workspace().join("pipelines/cnn.yaml")).unwrap();
    let pipeline = pipeline.replacen("\nnodes:", "\nprofiles: { quick: { batch_size: 16 } }\nnodes:", 1);
    lab.write("own.yaml", &pipeline);
    let text = TINY.replace("pipelines/cnn.yaml", "own.yaml");
    let text = text
        .replace("  ravdess:\n", if words.is_empty() { "  ravdess:\n" } else { "  ravdess:\n  savee:\n" });
    lab.write("tiny.yaml", &format!("{text}{more}"));
    let sets = settings.iter().flat_map(|setting| ["--set", setting]);
    let first = lab.run("tiny", &sets.chain(words.iter().copied()).collect::<Vec<_>>()).expect(0);
    assert!(!first.ran().is_empty());

    for name in ["tiny.yaml", "own.yaml"] {
        fs::remove_file(lab.path(name)).unwrap();
    }
    let resolved = first.folder.join("resolved.yaml");
    let resolved = resolved.to_str().unwrap();
    let plan = lab.xtask(&["plan", resolved, "--device", "cpu", "--check"]).expect(0);
    assert!(plan.stdout.contains("cached"), "{}", plan.stdout);
    // A run folder is named for the second it begins in; its number tells two of one second apart.
    let again = lab.run_by("tiny", lab.command(&["run", resolved, "--device", "cpu"])).expect(0);
    assert_eq!(again.ran(), [""; 0], "{settings:?}: {}", first.text("resolved.yaml"));
    for name in ["metrics.json", "predictions.arrow", "resolved.yaml"] {
        assert!(again.bytes(name) == first.bytes(name), "{settings:?}: {name}");
    }
    for entry in fs::read_dir(first.folder.join("tables")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // What it cost is another matter, and LaTeX names the run.
        if name.ends_with(".csv") && !["cost.csv", "provenance.csv"].contains(&&*name) {
            let name = format!("tables/{name}");
            assert_eq!(again.text(&name), first.text(&name), "{settings:?}");
        }
    }
    (lab, first)
}

/// The parameters by which a run tells its variants apart.
fn params(run: &Run) -> Vec<(String, Value)> {
    let metrics: Value = serde_json::from_slice(&run.bytes("metrics.json")).unwrap();
    let variants = metrics["variants"].as_array().unwrap().iter();
    variants.map(|variant| (variant["id"].as_str().unwrap().to_owned(), variant["params"].clone())).collect()
}

#[test]
fn settings_of_the_command_line_over_the_file() {
    repeated("", &["with.max_epochs=1", "protocol.seeds=[3]", "with.train.network.channels=[2, 2, 3]"], &[]);
    repeated(
        "",
        &[
            "labels=seven",
            "protocol={ kind: group-kfold, group: speaker, folds: 3, dev: none }",
            "with.train.training.stopping={ kind: fixed }",
        ],
        &[],
    );
}

#[test]
fn settings_of_the_command_line_over_a_variants_own() {
    let (_lab, run) =
        repeated(VARIANTS, &["with.norm_axis=channel", "protocol.seeds=[1]", "with.max_epochs=1"], &[]);
    let same = serde_json::json!({ "with.norm_axis": "channel", "with.max_epochs": 1 });
    let other = serde_json::json!({ "with.norm_axis": "channel", "protocol.seeds": [1] });
    assert_eq!(params(&run), [("time".to_owned(), same), ("channel".to_owned(), other)]);
    assert!(
        run.ended.stderr.contains("variant `channel` computes the very same as `time`"),
        "{}",
        run.ended.stderr
    );
    assert!(run.text("report.md").contains("Computes the very same as"));
}

#[test]
fn settings_of_the_command_line_over_a_profiles_and_a_sweeps() {
    let (_lab, run) = repeated(VARIANTS, &["profile=quick", "with.max_epochs=2"], &[]);
    assert!(run.text("resolved.yaml").contains("profile: quick"));
    assert!(run.text("report.md").contains("ade with profile"));
    let (_lab, run) = repeated(SWEEP, &["with.lr=3e-3", "with.max_epochs=1"], &[]);
    let point = |batch: u32| serde_json::json!({ "with.lr": 0.003, "with.batch_size": batch });
    let expected = [8, 16].map(|batch| (format!("lr=0.003,batch_size={batch}"), point(batch)));
    assert_eq!(params(&run), expected);
}

#[test]
fn a_run_without_a_corpus() {
    let published = "report: { published: { wa: 0.5, source: table 1 } }\n";
    let (_lab, run) = repeated(published, &["with.max_epochs=1"], &["--partial"]);
    let report = run.text("report.md");
    let (_, notices) = report.split_once("## Before you read the figures").unwrap();
    let first = notices.trim_start().lines().next().unwrap();
    assert_eq!(first, "- **default**: Without SAVEE: asked for by the experiment, and left out.");
    let (_, beside) = report.split_once("### Published figures").unwrap();
    assert!(beside.contains("Without SAVEE"), "{beside}");
}
