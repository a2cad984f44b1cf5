//! `verify`: proofs that results can be trusted, run on an experiment of the user's.

mod findings;
mod kill;
mod results;
mod resume;
mod trial_run;

use affekt_graph::hash_bytes;

use self::results::Results;
use self::resume::Resume;
use self::trial_run::TrialRun;
use crate::context::ExperimentArguments;
use crate::exit::{Exit, Stop, error};
use crate::out::{out, say};

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Run twice with empty stores: the same bytes must come out
    Determinism(ExperimentArguments),
    /// Kill runner and workers at random moments: the bytes of an undisturbed run must come out
    Resume {
        #[command(flatten)]
        experiment: ExperimentArguments,
        /// How often to kill
        #[arg(long, default_value_t = 10)]
        kills: u32,
        /// Chooses the moments and the victims
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Print the findings as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Proves, or disproves with exit code 1.
pub fn verify(arguments: &Arguments) -> Result<Exit, Stop> {
    let folder = tempfile::Builder::new().prefix("affekt-verify-").tempdir();
    let folder = folder.map_err(|cause| error("failed to make a temporary folder", &cause))?;
    match &arguments.what {
        What::Determinism(experiment) => {
            let run = TrialRun::new(experiment)?;
            let [first, second] = ["first", "second"].map(|name| run.undisturbed(&folder.path().join(name)));
            Ok(compare(&first?, &second?))
        }
        What::Resume { experiment, kills, seed, json } => {
            let resume = Resume { run: TrialRun::new(experiment)?, kills: *kills, seed: *seed };
            let findings = resume.prove(folder.path())?;
            match json {
                true => out!("{}", findings.json()),
                false => out!("{}", findings.table()),
            }
            if findings.is_proven() {
                return Ok(Exit::Done);
            }
            say!("the stores and run folders are kept in {}", folder.keep().display());
            Ok(Exit::Failed)
        }
    }
}

fn compare(first: &Results, second: &Results) -> Exit {
    for (name, bytes) in &first.files {
        let digest = hash_bytes(bytes).short();
        out!("{name}: {} bytes ({digest}) from a run with an empty store", bytes.len());
    }
    let different = first.differences(second);
    match different.as_slice() {
        [] => {
            out!("the same bytes from another, in all {} outputs of nodes, too", first.outputs.len());
            Exit::Done
        }
        different => {
            different.iter().for_each(|what| out!("{what}: DIFFERS in another"));
            Exit::Failed
        }
    }
}
