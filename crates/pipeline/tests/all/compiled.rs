//! Experiments compiled: a test's own, and those that are shipped.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use affekt_config::Diagnostics;
use affekt_encoders::Hub;
use affekt_pipeline::{Compiled, Environment, compile};

/// What becomes of an experiment called `own`, which uses `own-pipeline.yaml`, and what is said of it.
pub fn compiled(experiment: &str, pipeline: &str, settings: &[&str]) -> (Option<Compiled>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.yaml");
    std::fs::write(&path, experiment).unwrap();
    std::fs::write(folder.path().join("own-pipeline.yaml"), pipeline).unwrap();
    compile_file(&path, &environment(settings))
}

/// The repository's cards, and settings from a command line.
pub fn environment(settings: &[&str]) -> Environment {
    Environment {
        folders: vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").into()],
        settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
        device: "cpu".into(),
        libtorch: "2.11.0".into(),
        without: BTreeSet::new(),
        without_variants: BTreeSet::new(),
        hub: Hub::of(|_| None),
    }
}

/// The file of a shipped experiment.
pub fn experiment(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../experiments/{name}.yaml"))
}

/// A shipped experiment with these settings, without these of its variants.
pub fn shipped(name: &str, settings: &[&str], without_variants: BTreeSet<String>) -> Compiled {
    let environment = Environment { without_variants, ..environment(settings) };
    let (compiled, told) = compile_file(&experiment(name), &environment);
    compiled.unwrap_or_else(|| panic!("{name}: {told}"))
}

/// What becomes of a file, and what is said of it.
pub fn compile_file(path: &Path, environment: &Environment) -> (Option<Compiled>, String) {
    let diagnostics = Diagnostics::new();
    let compiled = compile(path, environment, &diagnostics);
    let folder = path.parent().unwrap();
    (compiled, diagnostics.to_string().replace(&format!("{}/", folder.display()), ""))
}
