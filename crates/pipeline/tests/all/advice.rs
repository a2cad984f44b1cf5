//! What the headers of shipped experiments advise can be done.

use std::fs;
use std::path::Path;

use crate::compiled::{compile_file, environment, experiment};

/// The settings that a file's header names behind `--set`, but for those that want more than the file (a folder, quotes): those of
/// a line go together.
fn advised(text: &str) -> Vec<Vec<String>> {
    let setting = |rest: &str| rest.split([' ', '`']).next().unwrap_or_default().to_owned();
    let is_whole = |setting: &String| {
        !setting.starts_with('\'') && !setting.contains("FOLDER") && !setting.starts_with("profile=")
    };
    let of_line = |line: &str| line.split("--set ").skip(1).map(setting).filter(is_whole).collect::<Vec<_>>();
    let header = text.lines().take_while(|line| line.starts_with('#'));
    header.map(of_line).filter(|settings| !settings.is_empty()).collect()
}

#[test]
fn every_setting_that_a_header_names_exists() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let (mut tried, mut wrong) = (0, Vec::new());
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for settings in advised(&text) {
            tried += settings.len();
            let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
            let (compiled, told) = compile_file(&path, &environment(&settings));
            if compiled.is_none() {
                wrong.push(format!("{}: {settings:?}: {told}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried >= 8, "only {tried} settings were found");
}

/// What is advised where memory is short reaches everything that is trained.
#[test]
fn batches_are_divided_in_every_stage_that_is_asked_for() {
    for (name, trained) in [("vft", 1), ("tapt", 2), ("ptapt", 3)] {
        let environment = environment(&["with.accumulate=4", "protocol.seeds=[1]"]);
        let (compiled, told) = compile_file(&experiment(name), &environment);
        let compiled = compiled.unwrap_or_else(|| panic!("{name}: {told}"));
        let steps = |node: &affekt_graph::Node| {
            let is_trained = ["train", "pretrain", "state-model"].contains(&node.op.as_str());
            is_trained.then(|| node.params["training"]["accumulate"].clone())
        };
        let steps: Vec<_> = compiled.graph.nodes().values().filter_map(steps).collect();
        assert!(steps.len() >= trained && steps.iter().all(|steps| *steps == 4), "{name}: {steps:?}");
    }
}
