//! Two runs that share a store at one time.

use std::collections::BTreeSet;

use crate::lab::{Lab, TINY};

#[test]
fn two_runs_share_the_work() {
    let lab = Lab::tiny();
    let (one, other) = (lab.start("tiny", &[]), lab.start("tiny", &[]));
    let (one, other) = (one.end().expect(0), other.end().expect(0));
    assert_ne!(one.folder, other.folder);
    assert_eq!(one.bytes("predictions.arrow"), other.bytes("predictions.arrow"));
    assert_eq!(one.bytes("metrics.json"), other.bytes("metrics.json"));
    let (ran, also): (BTreeSet<_>, BTreeSet<_>) =
        (one.ran().into_iter().collect(), other.ran().into_iter().collect());
    assert_eq!(ran.intersection(&also).collect::<Vec<_>>(), [""; 0], "nothing is computed twice");
    assert_eq!(ran.union(&also).count(), 18);
    assert_eq!(lab.run("tiny", &[]).expect(0).ran(), [""; 0]);
}

#[test]
fn eight_runs_that_overlap_compute_each_node_once_and_report_the_same() {
    let lab = Lab::tiny();
    // Two experiments with a variant in common, each run four times at one time.
    let of = |name: &str, own: &str| {
        let text = TINY.replace("name: tiny", &format!("name: {name}"));
        lab.write(
            &format!("{name}.yaml"),
            &format!("{text}variants:\n  shared: {{}}\n  own: {{ with.lr: {own} }}\n"),
        );
    };
    of("one", "0.01");
    of("other", "0.02");
    let running: Vec<_> = (0..8).map(|number| lab.start(["one", "other"][number % 2], &[])).collect();
    let ended: Vec<_> = running.into_iter().map(|run| run.end().expect(0)).collect();
    // A node is what it computes, whatever experiments call it.
    let mut ran: Vec<String> = Vec::new();
    for run in &ended {
        let rows = run.journal.rows.iter().filter(|row| row["event"] == "node" && row["state"] == "ran");
        ran.extend(rows.map(|row| row["key"].as_str().unwrap().to_owned()));
    }
    let once: BTreeSet<_> = ran.iter().collect();
    assert_eq!(once.len(), ran.len(), "some node was computed twice");
    for (number, run) in ended.iter().enumerate() {
        let first = &ended[number % 2];
        for name in ["metrics.json", "predictions.arrow", "trainings.json"] {
            assert_eq!(run.bytes(name), first.bytes(name), "{name} of run {number}");
        }
        assert_eq!(run.text("tables/results.csv"), first.text("tables/results.csv"));
    }
    let found = lab.xtask(&["cache", "fsck", "--json"]).expect(0).json();
    assert_eq!((&found["damaged"], &found["missing"]), (&serde_json::json!([]), &0.into()));
}
