//! A run of the experiment in a folder of its own: this program, started as a child.

use std::fs;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use affekt_graph::WorkerCommand;

use super::results::Results;
use crate::context::ExperimentArguments;
use crate::exit::{Stop, error};
use crate::worker;

/// How the experiment is run.
pub struct TrialRun {
    program: PathBuf,
    experiment: ExperimentArguments,
    worker: WorkerCommand,
}

impl TrialRun {
    /// Finds this program and the worker, which is built where it is not there.
    ///
    /// # Errors
    /// When there is no worker.
    pub fn new(experiment: &ExperimentArguments) -> Result<Self, Stop> {
        let program =
            std::env::current_exe().map_err(|cause| error("failed to find this program", &cause))?;
        Ok(Self { program, experiment: experiment.clone(), worker: worker::command()? })
    }

    /// The experiment's file.
    pub fn file(&self) -> &Path {
        &self.experiment.file
    }

    /// Starts it with its store and its run folders in `place`, and what it says in `place/said.txt`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, place: &Path) -> Result<Child, Stop> {
        let failed = |cause: std::io::Error| error("failed to start a run", &cause);
        fs::create_dir_all(place).map_err(failed)?;
        let said = File::create(said(place)).map_err(failed)?;
        let ExperimentArguments { file, settings, data, partial, device, paranoid, .. } = &self.experiment;
        let mut command = Command::new(&self.program);
        command.arg("run").arg(file).arg("--device").arg(device);
        command.arg("--cache").arg(store(place)).arg("--runs").arg(place.join("runs"));
        settings.iter().for_each(|setting| _ = command.arg("--set").arg(setting));
        data.iter().for_each(|data| _ = command.arg("--data").arg(data));
        command.args(partial.then_some("--partial")).args(paranoid.then_some("--paranoid"));
        command.env("AFFEKT_WORKER", &self.worker.program);
        command.envs(self.worker.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().map_err(failed)
    }

    /// Runs it to its end, and reads what it came to.
    ///
    /// # Errors
    /// When it fails: with what it said.
    pub fn undisturbed(&self, place: &Path) -> Result<Results, Stop> {
        let mut run = self.start(place)?;
        let status = run.wait().map_err(|cause| error("failed to wait for the run", &cause))?;
        if !status.success() {
            return Err(Stop::failed(format!("error: an undisturbed run failed: {}", how(place, status))));
        }
        Results::read(&latest(place)?)
    }
}

/// Where the store of a run is.
pub fn store(place: &Path) -> PathBuf {
    place.join("store")
}

/// Says how the last run there ended.
pub fn how(place: &Path, status: ExitStatus) -> String {
    let said = fs::read_to_string(said(place)).unwrap_or_default();
    format!("{status}; it said:\n{}", said.trim_end())
}

/// The run folder of the run there that finished.
///
/// # Errors
/// When there is none.
pub fn latest(place: &Path) -> Result<PathBuf, Stop> {
    let experiments = fs::read_dir(place.join("runs")).into_iter().flatten().flatten();
    let latest = experiments.map(|entry| entry.path().join("latest")).find(|latest| latest.exists());
    latest.ok_or_else(|| Stop::failed("error: the run left no folder"))
}

fn said(place: &Path) -> PathBuf {
    place.join("said.txt")
}
