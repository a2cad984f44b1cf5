//! The runner and the worker ask the same features of each dependency that both link, so that a first build compiles it once
//! (docs/decisions/build-time.md).

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::binaries::workspace;

/// Returns the sets of features of each crate, by name and version: a crate may be built with one set for build scripts
/// and macros, and with another for the program.
fn features(package: &str) -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .current_dir(workspace())
        .args(["tree", "--offline", "--package", package, "--edges", "normal,build", "--prefix", "none"])
        .args(["--format", "{p}|{f}"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut features: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let (package, list) = line.trim_end_matches(" (*)").split_once('|').unwrap();
        features.entry(package.to_owned()).or_default().insert(list.to_owned());
    }
    features
}

#[test]
fn one_build() {
    let (runner, worker) = (features("xtask"), features("affekt-worker"));
    assert!(runner.len() > 100 && worker.len() > 100, "{} and {} crates", runner.len(), worker.len());
    let shared = runner.iter().filter_map(|(name, sets)| Some((name, sets, worker.get(name)?)));
    let twice: Vec<_> = shared.filter(|(_, runner, worker)| runner.is_disjoint(worker)).collect();
    assert!(twice.is_empty(), "name the features in crates/workspace-hack/Cargo.toml: {twice:#?}");
}
