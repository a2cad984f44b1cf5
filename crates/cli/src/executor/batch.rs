//! What the store keeps of jobs: a folder for all jobs of an experiment, in it one for each batch of alike jobs.
//!
//! ```text
//! jobs/<experiment>/plan/         resolved.yaml and what it names: the graph that the jobs resolve
//! jobs/<experiment>/<batch>/      batch.json    what each job is to compute, and how the batch system is told of it
//!                                 script.sh     what the batch system runs
//!                                 submitted     the number that it gave
//!                                 <task>.json   what a job says of itself: written anew as it goes on, and as a sign of life
//!                                 <task>.over   that the runner has taken in what came of it
//! ```
//! Whatever appears under its name is whole. Nobody writes what another does.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use affekt_atomic::{AtomicError, write_atomically};
use affekt_domain::Digest;
use affekt_graph::{Failure, Key};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::exit::Stop;

/// Jobs that are alike, and are begun together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The format's version: [`Batch::VERSION`].
    pub version: u32,
    /// How the jobs are called.
    pub name: String,
    /// What each of them is to compute: ids of nodes.
    pub tasks: Vec<Vec<String>>,
    /// How often each of these nodes was handed out before.
    pub attempts: BTreeMap<String, u32>,
    /// What the jobs compute on: `cpu` or `cuda`.
    pub device: String,
    /// The folder of data, where one was given.
    pub data: Option<PathBuf>,
    /// The folder in which the runner was started: relative paths begin there.
    pub folder: PathBuf,
    /// Fingerprints of what sources read outside the graph, as far as they were known.
    pub fingerprints: BTreeMap<String, Digest>,
    /// The worker, and its environment.
    pub worker: Option<(PathBuf, Vec<(String, String)>)>,
    /// Where logs go.
    pub logs: PathBuf,
    /// How many cores each job has.
    pub cpus: u32,
    /// How much memory each job asked for, where it asked for some, in MiB.
    pub memory_mib: Option<u64>,
    /// The command by which a job that has to stop asks to be queued again, where there is one.
    pub requeue: Option<String>,
    /// Whether everything is decoded and hashed again.
    pub paranoid: bool,
    /// Whether corpora are done without that are missing.
    pub partial: bool,
    /// The numbers of the batches that it waits for.
    pub after: Vec<String>,
}

/// What a job says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Counts on while the job lives.
    pub beat: u64,
    /// Where it runs.
    pub host: String,
    /// The nodes that it has begun, with those that are over.
    pub started: Vec<String>,
    /// The nodes that have their results.
    pub done: Vec<DoneNode>,
    /// The nodes that failed.
    pub failed: BTreeMap<String, Failure>,
    /// How it ended.
    pub end: Option<End>,
}

/// A node that has its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DoneNode {
    /// Its id.
    pub id: String,
    /// The key of the result.
    pub key: Key,
    /// The fingerprint of what it reads outside the graph, of a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Digest>,
    /// Whether the job computed it.
    pub ran: bool,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// All of its nodes have results.
    Done,
    /// Some failed.
    Failed,
    /// It was told to stop, and goes on where it was when it is begun again.
    Stopped,
}

impl Batch {
    /// The version of the format.
    pub const VERSION: u32 = 1;
    /// Its file.
    pub const FILE: &str = "batch.json";
    /// What the batch system runs.
    pub const SCRIPT: &str = "script.sh";
    /// The file of the number that the batch system gave.
    const SUBMITTED: &str = "submitted";

    /// Returns the number that the batch system gave a batch.
    pub fn submitted(folder: &Path) -> Option<String> {
        fs::read_to_string(folder.join(Self::SUBMITTED)).ok()
    }

    /// Notes the number that the batch system gave.
    pub fn set_submitted(folder: &Path, id: &str) -> Result<(), Stop> {
        write_text(&folder.join(Self::SUBMITTED), id)
    }

    /// Returns where a task says how it is.
    pub fn status_path(folder: &Path, task: usize) -> PathBuf {
        folder.join(format!("{task}.json"))
    }

    /// Returns the file that says that nothing more is to be learnt of a task.
    pub fn over_path(folder: &Path, task: usize) -> PathBuf {
        folder.join(format!("{task}.over"))
    }
}

/// Reads a file of JSON; `None` where it is not there or something else.
pub fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Writes a file of JSON.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, value: &impl Serialize) -> Result<(), Stop> {
    let bytes = serde_json::to_vec(value)
        .map_err(|cause| Stop::failed(format!("error: failed to write {}: {cause}", path.display())))?;
    write_atomically(path, |aside| fs::write(aside, &bytes).map_err(|cause| atomic(path, cause)))?;
    Ok(())
}

/// Writes a file of text.
///
/// # Errors
/// When it cannot be written.
pub fn write_text(path: &Path, text: &str) -> Result<(), Stop> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|cause| atomic(folder, cause))?;
    }
    write_atomically(path, |aside| fs::write(aside, text).map_err(|cause| atomic(path, cause)))?;
    Ok(())
}

fn atomic(path: &Path, source: io::Error) -> AtomicError {
    AtomicError { path: path.to_owned(), source }
}
