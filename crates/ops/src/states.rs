//! `states`: what a model of states makes of every frame of the training rows.

use affekt_config::Section;
use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::{Definition, Grain, InputPort, OutputPort, plain};
use crate::{Kind, kind};

/// The parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// What numbers they are kept in.
    pub precision: Precision,
}

/// What numbers states are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Half the room, 11 bits of precision.
    Fp16,
    /// As computed.
    Fp32,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "states",
    version: 1,
    about: "what a model of states makes of every frame of the training rows",
    inputs: &[
        InputPort::many("waveforms", &[Kind::Waveforms]),
        InputPort::one("train", &[kind::TRAIN]),
        InputPort::one("model", &[Kind::StateModel]),
    ],
    outputs: &[OutputPort::new("states", Kind::States)],
    params: read,
    grain: Grain::Whole,
    place: Place::Worker,
    seeded: false,
    source: false,
};

fn read(section: &mut Section<'_>) -> Value {
    let precisions = [("fp16", Precision::Fp16), ("fp32", Precision::Fp32)];
    plain(&Params { precision: section.one_of("precision", Precision::Fp16, &precisions) })
}
