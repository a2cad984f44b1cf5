//! `cargo xtask`: a door to the program, and what only a checkout can do (`bench`, `dist`, `docs`, `fuzz`, `test`, `ci`).
#![allow(clippy::print_stderr, reason = "this is the program that speaks")]

mod bench;
mod checkout;
mod ci;
mod dist;
mod docs;
mod fuzz;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, about = affekt_cli::ABOUT)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Program(affekt_cli::Command),
    /// Measure our speed beside a reference library's
    Bench(bench::Arguments),
    /// Make a folder to copy to a cluster: both programs and libtorch
    Dist(dist::Arguments),
    /// Write the reference, `docs/reference`, from the definitions in the source
    Docs,
    /// Give bad input to what reads files and answers, and say what it does not survive
    Fuzz(fuzz::Arguments),
    /// Run every test
    Test(test::Arguments),
    /// Run what CI runs: formatting, lints, tests
    Ci,
}

fn main() -> ExitCode {
    affekt_cli::conclude(match Arguments::parse().command {
        Command::Program(command) => return affekt_cli::execute(&command),
        Command::Bench(arguments) => bench::bench(&arguments),
        Command::Dist(arguments) => dist::dist(&arguments),
        Command::Docs => docs::docs(),
        Command::Fuzz(arguments) => fuzz::fuzz(&arguments),
        Command::Test(arguments) => test::test(&arguments),
        Command::Ci => ci::ci(),
    })
}
