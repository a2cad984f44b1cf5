//! `test` and `ci`: what a clean checkout has to pass.

use affekt_cli::exit::{Exit, Stop};
use affekt_cli::libtorch;

use crate::checkout::cargo;

/// Runs every test.
pub fn test(rest: &[String]) -> Result<Exit, Stop> {
    libtorch::require(false)?;
    // The end-to-end tests start the runner and the worker as a user would.
    // One by one, as `run` builds them: built together they would share features.
    for package in ["affekt-cli", "xtask", "affekt-worker"] {
        step(&["build", "--quiet", "--package", package])?;
    }
    let mut arguments = vec!["test", "--workspace"];
    arguments.extend(rest.iter().map(String::as_str));
    step(&arguments)
}

/// Runs what CI runs, the cheapest first.
pub fn ci() -> Result<Exit, Stop> {
    step(&["fmt", "--all", "--check"])?;
    libtorch::require(false)?;
    step(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"])?;
    test(&[])
}

fn step(arguments: &[&str]) -> Result<Exit, Stop> {
    eprintln!("cargo {}", arguments.join(" "));
    let status = cargo().args(arguments).status();
    match status {
        Ok(status) if status.success() => Ok(Exit::Done),
        Ok(_) => Err(Stop::failed(format!("error: `cargo {}` failed", arguments.join(" ")))),
        Err(error) => Err(Stop::failed(format!("error: failed to start cargo: {error}"))),
    }
}
