//! After an experiment: a final model of everything, and models and predictions from elsewhere on another corpus.

use std::collections::BTreeSet;
use std::fs;

use affekt_table::TableFile;
use affekt_table::predictions::{self, Predictions};
use serde_json::Value;

use crate::lab::{Lab, Run, TINY};

const NONE: &str = "protocol={ kind: none, epochs: { from: runs/tiny/latest } }";

fn predicted(run: &Run) -> Predictions {
    predictions::read(&TableFile::open_path(&run.folder.join("predictions.arrow")).unwrap()).unwrap()
}

fn metrics(run: &Run) -> Value {
    serde_json::from_slice(&run.bytes("metrics.json")).unwrap()
}

fn json(lab: &Lab, path: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(lab.path(path)).unwrap()).unwrap()
}

/// A lab in which `tiny` has run, and `final`, which trains on everything for as long as `tiny` did.
fn with_final_model() -> (Lab, Run) {
    let lab = Lab::finished();
    lab.write("final.yaml", &TINY.replace("name: tiny", "name: final"));
    let run = lab.run("final", &["--set", NONE]).expect(0);
    (lab, run)
}

/// An experiment that tests what a pipeline of its own says.
fn elsewhere(lab: &Lab, nodes: &str, more: &str) {
    let nodes = format!("nodes:\n{nodes}  metrics: {{ op: evaluate, in: {{ predictions: predict }} }}\n");
    lab.write("own.yaml", &nodes);
    let text = "name: elsewhere\ncorpora: { ravdess: }\nlabels: native\nprotocol: { kind: test-only }\nuse: own.yaml\n";
    lab.write("elsewhere.yaml", &format!("{text}{more}"));
}

const MODEL: &str = "  model: { op: model, from: runs/final/latest/model }\n  predict:\n    op: predict\n    \
                     in: { model: model, features: model.features, rows: split.test }\n    per: fold\n";

#[test]
fn a_final_model_trains_on_everything_and_names_the_run_that_chose_its_epochs() {
    let (lab, run) = with_final_model();
    let ran = run.ran();
    assert!(ran.contains(&"train[fold=1,seed=1]".to_owned()), "{ran:?}");
    assert!(!ran.iter().any(|node| node.starts_with("predict") || node.starts_with("metrics")), "{ran:?}");
    assert!(!run.folder.join("report.html").exists() && !run.folder.join("metrics.json").exists());
    assert!(run.ended.stdout.trim().ends_with("/model"), "{}", run.ended.stdout);

    let kept: Vec<f64> = json(&lab, "runs/tiny/latest/trainings.json")["trainings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|training| training["kept_epoch"].as_f64().unwrap())
        .collect();
    assert_eq!(kept.len(), 3);
    let mean = (kept.iter().sum::<f64>() / 3.0).round();
    let exported = json(&lab, "runs/final/latest/model/affekt.json");
    assert_eq!(exported["card"]["epochs"].as_f64(), Some(mean));
    let rows = predicted(&lab.run("tiny", &[]).expect(0)).rows;
    let tested = rows.iter().filter(|row| row.role == affekt_domain::Role::Test).count();
    assert_eq!(exported["card"]["training_rows"], tested);
    let run_of = exported["epochs_from"].as_str().unwrap();
    assert!(run_of.starts_with("tiny/20"), "{run_of}");
    let page = fs::read_to_string(lab.path("runs/final/latest/model/README.md")).unwrap();
    assert!(page.contains(&format!("the mean of what the trainings of run `{run_of}` kept")), "{page}");

    // `latest` moves on, and the run's folder alone is still the same training.
    let resolved = fs::read_to_string(run.folder.join("resolved.yaml")).unwrap();
    assert!(resolved.contains(&format!("from: {run_of}\n    epochs: {mean}\n")), "{resolved}");
    fs::rename(lab.path("runs/tiny"), lab.path("runs/away")).unwrap();
    let file = run.folder.join("resolved.yaml");
    let again =
        lab.run_by("final", lab.command(&["run", &file.to_string_lossy(), "--device", "cpu"])).expect(0);
    assert_eq!(again.ran(), [""; 0]);
    let page = fs::read_to_string(lab.path("runs/final/latest/model/README.md")).unwrap();
    assert!(page.contains(&format!("of run `{run_of}` kept")), "{page}");
    fs::rename(lab.path("runs/away"), lab.path("runs/tiny")).unwrap();

    // The same number by hand is the same training.
    let by_hand = format!("protocol={{ kind: none, epochs: {mean} }}");
    assert_eq!(lab.run("final", &["--set", &by_hand]).expect(0).ran(), [""; 0]);
    // Nothing else says for how long.
    let refused = lab.xtask(&["plan", "final.yaml", "--set", "protocol={ kind: none }"]).expect(2).stderr;
    assert!(refused.contains("`epochs: { from: RUN }` of a finished run"), "{refused}");
    let missing = "protocol={ kind: none, epochs: { from: runs/no } }";
    let refused = lab.xtask(&["plan", "final.yaml", "--set", missing]).expect(2).stderr;
    assert!(refused.contains("failed to take epochs from runs/no/trainings.json"), "{refused}");
    let scored = "protocol={ kind: group-kfold, group: speaker, epochs: 3 }";
    let refused = lab.xtask(&["plan", "final.yaml", "--set", scored]).expect(2).stderr;
    assert!(refused.contains("`epochs` is for a final model"), "{refused}");
}

#[test]
fn an_exported_model_is_tested_on_a_labelled_corpus_and_audited() {
    let (lab, _) = with_final_model();
    elsewhere(&lab, MODEL, "");
    let refused = lab.xtask(&["run", "elsewhere.yaml", "--device", "cpu"]).expect(1).stderr;
    assert!(refused.contains("`runs/final/latest/model` was trained on"), "{refused}");
    assert!(refused.contains("test speakers of RAVDESS with their labels"), "{refused}");
    let run = lab.run("elsewhere", &["--set", "unsafe=[earlier-test-labels]"]).expect(0);
    let stamps = metrics(&run)["variants"][0]["stamps"].clone();
    assert_eq!(stamps, serde_json::json!(["trained earlier with test speakers' labels"]));

    // What `predict` says of the recordings is what the experiment says.
    let found = predicted(&run);
    assert!(found.rows.iter().all(|row| row.role == affekt_domain::Role::Test && row.fold == 1));
    let utterances: BTreeSet<&String> = found.rows.iter().map(|row| &row.utterance).collect();
    assert_eq!(utterances.len(), found.rows.len());
    let row = &found.rows[0];
    let recording = format!("data/{}.wav", row.utterance);
    let said = lab.xtask(&["predict", "runs/final/latest/model", &recording, "--device", "cpu"]).expect(0);
    let said: Value = serde_json::from_str(said.stdout.trim()).unwrap();
    assert_eq!(said["predicted"], found.task.predicted(&row.outputs).unwrap());

    // Under other names its classes are the scheme's no more.
    let renamed = MODEL.replace("latest/model }", "latest/model, rename: { sad: blue } }");
    elsewhere(&lab, &renamed, "unsafe: [earlier-test-labels]\n");
    let refused = lab.run("elsewhere", &[]).expect(1).ended.stderr;
    assert!(refused.contains("and the model knows") && refused.contains("blue"), "{refused}");
    elsewhere(&lab, &MODEL.replace("runs/final", "runs/none"), "");
    let refused = lab.xtask(&["plan", "elsewhere.yaml"]).expect(2).stderr;
    assert!(refused.contains("there is no folder `runs/none/latest/model`"), "{refused}");
}

#[test]
fn predictions_of_another_program_are_evaluated() {
    let lab = Lab::finished();
    let ours = predicted(&lab.run("tiny", &[]).expect(0));
    let mut csv = "utterance,predicted\n".to_owned();
    for row in ours.rows.iter().filter(|row| row.role == affekt_domain::Role::Test) {
        csv += &format!("{},{}\n", row.utterance, ours.task.predicted(&row.outputs).unwrap());
    }
    lab.write("theirs.csv", &csv);
    let nodes =
        "  predict: { op: predictions-file, path: theirs.csv, in: { rows: split.test }, per: fold }\n";
    elsewhere(&lab, nodes, "");
    let run = lab.run("elsewhere", &[]).expect(0);
    let accuracy = |metrics: &Value| metrics["variants"][0]["aggregate"]["wa"]["pooled"].as_f64().unwrap();
    let tiny = json(&lab, "runs/tiny/latest/metrics.json");
    assert!((accuracy(&metrics(&run)) - accuracy(&tiny)).abs() < 1e-12);
    // Other bytes are another result, and every row needs a line.
    let (fewer, last) = csv.trim_end().rsplit_once('\n').unwrap();
    lab.write("theirs.csv", fewer);
    let refused = lab.run("elsewhere", &[]).expect(1).ended.stderr;
    let utterance = last.split(',').next().unwrap();
    assert!(refused.contains(&format!("1 test rows have no line, such as `{utterance}`")), "{refused}");
}
