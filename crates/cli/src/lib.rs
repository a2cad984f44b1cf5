//! The program: a command line, parsed and handed over. `affekt` is the binary, `cargo xtask` a door to it.
//!
//! Every command answers with an exit code: 0 done, 1 it failed, 2 the input is wrong, 3 work is left (`plan
//! --check`), 130 interrupted. Results go to standard output, everything said on the way to standard error.

mod audit;
mod cache;
mod child;
mod compare;
mod context;
mod costs;
mod describe;
mod device;
mod doctor;
mod encoder_audit;
mod executor;
pub mod exit;
mod explain;
mod export;
mod fetch;
mod finished;
mod init;
mod inputs;
mod interrupt;
mod job;
pub mod libtorch;
mod method;
pub mod out;
mod path;
mod pictures;
pub mod place;
mod plan;
mod predict;
mod problems;
mod progress;
mod pull;
mod push;
pub mod reference;
mod remarks;
mod report;
mod run;
mod run_folder;
mod setup;
mod size;
mod synthetic;
mod tier;
mod timing;
mod verify;
pub mod worker;

use std::process::ExitCode;

use clap::Subcommand;

/// What the program is, in a sentence.
pub const ABOUT: &str = "Affekt: from a YAML file to a finished, honest speech-emotion experiment";

/// A command of the program.
#[derive(Subcommand)]
pub enum Command {
    /// Run an experiment: everything that is not stored yet, then the report
    Run(run::Arguments),
    /// Show every node, its state and why
    Plan(plan::Arguments),
    /// Show what a node's key is made of and what changed since the last run
    Explain(explain::Arguments),
    /// Print where a node's finished artefact lies
    Path(path::Arguments),
    /// Describe an operation, a network, a protocol or a kind of file; without a name, list them
    Describe(describe::Arguments),
    /// Audit the folds of an experiment for leaks
    Audit(audit::Arguments),
    /// Set finished runs side by side: rank what is comparable, say why the rest is not
    Compare(compare::Arguments),
    /// Make a trained network a folder that works by itself
    Export(export::Arguments),
    /// Print what an exported network says about recordings, a JSON line each
    Predict(predict::Arguments),
    /// Look after the store of results
    Cache(cache::Arguments),
    /// Send results to a folder, a host or a bucket
    Push(push::Arguments),
    /// Fetch results from there
    Pull(pull::Arguments),
    /// Fetch corpora and encoders; without a name, list what can be fetched
    Fetch(fetch::Arguments),
    /// Fetch libtorch
    Setup {
        /// With the CUDA libraries
        #[arg(long)]
        cuda: bool,
    },
    /// Say what this machine has and lacks, and prove that it computes what it should
    Doctor(doctor::Arguments),
    /// Start a folder for experiments of your own
    Init(init::Arguments),
    /// Run a job of an experiment: what a batch system is given, not what people type
    #[command(hide = true)]
    Job(job::Arguments),
    /// Prove on an experiment that results repeat and survive being killed
    Verify(verify::Arguments),
}

/// Carries out a command, and says what stopped it.
pub fn execute(command: &Command) -> ExitCode {
    affekt_graph::explain_bus_errors();
    conclude(match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Plan(arguments) => plan::plan(arguments),
        Command::Explain(arguments) => explain::explain(arguments),
        Command::Path(arguments) => path::path(arguments),
        Command::Describe(arguments) => describe::describe(arguments),
        Command::Audit(arguments) => audit::audit(arguments),
        Command::Compare(arguments) => compare::compare(arguments),
        Command::Export(arguments) => export::export(arguments),
        Command::Predict(arguments) => predict::predict(arguments),
        Command::Cache(arguments) => cache::cache(arguments),
        Command::Push(arguments) => push::push(arguments),
        Command::Pull(arguments) => pull::pull(arguments),
        Command::Fetch(arguments) => fetch::fetch(arguments),
        Command::Setup { cuda } => libtorch::setup(*cuda),
        Command::Doctor(arguments) => doctor::doctor(arguments),
        Command::Init(arguments) => init::init(arguments),
        Command::Job(arguments) => job::job(arguments),
        Command::Verify(arguments) => verify::verify(arguments),
    })
}

/// Turns the end of a command into an exit code, and says what stopped it.
pub fn conclude(result: Result<exit::Exit, exit::Stop>) -> ExitCode {
    match result {
        Ok(code) => code.into(),
        Err(error) => error.tell(),
    }
}
