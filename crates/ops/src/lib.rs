//! Operations: one file each, with its ports, parameters, version and what it may be given.
//!
//! [`ALL`] is the registry: whoever wants to know something of an operation asks it. Nothing here computes: the bodies of
//! operations that run inside the runner are in `affekt-runner`, of those that need libtorch in `affekt-worker`, each registered
//! under the operation's name. So everything can be planned anywhere.

mod kind;
mod operation;
mod registry;

pub mod audio;
pub mod awgn;
pub mod bottleneck;
pub mod choose;
pub mod compare;
pub mod doctor;
pub mod embed;
pub mod encoder;
pub mod evaluate;
pub mod examples;
pub mod exported;
pub mod exported_encoder;
pub mod feature_set;
pub mod folds;
pub mod functionals;
pub mod infer;
pub mod ingest;
pub mod kmeans;
pub mod logmel;
pub mod mfcc;
pub mod model;
pub mod picture;
pub mod predict;
pub mod predictions_file;
pub mod pretrain;
mod prose;
pub mod split;
pub mod standardise;
pub mod state_model;
pub mod states;
pub mod submission;
pub mod table;
pub mod train;
pub mod trial;

pub use kind::Kind;
pub use operation::{
    Arity, Author, Definition, Facts, Grain, InputPort, MistakeAt, Operation, OutputPort, Params,
    PortMistake, Purpose, unread, with,
};
pub use prose::{Sentence, Topic};
pub use registry::{ALL, find, of_node, of_pipelines, set_params};

/// Reads the parameters of a job.
///
/// # Errors
/// When they are not those of the operation.
pub fn params<T: serde::de::DeserializeOwned>(job: &affekt_graph::Job) -> Result<T, affekt_graph::Failure> {
    serde_json::from_value(job.params.clone()).map_err(|error| affekt_graph::Failure::because(&error))
}
