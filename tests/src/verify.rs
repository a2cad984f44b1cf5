//! `verify resume`: the proof that killing does no harm, in small. `affekt verify resume experiments/quickstart.yaml --kills 200` is
//! the same in large.

use crate::lab::{Ended, Lab, TINY};

#[test]
fn killing_runner_and_workers_at_random_moments_does_no_harm() {
    let lab = Lab::tiny();
    // Long enough for some kills a sequence.
    let text = TINY.replace("max_epochs: 2", "max_epochs: 30");
    lab.write("tiny.yaml", &format!("{text}  train.training.stopping: {{ kind: fixed }}\n"));
    let words = ["verify", "resume", "tiny.yaml", "--device", "cpu", "--kills", "6", "--seed", "5", "--json"];
    let found = Ended::of(lab.command(&words)).expect(0).json();
    let kills: u64 = found["kills"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(kills, 6, "{found}");
    assert!(found["sequences"].as_u64() >= Some(1) && found["runs"].as_u64() > Some(6), "{found}");
    assert!(found["outputs"].as_u64() > Some(18), "{found}");
    assert_eq!(
        (&found["orphans"], &found["stuck_leases"], &found["damaged"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!((&found["different"], &found["proven"]), (&serde_json::json!([]), &true.into()));
    assert!(!lab.path(".affekt").exists() && !lab.path("runs").exists(), "it has folders of its own");
}
