//! Builds the repository's cards, pipelines and experiments into the program, as a table of paths and texts, and the commit that
//! it is made of.
//!
//! Not by `include_dir!`: without a nightly compiler a macro cannot watch a folder, and a file that is added would not be seen.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const FOLDERS: [&str; 6] =
    ["datasets", "datasets/encoders", "datasets/labels", "datasets/splits", "experiments", "pipelines"];

fn main() {
    let variable = |name| PathBuf::from(env::var_os(name).expect("cargo sets it"));
    let root = variable("CARGO_MANIFEST_DIR").join("../..").canonicalize().expect("the repository is there");
    let mut table = String::from("&[\n");
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
        for name in yaml_files(&root.join(folder)) {
            let path = format!("{folder}/{name}");
            table += &format!("    ({path:?}, include_str!({:?})),\n", root.join(&path));
        }
    }
    table += "]\n";
    if let Some(commit) = git(&root, &["rev-parse", "HEAD"]) {
        println!("cargo::rustc-env=AFFEKT_COMMIT={commit}");
    }
    // Git writes down there whatever moves HEAD.
    if let Some(log) = git(&root, &["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={}", root.join(log).display());
    }
    fs::write(variable("OUT_DIR").join("built_in.rs"), table).expect("cargo's own folder can be written to");
}

/// What git says, where the program is built in a checkout.
fn git(root: &Path, words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).current_dir(root).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !said.is_empty()).then_some(said)
}

fn yaml_files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there").flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| name.ends_with(".yaml"));
    names.sort();
    names
}
