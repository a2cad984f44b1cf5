//! The store: damage found and repaired, its size told, its artefacts handed out.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::journal::Journal;
use crate::lab::Lab;

/// The stored file of a node's output, as `path` tells it.
fn artefact(lab: &Lab, node: &str) -> PathBuf {
    let told = lab.xtask(&["path", "tiny.yaml", node, "--device", "cpu"]).expect(0);
    let path = PathBuf::from(told.stdout.trim());
    assert!(path.is_absolute() && path.exists(), "{told:?}");
    path
}

/// Turns one bit of a file, as a bad disk does.
fn damage(path: &PathBuf) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn damage_is_seen_by_who_reads_it_and_repaired() {
    let lab = Lab::finished();
    let before = lab.run("tiny", &[]).expect(0);
    damage(&artefact(&lab, "train[fold=1,seed=1].model"));
    let run = lab.run("tiny", &["--set", "with.predict.batch_size=5"]).expect(0);
    let ran = run.ran();
    assert!(ran.contains(&"train[fold=1,seed=1]".to_owned()), "{ran:?}");
    assert!(!ran.contains(&"train[fold=2,seed=1]".to_owned()), "{ran:?}");
    assert_eq!(run.journal.outputs("train"), before.journal.outputs("train"), "it comes to the same bytes");
    assert_eq!(fs::read_dir(lab.path(".affekt/quarantine")).unwrap().count(), 1);
}

#[test]
fn damage_that_only_the_report_reads_is_repaired() {
    let lab = Lab::finished();
    let before = lab.run("tiny", &[]).expect(0);
    for (output, maker) in [("metrics", "metrics"), ("train[fold=2,seed=1].history", "train[fold=2,seed=1]")]
    {
        damage(&artefact(&lab, output));
        let mended = lab.xtask(&["run", "tiny.yaml", "--device", "cpu"]).expect(0);
        assert!(mended.stderr.contains("is damaged; computing it again"), "{}", mended.stderr);
        assert_eq!(Journal::read(&lab.path("runs/tiny/latest")).nodes("ran"), [maker]);
        assert_eq!(lab.run("tiny", &[]).expect(0).bytes("metrics.json"), before.bytes("metrics.json"));
    }
    fs::remove_file(artefact(&lab, "train[fold=3,seed=1].history")).unwrap();
    let run = lab.run("tiny", &[]).expect(0);
    assert_eq!(run.ran(), ["train[fold=3,seed=1]"], "what is gone is made again");
}

#[test]
fn fsck_finds_damage_and_the_next_run_repairs_it() {
    let lab = Lab::finished();
    let before = lab.run("tiny", &[]).expect(0);
    let whole = lab.xtask(&["cache", "fsck", "--json"]).expect(0).json();
    assert_eq!((&whole["damaged"], &whole["missing"]), (&Value::Array(Vec::new()), &0.into()));

    let (features, metrics) = (artefact(&lab, "mfcc[shard=0]"), artefact(&lab, "metrics"));
    damage(&features);
    damage(&metrics);
    let found = lab.xtask(&["cache", "fsck", "--json"]).expect(0).json();
    let mut damaged: Vec<&str> =
        found["damaged"].as_array().unwrap().iter().map(|d| d.as_str().unwrap()).collect();
    let mut expected = [&features, &metrics].map(|path| path.file_name().unwrap().to_str().unwrap());
    damaged.sort_unstable();
    expected.sort_unstable();
    assert_eq!(damaged, expected);
    let again = lab.xtask(&["cache", "fsck"]).expect(0);
    assert!(again.stdout.contains("0 damaged, 2 outputs not stored"), "{}", again.stdout);

    let run = lab.run("tiny", &[]).expect(0);
    assert_eq!(run.ran(), ["metrics"], "what nobody reads need not be there");
    assert_eq!(run.bytes("metrics.json"), before.bytes("metrics.json"));
    let run = lab.run("tiny", &["--only", "mfcc"]).expect(0);
    assert_eq!(run.ran(), ["mfcc[shard=0]"]);
    let healed = lab.xtask(&["cache", "fsck", "--json"]).expect(0).json();
    assert_eq!((&healed["damaged"], &healed["missing"]), (&Value::Array(Vec::new()), &0.into()));
}

#[test]
fn a_record_that_is_cut_off_counts_for_nothing() {
    let lab = Lab::finished();
    lab.run("tiny", &[]).expect(0);
    let explained =
        lab.xtask(&["explain", "tiny.yaml", "folds", "--device", "cpu", "--json"]).expect(0).json();
    let key = explained["key"].as_str().unwrap();
    let record = lab.path(&format!(".affekt/results/{}/{key}.json", &key[..2]));
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, &text[..text.len() / 2]).unwrap();
    assert_eq!(lab.run("tiny", &[]).expect(0).ran(), ["folds"]);
}

#[test]
fn du_counts_every_op() {
    let lab = Lab::finished();
    let usage = lab.xtask(&["cache", "du", "--json"]).expect(0).json();
    let ops: Vec<&String> = usage["by_op"].as_object().unwrap().keys().collect();
    assert_eq!(
        ops,
        [
            "audio",
            "evaluate",
            "examples",
            "folds",
            "ingest",
            "mfcc",
            "predict",
            "split",
            "standardise",
            "train"
        ]
    );
    assert_eq!((&usage["results"], &usage["unnamed"]), (&18.into(), &serde_json::json!([0, 0])));
    assert!(usage["by_op"]["audio"][1].as_u64().unwrap() > 45 * 8_000);
    let text = lab.xtask(&["cache", "du"]).expect(0).stdout;
    assert!(text.contains("18 results"), "{text}");
    lab.xtask(&["cache", "gc"]).expect(0);
    assert_eq!(lab.run("tiny", &[]).expect(0).ran(), [""; 0], "what results name stays");
}

#[test]
fn path_hands_out_files_and_folders_of_shards() {
    let lab = Lab::finished();
    lab.run("tiny", &[]).expect(0);
    assert!(artefact(&lab, "train[fold=1,seed=1]").is_file());
    assert_ne!(artefact(&lab, "train[fold=1,seed=1].history"), artefact(&lab, "train[fold=1,seed=1].model"));
    let shards = artefact(&lab, "mfcc");
    assert!(shards.is_dir());
    assert_eq!(
        fs::read(shards.join("0000.arrow")).unwrap(),
        fs::read(artefact(&lab, "mfcc[shard=0]")).unwrap()
    );
    assert_eq!(shards, artefact(&lab, "mfcc"), "asked twice, told the same");
    let not_there = ["path", "tiny.yaml", "metrics", "--device", "cpu", "--set", "with.lr=0.5"];
    let told = lab.xtask(&not_there).expect(1);
    assert_eq!(told.stdout, "");
    assert!(
        told.stderr.contains("`metrics` is not finished\nhint: run `cargo xtask run tiny.yaml` first"),
        "{told:?}"
    );
}

#[test]
fn explain_says_what_changed() {
    let lab = Lab::finished();
    lab.run("tiny", &[]).expect(0);
    let explain = |node: &str, more: &[&str]| {
        let words = [&["explain", "tiny.yaml", node, "--device", "cpu"], more].concat();
        (lab.xtask(&words).expect(0).stdout, lab.xtask(&[&words[..], &["--json"]].concat()).expect(0).json())
    };
    let (text, json) = explain("train[fold=1,seed=1]", &[]);
    assert!(text.contains(": cached\nkey ") && text.contains("nothing changed since the last run"), "{text}");
    assert_eq!((&json["version"], &json["changed"]), (&1.into(), &Value::Array(Vec::new())));

    let (text, json) = explain("train[fold=1,seed=1]", &["--set", "with.lr=0.01"]);
    assert!(text.contains("params.training.lr: 0.001 → 0.01"), "{text}");
    let change = serde_json::json!([{ "name": "params.training.lr", "before": "0.001", "after": "0.01" }]);
    assert_eq!((&json["state"], &json["changed"]), (&"run".into(), &change));

    let (text, json) = explain("metrics", &["--set", "with.lr=0.01"]);
    assert!(text.contains("no key yet: awaits `predict[fold=1,seed=1]`"), "{text}");
    assert_eq!((&json["state"], &json["key"]), (&"may-run".into(), &Value::Null));

    fs::remove_file(lab.path("data/RAVDESS/Actor_01/03-01-05-01-01-01-01.wav")).unwrap();
    let (text, _) = explain("ingest[corpus=RAVDESS]", &[]);
    assert!(text.contains("outside: "), "a corpus that changed is seen: {text}");
}

#[test]
fn audit_tells_leaks_by_its_exit_code() {
    let lab = Lab::tiny();
    let audit = lab.xtask(&["audit", "tiny.yaml", "--json"]).expect(0).json();
    let variant = &audit["variants"][0];
    assert_eq!((&variant["id"], &variant["leaks"]), (&"default".into(), &Value::Array(Vec::new())));
    let text = lab.xtask(&["audit", "tiny.yaml"]).expect(0).stdout;
    assert!(text.contains("shared between roles: 0 × speaker"), "{text}");
    assert!(text.contains("no leak: nothing is shared that must not be"), "{text}");
    assert!(!lab.path("runs").exists(), "an audit is no run");

    // One recording under the names of two speakers: no protocol over speakers may part them.
    let twin = |actor: &str| lab.path(&format!("data/RAVDESS/Actor_{actor}/03-01-05-01-01-01-{actor}.wav"));
    fs::copy(twin("01"), twin("02")).unwrap();
    fs::copy(twin("01"), twin("03")).unwrap();
    let told = lab.xtask(&["audit", "tiny.yaml"]).expect(1).stdout;
    assert!(told.contains("LEAK: "), "{told}");

    let random =
        ["--set", "protocol={kind: random, test: 0.3, dev: 0.3}", "--set", "unsafe=[shared-speakers]"];
    let told = lab.xtask(&[&["audit", "tiny.yaml"], &random[..]].concat()).expect(0).stdout;
    assert!(told.contains("stamped: speakers shared"), "{told}");
}

#[test]
fn gc_drops_what_is_cheap_says_what_it_costs_and_keeps_what_is_pinned() {
    let lab = Lab::finished();
    lab.run("tiny", &[]).expect(0);
    let dry = ["cache", "gc", "--max-size", "0", "--recent", "0", "--dry-run"];
    let told = lab.xtask(&dry).expect(0);
    assert!(told.stdout.contains("kept: 18 of finished runs"), "{}", told.stdout);
    assert!(told.stderr.contains("warning: what is kept is more than 0 B"), "{}", told.stderr);

    let pinned = lab.xtask(&["cache", "pin", "runs/tiny/latest", "--node", "mfcc"]).expect(0).stdout;
    assert!(pinned.starts_with("1 result pinned: tiny/"), "{pinned}");
    let pins = lab.xtask(&["cache", "pins", "--json"]).expect(0).json();
    assert_eq!(pins[0]["keys"].as_array().unwrap().len(), 1);
    let pictures = artefact(&lab, "mfcc[shard=0]");
    let (sound, features) = (artefact(&lab, "audio[shard=0]"), fs::metadata(&pictures).unwrap().len());

    let drop: Vec<&str> = dry[..6].iter().copied().chain(["--also", "runs", "--json"]).collect();
    let freed = lab.xtask(&drop).expect(0).json();
    assert_eq!(freed["kept"]["pinned"], serde_json::json!([1, features]));
    assert_eq!(freed["dropped"].as_array().unwrap().len(), 17);
    assert!(!sound.exists() && pictures.exists());
    let usage = lab.xtask(&["cache", "du"]).expect(0).stdout;
    assert!(usage.contains("pinned: 1 objects"), "{usage}");
    lab.xtask(&["cache", "unpin", "runs/tiny/latest", "--node", "mfcc"]).expect(0);
    lab.xtask(&["cache", "unpin", "runs/tiny/latest"]).expect(2);

    let run = lab.run("tiny", &[]).expect(0);
    assert!(!run.ran().iter().any(|id| id.starts_with("audio")), "nobody reads it: {:?}", run.ran());
    assert_eq!(lab.run("tiny", &[]).expect(0).ran(), [""; 0]);
}
