//! `doctor`: what it finds of a machine, and that what is computed wrong is found.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::binaries::workspace;
use crate::lab::{Ended, Lab};

/// The numbers that a CPU is compared with.
const GOLDENS: &str = "crates/worker/src/doctor/goldens.json";

/// Proves the CPU and times nothing, in a lab with a token of its own.
fn doctor(lab: &Lab, more: &[&str]) -> Ended {
    let mut command = lab.command(&["doctor", "--quick", "--device", "cpu"]);
    command.args(more).env("HF_TOKEN", "hf_secret");
    Ended::of(command)
}

/// Checks by name: whether they hold.
fn checks(found: &Value) -> BTreeMap<&str, bool> {
    let checks = found["checks"].as_array().unwrap();
    checks.iter().map(|check| (check["name"].as_str().unwrap(), check["ok"].as_bool().unwrap())).collect()
}

#[test]
fn a_cpu_computes_what_it_should() {
    let ended = doctor(&Lab::empty(), &["--json"]).expect(0);
    assert!(!ended.stdout.contains("hf_secret"), "the token itself is nobody's business");
    let found = ended.json();
    assert_eq!(found["version"], 1);
    let machine = &found["machine"];
    assert!(machine["cores"].as_u64().unwrap() > 0 && machine["memory_mib"].as_u64().unwrap() > 0);
    assert_eq!(machine["tokens"]["Hugging Face"], true);
    assert_eq!(machine["libtorch"]["is_there"], true);
    assert!(machine["computed_with"]["cpu"]["threads"].is_string(), "{machine}");
    let checks = checks(&found);
    assert!(checks.len() >= 20, "{checks:?}");
    assert!(checks.values().all(|ok| *ok), "{checks:?}");
    for name in ["parallel-cnn: gradients", "wav2vec2: step", "k-means: objective", "resume: weights"] {
        assert!(checks.contains_key(name), "{name}: {checks:?}");
    }
    assert_eq!(found["steps"], Value::Array(vec![]), "--quick");
}

#[test]
fn what_is_computed_wrong_is_found() {
    let lab = Lab::empty();
    let text = fs::read_to_string(workspace().join(GOLDENS)).unwrap();
    let mut goldens: BTreeMap<String, Vec<f64>> = serde_json::from_str(&text).unwrap();
    goldens.get_mut("wav2vec2: gradients").unwrap()[3] *= 1.01;
    goldens.get_mut("mlp: loss").unwrap()[0] *= 1.0001;
    lab.write("wrong.json", &serde_json::to_string(&goldens).unwrap());
    let ended = doctor(&lab, &["--goldens", "wrong.json"]).expect(1);
    let failed: Vec<&str> = ended
        .stdout
        .lines()
        .filter(|line| line.contains("FAILED"))
        .filter_map(|line| line.split("  ").next())
        .collect();
    assert_eq!(failed, ["mlp: loss", "wav2vec2: gradients"], "{}", ended.stdout);
    assert!(ended.stdout.trim_end().ends_with("checks failed"), "{}", ended.stdout);
}
