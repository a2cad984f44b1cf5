//! Where the built binaries are.

use std::path::{Path, PathBuf};

/// The program, as a checkout calls it.
pub fn xtask() -> PathBuf {
    built("xtask")
}

/// The program, as it is installed.
pub fn affekt() -> PathBuf {
    built("affekt")
}

/// The worker.
pub fn worker() -> PathBuf {
    built("affekt-worker")
}

/// The workspace: `pipelines/`, `crates/`, `tests/`.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// This program is `target/debug/deps/affekt_tests-…`; the binaries lie one folder up.
fn built(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let binary = tests.parent().and_then(Path::parent).unwrap().join(name);
    assert!(binary.is_file(), "{} is not built: run `cargo xtask test`", binary.display());
    binary
}
