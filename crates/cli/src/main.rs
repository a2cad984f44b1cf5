//! The binary `affekt`.

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "affekt", version, about = affekt_cli::ABOUT)]
struct Arguments {
    #[command(subcommand)]
    command: affekt_cli::Command,
}

fn main() -> ExitCode {
    affekt_cli::execute(&Arguments::parse().command)
}
