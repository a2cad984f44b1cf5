//! A leak ends a run before anything is trained on it, and every row that crosses is named.

use std::fs;

use serde_json::{Value, json};

use crate::lab::Lab;

/// One recording under the names of three actors. Each is in a role of its own in every fold.
fn with_triplets() -> Lab {
    let lab = Lab::tiny();
    let twin = |actor: &str| lab.path(&format!("data/RAVDESS/Actor_{actor}/03-01-05-01-01-01-{actor}.wav"));
    for actor in ["02", "03"] {
        fs::copy(twin("01"), twin(actor)).unwrap();
    }
    lab
}

fn utterance(actor: usize) -> String {
    format!("RAVDESS/Actor_{actor:02}/03-01-05-01-01-01-{actor:02}")
}

#[test]
fn a_leak_ends_the_run_and_names_every_row() {
    let run = with_triplets().run("tiny", &[]).expect(1);
    let told = &run.ended.stderr;
    assert!(
        told.contains("the folds share what they must not: use a protocol that separates them"),
        "{told}"
    );
    assert!(told.contains("`unsafe: [shared-audio]`"), "{told}");
    for actor in 1..=3 {
        for role in ["train", "dev  ", "test "] {
            assert!(told.contains(&format!("{role} {}", utterance(actor))), "{role} {actor}: {told}");
        }
    }
    assert!(told.contains("is in train, dev and test of fold 3:"), "{told}");
    assert!(run.ran().iter().all(|node| !node.starts_with("split") && !node.starts_with("train")));
}

#[test]
fn an_audit_documents_its_rules_and_lists_every_row() {
    let audit = with_triplets().xtask(&["audit", "tiny.yaml", "--json"]).expect(1).json();
    let variant = &audit["variants"][0];
    assert_eq!(variant["disjoint"], json!(["speaker", "audio"]));
    assert_eq!((&variant["permitted"], &variant["stamps"]), (&json!([]), &json!(["audio shared"])));
    assert_eq!(variant["protocol"]["kind"], "group-kfold");
    assert_eq!(variant["leaks"].as_array().map(Vec::len), Some(3 * 3), "three pairs of roles in three folds");

    let shared = variant["audit"]["shared"].as_array().unwrap();
    let audio: Vec<&Value> = shared.iter().filter(|shared| shared["what"] == "audio").collect();
    let mut named: Vec<&str> = audio
        .iter()
        .flat_map(|shared| shared["sides"].as_array().unwrap())
        .flat_map(|side| side["utterances"].as_array().unwrap())
        .map(|utterance| utterance.as_str().unwrap())
        .collect();
    named.sort_unstable();
    named.dedup();
    assert_eq!(named, [1, 2, 3].map(utterance));
}
