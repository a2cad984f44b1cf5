//! What the graph asks of the ops it runs.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use affekt_domain::Digest;
use serde::{Deserialize, Serialize};

use crate::Node;
use crate::id::NodeId;
use crate::store::{Object, ObjectError, StoreError, advice};

/// The ops of a process: those of the runner, or those of a worker.
pub trait Ops: Sync {
    /// Returns the fingerprint of what a [`crate::Work::Source`] node reads outside the graph. `None` when it cannot be
    /// told without effort and `thorough` is false.
    ///
    /// # Errors
    /// When it cannot be read at all.
    fn fingerprint(
        &self,
        node: &Node,
        thorough: bool,
        context: &mut dyn Context,
    ) -> Result<Option<Digest>, Failure>;

    /// Runs one job: reads its inputs, writes its outputs to their paths.
    ///
    /// # Errors
    /// When the op fails.
    fn run(&self, job: &Job, context: &mut dyn Context) -> Result<(), Failure>;
}

/// What an op may tell and ask while it runs.
pub trait Context: Send {
    /// Reports progress. An op that reports none for long is taken for hung and killed.
    fn progress(&mut self, done: u64, total: u64, note: &str);
    /// Returns whether it should stop: the run was interrupted.
    fn cancelled(&self) -> bool;
    /// Files with the result what it is computed with. A later value under the same name replaces an earlier one.
    fn computed_with(&mut self, _name: &str, _value: &str) {}
    /// Files with the result how much memory of its device it needed at most, in MiB.
    fn memory(&mut self, _mib: u64) {}
}

/// The context of what is done on the way: nobody watches, nobody interrupts.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Context for Silent {
    fn progress(&mut self, _: u64, _: u64, _: &str) {}

    fn cancelled(&self) -> bool {
        false
    }
}

/// Everything an op needs to run, in this process or another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The node's id as it is written, for messages.
    pub node: String,
    /// The op.
    pub op: String,
    /// Its version.
    pub version: u32,
    /// Its parameters.
    pub params: serde_json::Value,
    /// Its inputs.
    pub inputs: Vec<Port>,
    /// Where each output is to be written.
    pub outputs: BTreeMap<String, PathBuf>,
    /// Its seed.
    pub seed: Option<u64>,
    /// The node's numerics.
    pub numerics: BTreeMap<String, String>,
    /// A folder whose contents survive a crash, until the job is done.
    pub state: Option<PathBuf>,
}

/// One input port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// What flows in.
    pub items: Vec<Item>,
}

/// One stored object given to an op.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its digest.
    pub digest: Digest,
    /// Its file.
    pub path: PathBuf,
}

/// Why a node has no result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Failure {
    /// The op said so.
    #[error("{message}")]
    Failed {
        /// In words.
        message: String,
    },
    /// An input is damaged; it will be computed again.
    #[error("stored object {} is damaged ({what})", .digest.short())]
    Damaged {
        /// Its name.
        digest: Digest,
        /// How this was seen.
        what: String,
    },
    /// The process that ran it ended, or was ended.
    #[error("{message}")]
    Crashed {
        /// What is known about it.
        message: String,
    },
    /// The process that ran it was ended because it took too much memory.
    #[error("{message}")]
    OutOfMemory {
        /// What is known about it.
        message: String,
    },
    /// The GPU that it ran on does not work, or cannot be had.
    #[error("{message}")]
    Device {
        /// What is known about it.
        message: String,
    },
    /// The run was interrupted.
    #[error("interrupted")]
    Cancelled,
    /// A node it reads from has no result.
    #[error("not run: `{cause}` failed")]
    Above {
        /// The id of the node that failed first, as it is written.
        cause: String,
    },
}

impl Failure {
    /// Makes the failure of a node that reads from `node`, which failed like this.
    pub(crate) fn below(&self, node: &NodeId) -> Self {
        match self {
            Self::Above { cause } => Self::Above { cause: cause.clone() },
            _ => Self::Above { cause: node.to_string() },
        }
    }

    /// Makes the failure to write a file of the store, with what helps where the disk is full.
    #[must_use]
    pub fn unwritten(path: &Path, error: &io::Error) -> Self {
        Self::Failed { message: format!("failed to write {}{}", path.display(), advice(error)) }
    }

    /// Makes the failure to start a thread, which a limit on memory or on processes may refuse.
    pub(crate) fn no_thread(error: &io::Error) -> Self {
        Self::Failed {
            message: format!(
                "failed to start a thread: {error}; raise the limits of memory and processes (`ulimit -a`)"
            ),
        }
    }

    /// Makes a failure of an error and its causes.
    pub fn because(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Self::Failed { message }
    }
}

impl From<ObjectError> for Failure {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Damaged { digest, what } => Self::Damaged { digest, what },
            ObjectError::Io { .. } => Self::because(&error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        // The store's message names its cause already.
        Self::Failed { message: error.to_string() }
    }
}

impl Job {
    /// Opens the objects of an input port. An op that has no such port gets none.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub fn open(&self, port: &str) -> Result<Vec<Object>, Failure> {
        let items = self.inputs.iter().filter(|input| input.name == port).flat_map(|input| &input.items);
        items.map(|item| Object::open(&item.path, item.digest).map_err(Failure::from)).collect()
    }

    /// Opens the single object of an input port.
    ///
    /// # Errors
    /// When it cannot be opened, or the port does not hold exactly one.
    pub fn open_one(&self, port: &str) -> Result<Object, Failure> {
        let mut objects = self.open(port)?;
        match (objects.pop(), objects.len()) {
            (Some(only), 0) => Ok(only),
            (_, more) => {
                Err(Failure::Failed { message: format!("input `{port}` holds {more} objects, expected one") })
            }
        }
    }

    /// Returns where to write an output.
    ///
    /// # Errors
    /// When the node has no such output.
    pub fn output(&self, name: &str) -> Result<&Path, Failure> {
        let path = self.outputs.get(name).map(PathBuf::as_path);
        path.ok_or_else(|| Failure::Failed { message: format!("there is no output `{name}`") })
    }
}

/// Makes the job of a node whose inputs are known.
pub(crate) fn job(node: &Node, inputs: Vec<Port>, folder: &Path, state: Option<PathBuf>) -> Job {
    Job {
        node: node.id.to_string(),
        op: node.op.clone(),
        version: node.version,
        params: (*node.params).clone(),
        inputs,
        outputs: node.outputs.iter().map(|name| (name.clone(), folder.join(name))).collect(),
        seed: node.seed,
        numerics: node.numerics.clone(),
        state,
    }
}
