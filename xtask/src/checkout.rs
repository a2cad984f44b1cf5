//! The checkout that `cargo xtask` is called in.

use std::path::PathBuf;
use std::process::Command;

/// Returns the checkout's folder; the current one where it is not found.
pub fn root() -> PathBuf {
    affekt_cli::place::checkout().unwrap_or_default()
}

/// Returns cargo, started in the checkout.
pub fn cargo() -> Command {
    affekt_cli::worker::cargo(&root())
}
