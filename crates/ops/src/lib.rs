//! One file an op: its ports, parameters, version and what it does.
//!
//! Every [`Definition`] is always there, so that experiments can be planned anywhere. What ops do comes with the
//! feature `host` for those that run inside the runner ([`HostOps`]); the bodies of those that need libtorch
//! (`train`, `predict`) are in the worker, because cargo unifies features: behind a feature of this crate they
//! would link libtorch into the runner whenever both are built at once.

mod definition;
pub mod feature_set;
mod kind;
pub mod network;
mod pretraining;
pub mod table;
mod training;

pub mod audio;
pub mod awgn;
pub mod bottleneck;
pub mod choose;
pub mod compare;
pub mod embed;
pub mod encoder;
pub mod evaluate;
pub mod examples;
pub mod exported;
pub mod folds;
pub mod functionals;
pub mod infer;
pub mod ingest;
pub mod kmeans;
pub mod logmel;
pub mod mfcc;
pub mod picture;
pub mod predict;
pub mod pretrain;
pub mod split;
pub mod standardise;
pub mod state_model;
pub mod states;
pub mod submission;
pub mod train;
pub mod trial;

#[cfg(feature = "host")]
mod hints;
#[cfg(feature = "host")]
mod host;
#[cfg(feature = "host")]
mod waveforms;

pub use definition::{Arity, Definition, Grain, InputPort, OutputPort};
#[cfg(feature = "host")]
pub use host::{CorpusFolder, HostOps};
pub use kind::Kind;

/// All ops, in the order in which data passes through them.
pub const ALL: &[&Definition] = &[
    &ingest::DEFINITION,
    &examples::DEFINITION,
    &folds::DEFINITION,
    &split::DEFINITION,
    &audio::DEFINITION,
    &awgn::DEFINITION,
    &logmel::DEFINITION,
    &mfcc::DEFINITION,
    &picture::DEFINITION,
    &functionals::DEFINITION,
    &encoder::DEFINITION,
    &embed::DEFINITION,
    &bottleneck::DEFINITION,
    &standardise::DEFINITION,
    &state_model::DEFINITION,
    &states::DEFINITION,
    &kmeans::DEFINITION,
    &pretrain::DEFINITION,
    &trial::DEFINITION,
    &choose::DEFINITION,
    &train::DEFINITION,
    &predict::DEFINITION,
    &evaluate::DEFINITION,
    &compare::DEFINITION,
    &submission::DEFINITION,
];

/// The op called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Definition> {
    ALL.iter().copied().find(|definition| definition.name == name)
}

/// The parameters of a job.
///
/// # Errors
/// When they are not those of the op.
pub fn params<T: serde::de::DeserializeOwned>(job: &affekt_graph::Job) -> Result<T, affekt_graph::Failure> {
    serde_json::from_value(job.params.clone()).map_err(|error| affekt_graph::Failure::because(&error))
}

/// Writes an artefact that is a JSON file.
#[cfg(feature = "host")]
fn write_json(path: &std::path::Path, value: &impl serde::Serialize) -> Result<(), affekt_graph::Failure> {
    let failed = |error: &dyn std::error::Error| affekt_graph::Failure::because(error);
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| failed(&error))?;
    bytes.push(b'\n');
    std::fs::write(path, bytes).map_err(|error| affekt_graph::Failure::unwritten(path, &error))
}
