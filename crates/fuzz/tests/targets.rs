//! Up to two thousand bad inputs for every target: none may do more than be refused.

use std::process::Command;

/// The seed of the inputs: the same at every run of the tests. Long runs take others.
const SEED: &str = "17";

/// The inputs of a target: as many as take a few seconds on a machine that has time, unoptimised.
fn inputs(target: &str) -> u64 {
    match target {
        "experiment" => 60,
        "split" | "hub" => 150,
        "pipeline" | "card" | "labels" => 200,
        _ => 2000,
    }
}

/// Gives a target its inputs.
fn survives(target: &str) {
    let inputs = inputs(target);
    let run = Command::new(env!("CARGO_BIN_EXE_affekt-fuzz"))
        .args([target, "--seed", SEED, "--inputs", &inputs.to_string(), "--minutes", "10", "--kept"])
        .arg(concat!(env!("CARGO_TARGET_TMPDIR"), "/fuzz"))
        .output()
        .unwrap();
    let (said, told) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}{told}");
    let given = said.split_whitespace().nth(1).and_then(|inputs| inputs.parse().ok());
    assert_eq!(given, Some(inputs), "{said}");
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            survives(stringify!($name));
        })*

        #[test]
        fn every_target_is_tested() {
            let names: Vec<&str> = affekt_fuzz::TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

targets! {
    experiment pipeline card pcm flac mp3 ogg mp4 caf arrow safetensors pickle export labels split protocol journal records hub
}
