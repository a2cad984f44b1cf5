//! Sweeps: what is common is computed once, one report has all of it, and a variant that fails takes no other with it.

use crate::lab::{Lab, TINY};

fn swept(sweep: &str, more: &str) -> Lab {
    let lab = Lab::tiny();
    let text = TINY.replace("name: tiny", "name: swept");
    lab.write("swept.yaml", &format!("{text}sweep: {sweep}\n{more}"));
    lab
}

/// How many nodes whose names begin like this ran.
fn count(ran: &[String], name: &str) -> usize {
    ran.iter().filter(|id| id.starts_with(name)).count()
}

#[test]
fn what_variants_share_runs_once_and_what_is_added_later_runs_alone() {
    let sweep = "{ product: { with.lr: { from: 1e-4, to: 1e-2, factor: 10 } }, zip: { with.train.training.batch_size: [8, 16] }, \
                 exclude: { with.lr: 1e-2, with.train.training.batch_size: 16 } }";
    let lab = swept(sweep, "report: { primary: uar, baseline: \"lr=0.001,batch_size=8\" }\n");
    let run = lab.run("swept", &[]).expect(0);
    let ran = run.ran();
    assert_eq!(
        (count(&ran, "mfcc["), count(&ran, "split["), count(&ran, "standardise[")),
        (1, 3, 3),
        "{ran:?}"
    );
    assert_eq!((count(&ran, "train["), count(&ran, "metrics[")), (5 * 3, 5));
    let metrics: serde_json::Value = serde_json::from_slice(&run.bytes("metrics.json")).unwrap();
    let variants = metrics["variants"].as_array().unwrap().iter();
    let ids: Vec<&str> = variants.map(|variant| variant["id"].as_str().unwrap()).collect();
    let named = |lr: &str, batch: u32| format!("lr={lr},batch_size={batch}");
    let expected = [("0.0001", 8), ("0.0001", 16), ("0.001", 8), ("0.001", 16), ("0.01", 8)];
    assert_eq!(ids, expected.map(|(lr, batch)| named(lr, batch)));
    assert_eq!(metrics["comparisons"]["baseline"], "lr=0.001,batch_size=8");
    assert_eq!(metrics["comparisons"]["pairs"].as_array().map(Vec::len), Some(4), "each with the baseline");
    // One value more: its trainings, and the comparison.
    let more = "sweep.include={with.lr: 3e-3, with.train.training.batch_size: 8}";
    let ran = lab.run("swept", &["--set", more]).expect(0).ran();
    assert_eq!(count(&ran, "train["), 3, "{ran:?}");
    assert_eq!(ran.len(), 3 + 3 + 1 + 1, "trainings, predictions, figures and the comparison: {ran:?}");
}

#[test]
fn a_variant_that_fails_takes_no_other_with_it() {
    // TINY has eight classes: two weights are too few, which shows when it is trained.
    let lab = swept("{ product: { with.train.training.class_weights: [none, balanced, [1, 2]] } }", "");
    let run = lab.run("swept", &["--keep-going"]).expect(1);
    assert!(
        run.ended.stderr.contains("the report is of the variants that did not fail"),
        "{}",
        run.ended.stderr
    );
    let stamp = "1 of 3 variants failed: `class_weights=[1,2]`";
    let metrics: serde_json::Value = serde_json::from_slice(&run.bytes("metrics.json")).unwrap();
    let variants = metrics["variants"].as_array().unwrap();
    assert_eq!(variants.len(), 2);
    for variant in variants {
        assert!(variant["stamps"].as_array().unwrap().iter().any(|said| said == stamp), "{variant:#}");
    }
    assert_eq!(metrics["comparisons"]["pairs"].as_array().map(Vec::len), Some(1), "those left are compared");
    assert!(String::from_utf8(run.bytes("report.md")).unwrap().contains("1 of 3 variants failed"));
    assert!(!lab.path("runs/swept/latest").exists(), "`latest` is a run that is done");
    // Without --keep-going there is no report of a part.
    let stopped = lab.run("swept", &[]).expect(1);
    assert!(!stopped.folder.join("report.md").exists());
}
