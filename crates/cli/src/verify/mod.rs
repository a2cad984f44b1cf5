//! `verify`: proofs that results can be trusted, run on an experiment of the user's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
    /// Kill runner and worker at random moments: the bytes of an undisturbed run must come out
    Resume {
        #[command(flatten)]
        experiment: ExperimentArguments,
        /// How often to kill
        #[arg(long, default_value_t = 10)]
        kills: u32,
        /// Chooses the moments
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

/// Proves, or disproves with exit code 1.
pub fn verify(arguments: &Arguments) -> Result<Exit, Stop> {
    let folder = tempfile::Builder::new().prefix("affekt-verify-").tempdir();
    let folder = folder.map_err(|cause| error("failed to make a temporary folder", &cause))?;
    match &arguments.what {
        What::Determinism(experiment) => {
            let first = undisturbed(experiment, &folder.path().join("first"))?;
            let second = undisturbed(experiment, &folder.path().join("second"))?;
            compare(&first, &second, "two runs with empty stores")
        }
        What::Resume { experiment, kills, seed } => {
            let begun = Instant::now();
            let whole = undisturbed(experiment, &folder.path().join("undisturbed"))?;
            let usual = begun.elapsed();
            let disturbed = disturbed(experiment, &folder.path().join("disturbed"), usual, *kills, *seed)?;
            compare(&whole, &disturbed, "an undisturbed run and one killed on the way")
        }
    }
}

/// The files that must not depend on what happened on the way.
fn compare(first: &Path, second: &Path, what: &str) -> Result<Exit, Stop> {
    let mut same = true;
    for name in ["predictions.arrow", "metrics.json"] {
        let read = |folder: &Path| {
            fs::read(folder.join(name)).map_err(|cause| error(&format!("failed to read {name}"), &cause))
        };
        let (one, other) = (read(first)?, read(second)?);
        let digest = affekt_graph::hash_bytes(&one).short();
        if one == other {
            out!("{name}: the same {} bytes ({digest}) from {what}", one.len());
        } else {
            out!("{name}: DIFFERS between {what}");
            same = false;
        }
    }
    Ok(if same { Exit::Done } else { Exit::Failed })
}

fn undisturbed(experiment: &ExperimentArguments, place: &Path) -> Result<PathBuf, Stop> {
    let mut run = start(experiment, place)?;
    let status = run.wait().map_err(|cause| error("failed to wait for the run", &cause))?;
    if !status.success() {
        return Err(Stop::failed(format!("error: a run in {} failed", place.display())));
    }
    latest(place)
}

/// Runs and kills, in turn the runner and a worker, at moments spread over the usual length of a run, until it
/// was killed as often as asked; then lets it finish.
fn disturbed(
    experiment: &ExperimentArguments,
    place: &Path,
    usual: Duration,
    kills: u32,
    seed: u64,
) -> Result<PathBuf, Stop> {
    for kill in 0..kills {
        let moment = usual.mul_f64(fraction(seed, kill) / f64::from(kills) * 2.0);
        let mut run = start(experiment, place)?;
        let begun = Instant::now();
        while begun.elapsed() < moment && run.try_wait().is_ok_and(|status| status.is_none()) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let workers = children(run.id());
        let victim = match workers.first() {
            Some(worker) if kill % 2 == 1 => *worker,
            _ => run.id(),
        };
        let what = if victim == run.id() { "the runner" } else { "a worker" };
        say!("kill {} of {kills}: {what}, after {:.2} s", kill + 1, begun.elapsed().as_secs_f64());
        // SAFETY: a signal to a process that this one started, or that its child did.
        unsafe { libc::kill(victim as libc::pid_t, libc::SIGKILL) };
        run.wait().map_err(|cause| error("failed to wait for the run", &cause))?;
    }
    undisturbed(experiment, place)
}

fn start(experiment: &ExperimentArguments, place: &Path) -> Result<Child, Stop> {
    let program = std::env::current_exe().map_err(|cause| error("failed to find this program", &cause))?;
    let mut command = Command::new(program);
    command.arg("run").arg(&experiment.file).arg("--device").arg(&experiment.device);
    command.arg("--cache").arg(place.join("store")).arg("--runs").arg(place.join("runs"));
    for setting in &experiment.settings {
        command.arg("--set").arg(setting);
    }
    if let Some(data) = &experiment.data {
        command.arg("--data").arg(data);
    }
    if experiment.partial {
        command.arg("--partial");
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map_err(|cause| error("failed to start a run", &cause))
}

fn latest(place: &Path) -> Result<PathBuf, Stop> {
    let failed = |cause: std::io::Error| error("failed to find the run", &cause);
    let experiment = fs::read_dir(place.join("runs")).map_err(failed)?.flatten().next();
    let experiment = experiment.ok_or_else(|| Stop::failed("error: the run left no folder"))?;
    Ok(experiment.path().join("latest"))
}

/// The processes that a process started, on whichever of its threads.
fn children(of: u32) -> Vec<u32> {
    let mut children = Vec::new();
    for task in fs::read_dir(format!("/proc/{of}/task")).into_iter().flatten().flatten() {
        let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.extend(text.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    children
}

/// A number in `0..1` for each kill.
fn fraction(seed: u64, kill: u32) -> f64 {
    let hash = affekt_graph::hash_bytes(format!("{seed} {kill}").as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    f64::from(u32::from_le_bytes([a, b, c, d])) / f64::from(u32::MAX)
}
