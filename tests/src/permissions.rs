//! What honest evaluation forbids: refused where it is not permitted, and stamped on every table where it is.

use std::fs;

use serde_json::Value;

use crate::binaries::workspace;
use crate::lab::{Lab, Run, TINY};

/// A lab with [`TINY`], its pipeline edited.
fn lab(edits: &[(&str, &str)]) -> Lab {
    let lab = Lab::tiny();
    let mut pipeline = fs::read_to_string(workspace().join("pipelines/cnn.yaml")).unwrap();
    for (old, new) in edits {
        assert_eq!(pipeline.matches(old).count(), 1, "`{old}` in\n{pipeline}");
        pipeline = pipeline.replace(old, new);
    }
    lab.write("own.yaml", &pipeline);
    lab.write("tiny.yaml", &TINY.replace("pipelines/cnn.yaml", "own.yaml"));
    lab
}

/// The stamps of the only variant, which stand in the report too.
fn stamps(run: &Run) -> Vec<String> {
    let metrics: Value = serde_json::from_slice(&run.bytes("metrics.json")).unwrap();
    let stamps = metrics["variants"][0]["stamps"].as_array().unwrap();
    let stamps: Vec<String> = stamps.iter().map(|stamp| stamp.as_str().unwrap().to_owned()).collect();
    assert!(stamps.iter().all(|stamp| run.text("report.md").contains(stamp)), "{stamps:?}");
    stamps
}

#[test]
fn honest_evaluation_has_no_stamp() {
    assert_eq!(stamps(&Lab::finished().run("tiny", &[]).expect(0)), [""; 0]);
}

#[test]
fn a_random_split_says_that_speakers_are_shared() {
    let lab = Lab::tiny();
    let random = "protocol={ kind: random, test: 0.3, dev: 0.3, seeds: [1] }";
    let refused = lab.xtask(&["run", "tiny.yaml", "--set", random]).expect(2).stderr;
    assert!(refused.contains("add `unsafe: [shared-speakers]` to the experiment"), "{refused}");
    let run = lab.run("tiny", &["--set", random, "--set", "unsafe=[shared-speakers]"]).expect(0);
    assert_eq!(stamps(&run), ["speakers shared"]);
}

#[test]
fn what_the_audit_finds_is_stamped_although_no_protocol_announced_it() {
    let lab = Lab::tiny();
    // One recording under the names of two speakers.
    let twin = |actor: &str| lab.path(&format!("data/RAVDESS/Actor_{actor}/03-01-05-01-01-01-{actor}.wav"));
    fs::copy(twin("01"), twin("02")).unwrap();
    let leaking = lab.run("tiny", &[]).expect(1).ended.stderr;
    assert!(leaking.contains("the folds share what they must not"), "{leaking}");
    let run = lab.run("tiny", &["--set", "unsafe=[shared-audio]"]).expect(0);
    assert_eq!(stamps(&run), ["audio shared"]);
}

#[test]
fn choosing_on_test_rows_is_told_to_the_training_and_stamped() {
    let lab = lab(&[("dev: split.dev, standardise", "dev: split.test, standardise")]);
    lab.xtask(&["run", "tiny.yaml"]).expect(2);
    let run = lab.run("tiny", &["--set", "unsafe=[selection-on-test]"]).expect(0);
    assert_eq!(stamps(&run), ["selected on test"]);
    let words = ["explain", "tiny.yaml", "train[fold=1,seed=1]", "--device", "cpu"];
    let explained = lab.xtask(&[&words[..], &["--set", "unsafe=[selection-on-test]"]].concat()).expect(0);
    assert!(explained.stdout.contains("params.select_on_test"), "{}", explained.stdout);
    // No permission lets test rows into what is fitted.
    let refit =
        ["--set", "unsafe=[selection-on-test]", "--set", "with.train.training.refit=best-epochs-with-dev"];
    let refused = lab.xtask(&[&["plan", "tiny.yaml"], &refit[..]].concat()).expect(2).stderr;
    assert!(refused.contains("would train anew on the test rows that chose its epoch"), "{refused}");
    // Nobody chooses on dev rows, so a protocol without them will do.
    let without = ["--set", "unsafe=[selection-on-test]", "--set", "protocol.dev=none"];
    assert_eq!(stamps(&lab.run("tiny", &without).expect(0)), ["selected on test"]);
}

#[test]
fn statistics_of_test_speakers_are_stamped() {
    let enrol = "train: split.train, enrol: [split.dev, split.test] }, by: $standardise";
    let lab = lab(&[("train: split.train }, by: $standardise", enrol)]);
    let by_speaker = ["--set", "with.standardise=speaker", "--set", "unsafe=[test-speaker-statistics]"];
    let run = lab.run("tiny", &by_speaker).expect(0);
    assert_eq!(stamps(&run), [affekt_spec::protocol::Permission::TestSpeakerStatistics.stamp()]);
    lab.xtask(&["run", "tiny.yaml", "--set", "with.standardise=speaker"]).expect(2);
}

#[test]
fn permissions_of_one_variant_leave_the_folds_of_the_others_alone() {
    let lab = lab(&[("dev: split.dev, standardise", "dev: $dev, standardise")]);
    let variants = "variants:\n  honest: { with.dev: split.dev }\n  peeking: { with.dev: split.test, unsafe: [selection-on-test] }\n";
    let text = fs::read_to_string(lab.path("tiny.yaml")).unwrap();
    lab.write("tiny.yaml", &format!("{text}{variants}"));
    let run = lab.run("tiny", &[]).expect(0);
    let ran = run.ran();
    assert!(ran.contains(&"folds".to_owned()) && ran.contains(&"split[fold=1]".to_owned()), "{ran:?}");
    assert!(ran.contains(&"train[variant=peeking,fold=1,seed=1]".to_owned()), "{ran:?}");
    let metrics: Value = serde_json::from_slice(&run.bytes("metrics.json")).unwrap();
    let stamped: Vec<&Value> =
        metrics["variants"].as_array().unwrap().iter().map(|variant| &variant["stamps"]).collect();
    assert_eq!(stamped, [&Value::from(Vec::<Value>::new()), &Value::from(vec!["selected on test"])]);
}
