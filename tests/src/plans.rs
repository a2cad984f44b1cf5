//! What a plan expects a training to take: what like ones took, round for round, and nothing where there is none.

use std::fs;

use serde_json::Value;

use crate::lab::Lab;

/// A lab in which [`crate::lab::TINY`] has run, and which has seen its recordings where they lie now.
fn lab() -> Lab {
    let lab = Lab::finished();
    lab.run("tiny", &[]).expect(0);
    lab
}

/// The plan of `tiny`, with settings.
fn plan(lab: &Lab, settings: &[&str]) -> Value {
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    lab.xtask(&[&["plan", "tiny.yaml", "--device", "cpu", "--json"][..], &settings].concat()).expect(0).json()
}

/// The estimate of a node, in seconds.
fn estimate(plan: &Value, id: &str) -> Option<f64> {
    let row = plan["nodes"].as_array().unwrap().iter().find(|row| row["id"] == id);
    row.unwrap_or_else(|| panic!("there is no `{id}` in {plan:#}"))["estimate_s"].as_f64()
}

/// Trainings to come, and how many of them are measured.
fn counted(plan: &Value) -> (u64, u64) {
    let count = |name: &str| plan["expected"][name].as_u64().unwrap();
    (count("trainings"), count("measured"))
}

/// What was measured of trainings.
fn trained(lab: &Lab) -> Vec<Value> {
    let text = fs::read_to_string(lab.path(".affekt/hints/paces.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["op"] == "train").collect()
}

#[test]
fn trainings_are_expected_to_take_what_like_ones_took() {
    let lab = lab();
    let nothing = plan(&lab, &[]);
    assert_eq!((&nothing["expected"], &nothing["profile"]), (&Value::Null, &Value::Null));

    // Another seed, and another learning rate, cost the same.
    let seeds = plan(&lab, &["protocol.seeds=[1, 2]"]);
    assert_eq!(counted(&seeds), (3, 3));
    let one = estimate(&seeds, "train[fold=1,seed=2]").unwrap();
    assert!(one > 0.0 && seeds["expected"]["core_hours"].as_f64().unwrap() > 2.9 * one / 3600.0, "{seeds:#}");
    let rates = plan(&lab, &["with.lr=0.01"]);
    assert_eq!((counted(&rates), estimate(&rates, "train[fold=3,seed=1]")), ((3, 3), Some(one)));

    // So long beside the rounds and so long each: the median of the three that ran.
    for epochs in [2.0, 1000.0] {
        let plan = plan(&lab, &["with.lr=0.01", &format!("with.max_epochs={epochs}")]);
        let took = |line: &Value| {
            let each = line["rounds"]["seconds"].as_f64().unwrap();
            assert!(each > 0.0, "{line}");
            line["beside_s"].as_f64().unwrap() + each * epochs
        };
        let mut measured: Vec<f64> = trained(&lab).iter().map(took).collect();
        measured.sort_by(f64::total_cmp);
        assert_eq!(estimate(&plan, "train[fold=1,seed=1]"), Some(measured[1]), "{epochs} of {measured:?}");
    }

    // Another network, or other features, were never measured.
    for setting in ["with.train.network.channels=[4, 4, 4]", "with.mfcc.n_mfcc=16"] {
        let plan = plan(&lab, &[setting]);
        assert_eq!((counted(&plan), estimate(&plan, "train[fold=1,seed=1]")), ((3, 0), None), "{setting}");
    }
    let words = ["plan", "tiny.yaml", "--device", "cpu", "--set", "with.train.network.channels=[4, 4, 4]"];
    let told = lab.xtask(&words).expect(0).stdout;
    assert!(told.contains("(0 of 3 trainings measured, on ") && told.contains("; 3 unknown)"), "{told}");
}

#[test]
fn what_was_measured_is_in_no_key_and_needed_by_nobody() {
    let lab = lab();
    let paces = lab.path(".affekt/hints/paces.jsonl");
    let trained = trained(&lab);
    assert_eq!(trained.len(), 3);
    let rounds = |line: &Value| line["rounds"]["done"] == 2 && line["rounds"]["asked"] == 2;
    assert!(trained.iter().all(rounds), "{trained:?}");

    fs::write(&paces, "nonsense\n{}\n").unwrap();
    assert!(lab.plan("tiny", &[]).iter().all(|(_, state)| state == "cached"));
    assert_eq!(counted(&plan(&lab, &["protocol.seeds=[1, 2]"])), (3, 0));
}
