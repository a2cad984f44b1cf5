//! The invariants of ARCHITECTURE.md that a test can check in the sources.

use std::fs;
use std::path::{Path, PathBuf};

use crate::binaries::workspace;

/// A package of the workspace.
struct Package {
    /// Its folder in the workspace.
    name: String,
    /// Its `Cargo.toml`.
    manifest: String,
    /// Its sources, by path.
    sources: Vec<(PathBuf, String)>,
}

fn packages() -> Vec<Package> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(workspace().join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.extend([workspace().join("tests"), workspace().join("xtask")]);
    folders.sort();
    let read = |folder: PathBuf| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
        let mut sources = Vec::new();
        sources_below(&folder.join("src"), &mut sources);
        let name = folder.strip_prefix(workspace()).unwrap().to_str().unwrap().to_owned();
        Some(Package { name, manifest, sources })
    };
    let packages: Vec<_> = folders.into_iter().filter_map(read).collect();
    assert!(packages.len() > 15, "{} packages", packages.len());
    packages
}

fn sources_below(folder: &Path, sources: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources_below(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            sources.push((path, text));
        }
    }
}

/// The dependencies that a `Cargo.toml` names, optional ones and those of tests too.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut is_in = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_in = line.ends_with("dependencies]");
        } else if is_in && let Some((name, _)) = line.split_once(['.', ' ', '=']) {
            names.push(name);
        }
    }
    names.retain(|name| !name.is_empty() && !name.starts_with('#'));
    names
}

#[test]
fn the_architecture_is_short() {
    let bytes = fs::metadata(workspace().join("ARCHITECTURE.md")).unwrap().len();
    assert!(bytes <= 20_000, "{bytes} bytes: decisions belong in docs/decisions, formats in docs/reference");
}

#[test]
fn only_these_packages_know_libtorch() {
    let allowed = ["crates/models", "crates/torch", "crates/train", "crates/worker", "tests"];
    let linked = ["tch", "torch-sys", "affekt-torch", "affekt-models", "affekt-train"];
    for Package { name, manifest, .. } in packages() {
        let found: Vec<&str> =
            dependencies(&manifest).into_iter().filter(|dependency| linked.contains(dependency)).collect();
        assert!(found.is_empty() || allowed.contains(&name.as_str()), "{name} names {found:?}");
    }
}

#[test]
fn the_runner_is_not_linked_to_libtorch() {
    let linked = |binary: &Path| {
        let output = std::process::Command::new("ldd").arg(binary).output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains("libtorch")
    };
    assert!(linked(&crate::binaries::worker()), "`ldd` shows libtorch where it is");
    assert!(!linked(&crate::binaries::xtask()));
    assert!(!linked(&crate::binaries::affekt()));
}

#[test]
fn the_graph_knows_nothing_about_speech() {
    let packages = packages();
    let graph = packages.iter().find(|package| package.name == "crates/graph").unwrap();
    let own: Vec<&str> = dependencies(&graph.manifest)
        .into_iter()
        .filter(|dependency| dependency.starts_with("affekt-"))
        .collect();
    assert_eq!(own, ["affekt-domain"]);
    for (path, text) in &graph.sources {
        for used in text.split("affekt_domain::").skip(1) {
            assert!(
                used.starts_with("Digest") || used.starts_with("{Digest, ParseDigestError}"),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn models_know_nothing_about_files() {
    for Package { name, sources, .. } in packages() {
        for (path, text) in sources.iter().filter(|_| name == "crates/models") {
            let code = text.split("#[cfg(test)]").next().unwrap();
            assert!(!code.contains("std::fs") && !code.contains("std::path"), "{}", path.display());
        }
    }
}

#[test]
fn only_runner_and_worker_print() {
    for Package { name, manifest, sources } in packages() {
        if ["xtask", "crates/cli", "crates/worker", "tests"].contains(&name.as_str()) {
            continue;
        }
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} is held to the workspace's lints");
        for (path, text) in sources {
            let code = text.split("#[cfg(test)]").next().unwrap();
            for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for print in ["println!", "eprintln!", "print!(", "dbg!"] {
                    assert!(!line.contains(print), "{}: {line}", path.display());
                }
            }
        }
    }
}
