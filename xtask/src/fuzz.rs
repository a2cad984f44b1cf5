//! `fuzz`: bad input for everything that reads what others wrote, for as long as is asked. `test` does it for seconds.

use affekt_cli::exit::{Exit, Stop};
use clap::Args;

use crate::test::step;

/// What to give bad input, and for how long: as `affekt-fuzz --help` says.
#[derive(Args)]
pub struct Arguments {
    /// Targets, `--minutes M` each, `--seed S`, and what else `--help` lists
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds and runs `affekt-fuzz`.
pub fn fuzz(arguments: &Arguments) -> Result<Exit, Stop> {
    let run = ["run", "--quiet", "--package", "affekt-fuzz", "--"];
    let all: Vec<_> = run.into_iter().chain(arguments.rest.iter().map(String::as_str)).collect();
    step(&all, &[])
}
