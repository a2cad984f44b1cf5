//! Mistakes in what a user writes, and the whole of what is said about them.

use std::fmt::Write;
use std::fs;

use crate::binaries::workspace;
use crate::lab::{Ended, Lab, TINY};

/// A mistake: what it is, and what stands where in the experiment or the pipeline instead.
type Mistake = (&'static str, &'static [(&'static str, &'static str)]);

/// The protocol of [`TINY`].
const KFOLD: &str = "kind: group-kfold, group: speaker, folds: 3, dev: next-fold";

const IN_EXPERIMENTS: &[Mistake] = &[
    ("a misspelt key", &[("protocol:", "protcol:")]),
    ("an unknown corpus", &[("ravdess:", "ravdes:")]),
    ("an unknown label scheme", &[("labels: native", "labels: sevn")]),
    ("another name than the file's", &[("name: tiny", "name: small")]),
    ("an unknown pipeline", &[("cnn.yaml", "cn.yaml")]),
    ("a word for a number", &[("folds: 3", "folds: three")]),
    ("a number out of range", &[("folds: 3", "folds: 1")]),
    ("folds that leave nothing to train on", &[("folds: 3", "folds: 2")]),
    ("seeds that are no list", &[("seeds: [1]", "seeds: 1")]),
    ("a seed twice", &[("seeds: [1]", "seeds: [1, 1]")]),
    ("an unknown variable", &[("norm_axis: channel", "norm_axes: channel")]),
    ("a parameter of an unknown node", &[("mfcc.n_fft", "mfc.n_fft")]),
    ("an unknown parameter", &[("mfcc.n_fft", "mfcc.nfft")]),
    ("an unknown protocol", &[("group-kfold", "group-k-fold")]),
    ("a random split without permission", &[(KFOLD, "kind: random, test: 0.2")]),
    ("an unknown permission", &[(KFOLD, "kind: random"), ("use:", "unsafe: [shared-speaker]\nuse:")]),
    ("permissions that are no list", &[(KFOLD, "kind: random"), ("use:", "unsafe: shared-speakers\nuse:")]),
    ("permissions that nothing needs", &[("use:", "unsafe: [shared-audio, selection-on-test]\nuse:")]),
    ("a dev part that is neither", &[(KFOLD, "kind: leave-one-group-out, dev: next-fold")]),
    ("a dev part that is too large", &[(KFOLD, "kind: official, dev: 0.7")]),
    ("nothing of that kind to keep apart", &[("folds: 3", "folds: 3, disjoint: [speaker, words]")]),
    ("a split without a path", &[(KFOLD, "kind: file")]),
    ("a split that is not there", &[(KFOLD, "kind: file, path: splits/mine.csv")]),
    (
        "statistics by speaker, of training speakers alone",
        &[("norm_axis:", "standardise: speaker\n  norm_axis:")],
    ),
    ("a sweep over a value twice", &[("use:", "sweep: { product: { with.lr: [1e-3, 0.001] } }\nuse:")]),
    ("nothing of that name to compare with", &[("use:", "report: { baseline: usual }\nuse:")]),
    ("a tab", &[("  ravdess:", "\travdess:")]),
    (
        "five at once",
        &[
            ("ravdess:", "ravdes:"),
            ("labels: native", "labels: sevn"),
            ("group: speaker", "group: speakers"),
            ("max_epochs: 2", "max_epochs: -2"),
            ("audio.seconds: 1", "audio.second: 1"),
        ],
    ),
];

/// What the pipeline says of standardisation.
const BY: &str = "}, by: $standardise, per";

const IN_PIPELINES: &[Mistake] = &[
    ("an unknown op", &[("op: mfcc", "op: mffc")]),
    (
        "an unknown input",
        &[("features: $features, train: split.train, dev", "features: mfc, train: split.train, dev")],
    ),
    ("an unknown output", &[("split.train, dev", "split.trian, dev")]),
    ("an unknown port", &[("in: { model: train", "in: { models: train")]),
    ("test rows to train on", &[("train: split.train, dev", "train: split.test, dev")]),
    ("test rows to choose on", &[("dev: split.dev, ", "dev: split.test, ")]),
    ("training rows to predict", &[("[split.dev, split.test]", "[split.dev, split.train]")]),
    (
        "sound where features are needed",
        &[("features: $features, train: split.train, dev", "features: audio, train: split.train, dev")],
    ),
    ("an input left out", &[("train: split.train, dev", "dev")]),
    ("training without seeds", &[("per: [fold, seed]\n  predict", "per: [fold]\n  predict")]),
    ("stopping early without a dev part", &[("dev: split.dev, ", "")]),
    ("test speakers to take statistics of", &[(BY, ", enrol: [split.dev, split.test] }, by: speaker, per")]),
    ("speakers for statistics of all of them", &[(BY, ", enrol: split.dev }, by: band, per")]),
    ("an op that every experiment has", &[("op: standardise", "op: folds")]),
    ("the name of a node that is there", &[("  metrics:", "  compare:")]),
    ("an evaluation of each fold", &[("train: split.train } }", "train: split.train }, per: fold }")]),
    ("a node that waits for itself", &[("predictions: predict", "predictions: metrics.predictions")]),
    (
        "two evaluations",
        &[
            ("predictions: predict", "predictions: again.predictions"),
            ("  metrics:", "  again: { op: evaluate, in: { predictions: metrics.predictions } }\n  metrics:"),
        ],
    ),
    (
        "three at once",
        &[
            ("op: audio", "op: adio"),
            ("features: $features, train: split.train, dev", "features: mfc, train: split.train, dev"),
            ("$lr", "$learning_rate"),
        ],
    ),
];

#[test]
fn in_experiments() {
    let cases = IN_EXPERIMENTS.iter().map(|(what, edits)| {
        let lab = Lab::finished();
        lab.write("tiny.yaml", &edited(TINY, edits));
        case(&lab, what, &["plan", "tiny.yaml"])
    });
    insta::assert_snapshot!(cases.collect::<String>());
}

#[test]
fn in_pipelines() {
    let pipeline = fs::read_to_string(workspace().join("pipelines/cnn.yaml")).unwrap();
    let cases = IN_PIPELINES.iter().map(|(what, edits)| {
        let lab = Lab::finished();
        lab.write("own.yaml", &edited(&pipeline, edits));
        lab.write("tiny.yaml", &TINY.replace("pipelines/cnn.yaml", "own.yaml"));
        case(&lab, what, &["plan", "tiny.yaml"])
    });
    insta::assert_snapshot!(cases.collect::<String>());
}

#[test]
fn on_the_command_line() {
    let lab = Lab::finished();
    let cases: &[(&str, &[&str])] = &[
        ("no such file", &["run", "tyni.yaml"]),
        ("a setting without a value", &["run", "tiny.yaml", "--set", "protocol.folds"]),
        ("a setting of an unknown key", &["run", "tiny.yaml", "--set", "protcol.folds=3"]),
        ("a setting of the wrong type", &["run", "tiny.yaml", "--set", "protocol.folds=many"]),
        ("a setting below a text", &["run", "tiny.yaml", "--set", "name.first=3"]),
        ("an unknown device", &["run", "tiny.yaml", "--device", "gpu"]),
        ("an unknown node to explain", &["explain", "tiny.yaml", "trian[fold=1,seed=1]"]),
        ("an unknown node to find", &["path", "tiny.yaml", "mfc"]),
        ("an unknown output to find", &["path", "tiny.yaml", "mfcc.frames"]),
        ("an unknown node to plan", &["plan", "tiny.yaml", "--only", "mfc"]),
        ("an unknown node to run", &["run", "tiny.yaml", "--only", "mfc"]),
        ("no store", &["cache", "du", "--cache", "nowhere"]),
        ("an unknown command", &["rum", "tiny.yaml"]),
    ];
    let cases: String = cases.iter().map(|(what, words)| case(&lab, what, words)).collect();
    insta::assert_snapshot!(cases);
    assert_eq!(
        fs::read_dir(lab.path("runs/tiny")).unwrap().count(),
        2,
        "no run folder is begun for a mistake"
    );
}

#[test]
fn corpora_that_are_missing() {
    let lab = Lab::tiny();
    lab.write(
        "tiny.yaml",
        &TINY.replace("  ravdess:\n", "  ravdess:\n  savee:\n").replace("native", "seven"),
    );
    let mut cases = case(&lab, "one of two", &["run", "tiny.yaml"]);
    cases += &case(&lab, "a data folder that is not there", &["run", "tiny.yaml", "--data", "nowhere"]);
    cases +=
        &case(&lab, "all of them, in a partial run", &["run", "tiny.yaml", "--data", "nowhere", "--partial"]);
    insta::assert_snapshot!(cases);

    let run = lab.run("tiny", &["--partial"]).expect(0);
    assert!(run.ended.stderr.contains("warning: without SAVEE: not found"), "{}", run.ended.stderr);
    assert!(run.text("report.md").contains("| SAVEE | missing-corpus |"), "{}", run.text("report.md"));
    assert!(run.text("report.html").contains("asked for by the experiment, not found, and left out"));
    assert!(run.text("report.md").contains("| RAVDESS | 45 of 1"), "{}", run.text("report.md"));
}

fn edited(text: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text.to_owned(), |text, (old, new)| {
        assert_eq!(text.matches(old).count(), 1, "`{old}` in\n{text}");
        text.replace(old, new)
    })
}

/// Runs the words, which must be refused as wrong, and shows what was said.
fn case(lab: &Lab, what: &str, words: &[&str]) -> String {
    let Ended { code, stdout, stderr } = lab.xtask(&[words, &[]].concat());
    assert_eq!(stdout, "", "{what}: results are for what went well");
    let mut text = String::new();
    writeln!(text, "==== {what}: {} (exit {})", words.join(" "), code.unwrap()).unwrap();
    writeln!(text, "{}", lab.anonymous(&stderr).trim_end()).unwrap();
    assert_eq!(code, Some(2), "{text}");
    text
}
