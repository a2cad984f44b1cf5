//! `infer`: what an exported network says about recordings that no experiment knows. The command `predict` runs it.

use std::path::PathBuf;

use affekt_graph::Place;
use affekt_spec::Spec;

use crate::Kind;
use crate::operation::{Author, InputPort, Operation, OutputPort, Purpose};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq, Spec)]
pub struct Params {
    /// The folder of the exported network.
    pub folder: PathBuf,
}

/// What it writes, as JSON: a row for each recording of the table that it reads, in order.
pub type Outputs = Vec<Vec<f32>>;

/// The operation.
pub struct Infer;

impl Operation for Infer {
    type Params = Params;

    const NAME: &'static str = "infer";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "what an exported network says about recordings that no experiment knows";
    const INPUTS: &'static [InputPort] =
        &[InputPort::one("features", &[Kind::Features, Kind::Waveforms, Kind::SpectrogramImages])];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("outputs", Kind::Predictions)];
    const PLACE: Place = Place::Worker;
    const AUTHOR: Author = Author::Command;
    const PURPOSE: Purpose = Purpose::Predict;
}
