//! A run from nothing: what it leaves behind, that running it again does nothing, that it repeats to the byte.

use std::fs;

use affekt_table::TableFile;
use affekt_table::predictions;
use serde_json::Value;

use crate::lab::{Lab, Run, TINY};

#[test]
fn a_run_leaves_a_whole_folder_behind() {
    let lab = Lab::tiny();
    let run = lab.run("tiny", &[]).expect(0);

    assert_eq!(run.journal.outcome(), Some("done"));
    assert_eq!(run.ran().len(), 18, "{:?}", run.ran());
    assert_eq!(run.ended.stdout.trim(), lab.anonymous(&run.ended.stdout).trim());
    assert_eq!(
        lab.path(run.ended.stdout.trim()),
        run.folder.join("report.html"),
        "stdout is the report's path"
    );
    let latest = lab.path("runs/tiny/latest");
    assert!(latest.is_symlink());
    assert_eq!(latest.canonicalize().unwrap(), run.folder.canonicalize().unwrap());

    assert!(run.text("resolved.yaml").contains("folds: 3"));
    assert!(run.text("report.md").contains("| default |"));
    for table in ["results", "confusion-default", "classes-default", "groups-default"] {
        assert!(run.text(&format!("tables/{table}.tex")).contains(r"\begin{tabular}"), "{table}");
    }
    let curves = fs::read_dir(run.folder.join("tensorboard/default")).unwrap().count();
    assert_eq!(curves, 3, "a folder for each training run");
    is_offline(&run.text("report.html"));
    has_the_schema(&serde_json::from_slice(&run.bytes("metrics.json")).unwrap());

    let table = TableFile::open_path(&run.folder.join("predictions.arrow")).unwrap();
    assert_eq!(table.metadata("affekt.version"), Some("1"));
    let table = predictions::read(&table).unwrap();
    assert_eq!(table.rows.len(), 2 * 45, "every recording is in dev once and in test once");
    assert!(table.rows.iter().all(|row| row.variant == "default" && row.outputs.len() == 8));
}

/// A page that shows the same without a network: nothing is loaded from elsewhere.
fn is_offline(html: &str) {
    assert!(html.contains("<svg"), "curves and matrices are drawn in the page");
    let inside = html.replace(" src=\"data:", "");
    for load in [" src=", "<link", "@import", "url(", "<iframe", "<object", "fetch("] {
        assert!(!inside.contains(load), "the report loads something by `{load}`");
    }
}

fn has_the_schema(metrics: &Value) {
    assert_eq!((&metrics["version"], &metrics["experiment"]), (&1.into(), &"tiny".into()));
    let variant = &metrics["variants"][0];
    assert_eq!((&variant["id"], &variant["protocol"]), (&"default".into(), &"group-kfold".into()));
    assert!(variant["params"].is_object() && variant["stamps"].is_array());
    let classes = variant["classes"].as_array().unwrap();
    assert_eq!(classes.len(), 8);
    for measure in ["uar", "wa", "macro_f1"] {
        let aggregate = &variant["aggregate"][measure];
        let share = |name: &str| (0.0..=1.0).contains(&aggregate[name].as_f64().unwrap());
        assert!(share("mean") && share("std_folds") && share("pooled"), "{aggregate}");
        assert!(aggregate["std_seeds"].is_null(), "one seed has no spread");
        assert!(aggregate["ci95"].is_null(), "three speakers are too few for an interval");
        assert_eq!(aggregate["clusters"], 3);
    }
    let cells = variant["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 3, "one fold and seed a cell");
    for (number, cell) in (1..).zip(cells) {
        assert_eq!((&cell["fold"], &cell["seed"]), (&number.into(), &1.into()));
        assert_eq!(cell["confusion"].as_array().unwrap().len(), 8);
        let supports = classes.iter().map(|class| &cell["per_class"][class.as_str().unwrap()]["support"]);
        assert_eq!(supports.map(|support| support.as_u64().unwrap()).sum::<u64>(), 15);
    }
}

#[test]
fn a_second_run_does_nothing_and_a_plan_says_so() {
    let lab = Lab::tiny();
    let check = ["plan", "tiny.yaml", "--device", "cpu", "--check"];
    lab.xtask(&check).expect(3);
    let first = lab.run("tiny", &[]).expect(0);
    lab.xtask(&check).expect(0);

    let second = lab.run("tiny", &[]).expect(0);
    assert_eq!(second.ran(), [""; 0]);
    assert_eq!(second.journal.nodes("cached"), first.ran());
    assert_eq!(second.bytes("predictions.arrow"), first.bytes("predictions.arrow"));
    assert_eq!(second.bytes("metrics.json"), first.bytes("metrics.json"));
    assert!(lab.plan("tiny", &[]).iter().all(|(_, state)| state == "cached"));

    let changed = [&check[..], &["--set", "with.lr=0.01"]].concat();
    let plan = lab.xtask(&changed).expect(3);
    assert!(plan.stdout.contains("params.training.lr was 0.001, is 0.01"), "{}", plan.stdout);
    lab.xtask(&check).expect(0);
}

#[test]
fn two_empty_stores_come_to_the_same_bytes() {
    let (one, other) = (Lab::tiny(), Lab::tiny());
    let one = one.run("tiny", &["--jobs", "1"]).expect(0);
    let other = other.run("tiny", &["--jobs", "4"]).expect(0);
    assert_eq!(one.bytes("predictions.arrow"), other.bytes("predictions.arrow"));
    assert_eq!(one.bytes("metrics.json"), other.bytes("metrics.json"));
    assert_eq!(one.journal.outputs("train").len(), 6);
    assert_eq!(one.journal.outputs("train"), other.journal.outputs("train"));
}

#[test]
fn seeds_and_folds_differ() {
    let lab = Lab::tiny();
    let run = lab.run("tiny", &["--set", "protocol.seeds=[1, 2]"]).expect(0);
    let models: Vec<_> =
        run.journal.outputs("train").into_iter().filter(|(name, _)| name.ends_with(".model")).collect();
    assert_eq!(models.len(), 6);
    let different: std::collections::BTreeSet<_> = models.iter().map(|(_, digest)| digest).collect();
    assert_eq!(different.len(), 6, "{models:#?}");
}

#[test]
fn variants_are_compared() {
    let lab = Lab::tiny();
    let variants = "variants:\n  slow: { with.lr: 1e-4 }\n  usual: {}\n  fast: { with.lr: 1e-2 }\n";
    lab.write("tiny.yaml", &format!("{TINY}{variants}"));
    let pairs = |run: &Run| -> Vec<String> {
        let metrics: Value = serde_json::from_slice(&run.bytes("metrics.json")).unwrap();
        let pairs = metrics["comparisons"]["pairs"].as_array().unwrap();
        let pair = |pair: &Value| format!("{} {}", pair["a"].as_str().unwrap(), pair["b"].as_str().unwrap());
        pairs.iter().map(pair).collect()
    };
    let run = lab.run("tiny", &[]).expect(0);
    assert!(run.ran().contains(&"compare".to_owned()), "{:?}", run.ran());
    assert_eq!(pairs(&run), ["slow usual", "slow fast", "usual fast"]);

    let run = lab.run("tiny", &["--set", "report.baseline=usual"]).expect(0);
    assert_eq!(run.ran(), ["compare"], "how variants are reported trains nothing");
    assert_eq!(pairs(&run), ["slow usual", "fast usual"]);

    let told = lab.xtask(&["plan", "tiny.yaml", "--set", "report.baseline=usaul"]).expect(2).stderr;
    assert!(told.contains("did you mean `usual`? there are `slow`, `usual`, `fast`"), "{told}");
}
