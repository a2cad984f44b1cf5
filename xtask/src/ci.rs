//! `ci`: what a clean checkout has to pass.

use affekt_cli::exit::{Exit, Stop};
use affekt_cli::libtorch;

use crate::test::{self, step};

/// Runs what CI runs, the cheapest first.
pub fn ci() -> Result<Exit, Stop> {
    step(&["fmt", "--all", "--check"], &[])?;
    libtorch::require(false)?;
    step(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"], &[])?;
    test::test(&test::Arguments::default())
}
