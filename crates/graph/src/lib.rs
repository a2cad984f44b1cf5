//! A cached DAG of anything: keys by content, a verified store, growth while running, worker processes.
//! Knows nothing about speech.
//!
//! A [`Graph`] is a list of [`Node`]s. [`Walk`] resolves them against a [`Store`]: a node whose inputs are
//! known has a [`Key`]; a key with a stored result is done, its outputs are known by content, and the nodes
//! below can be keyed in turn. What is left must run. `plan` and `explain` stop there; [`run`] executes what
//! is ready and walks on until nothing is left. Both see the same states because both use the same walk.

mod elsewhere;
mod explain;
mod gpus;
mod graph;
mod id;
mod index;
mod isolation;
mod journal;
mod key;
mod machine;
mod memory;
mod node;
mod ops;
mod pool;
pub mod protocol;
mod run;
mod serve;
mod stop;
mod store;
mod walk;
mod worker_log;
mod worker_process;

pub use elsewhere::{Elsewhere, JobsEvent, run_elsewhere};
pub use explain::{Change, changes};
pub use gpus::Gpu;
pub use graph::{Graph, GraphError};
pub use id::{AxisValue, NodeId};
pub use index::{NodeIndex, NodeMap};
pub use journal::{Journal, JournalRow, LastRun, NodeRow};
pub use key::{Key, KeyPart, parts};
pub use machine::machine;
pub use node::{Grow, Growth, Input, Node, OutputRef, Place, Resources, Source, Work};
pub use ops::{Context, Failure, Item, Job, Ops, Port, Silent};
pub use pool::{JobLimits, Pool, WorkerCommand, WorkerTimeouts};
pub use protocol::{Hello, PROTOCOL};
pub use run::{Event, Observer, Outcome, RunOptions, run};
pub use serve::serve;
pub use stop::{ask_to_stop, is_asked_to_stop, stop_on_signals};
pub use store::{
    Dropped, Eviction, Fsck, Keep, Lease, Listed, Listing, Object, ObjectError, Output, Record, Retention,
    Scratch, Store, StoreError, Upstream, Usage, explain_bus_errors, hash_bytes,
};
pub use walk::{Group, State, Walk};
