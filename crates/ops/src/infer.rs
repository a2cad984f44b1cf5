//! `infer`: what an exported network says about recordings that no experiment knows. Not for pipelines: the command
//! `predict` runs it.

use std::path::PathBuf;

use affekt_graph::Place;
use serde::{Deserialize, Serialize};

use crate::Kind;
use crate::definition::{Definition, Grain, InputPort, OutputPort, no_params};

/// The parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The folder of the exported network.
    pub folder: PathBuf,
}

/// What it writes, as JSON: a row for each recording of the table that it reads, in order.
pub type Outputs = Vec<Vec<f32>>;

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "infer",
    version: 1,
    about: "what an exported network says about recordings that no experiment knows",
    inputs: &[InputPort::one("features", &[Kind::Features, Kind::Waveforms, Kind::Pictures])],
    outputs: &[OutputPort::new("outputs", Kind::Predictions)],
    params: no_params,
    grain: Grain::Whole,
    place: Place::Worker,
    seeded: false,
    source: false,
};
