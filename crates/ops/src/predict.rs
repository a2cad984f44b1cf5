//! `predict`: what a trained network says about dev and test rows.

use affekt_config::Section;
use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::{Definition, Grain, InputPort, OutputPort, plain};
use crate::{Kind, kind};

/// The parameters.
#[derive(Serialize, Deserialize)]
pub struct Params {
    /// How many utterances go through the network at a time. Changes no prediction beyond float rounding.
    pub batch_size: usize,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "predict",
    version: 4,
    about: "what a trained network says about dev and test rows",
    inputs: &[
        InputPort::one("model", &[Kind::Model]),
        InputPort::many("features", &[Kind::Features, Kind::Waveforms, Kind::Pictures]),
        InputPort::many("rows", &[kind::DEV, kind::TEST]),
    ],
    outputs: &[OutputPort::new("predictions", Kind::Predictions)],
    params: read,
    grain: Grain::Whole,
    place: Place::Worker,
    seeded: false,
    source: false,
};

fn read(section: &mut Section<'_>) -> Value {
    plain(&Params { batch_size: section.integer("batch_size", 64, 1..=65_536) })
}
