//! `embed`: waveforms of one length become what a frozen encoder makes of them, a matrix each.

use affekt_config::Section;
use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Kind;
use crate::definition::{Definition, Grain, InputPort, OutputPort, plain};

/// The parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// What is taken from the encoder.
    pub output: Output,
    /// What is done to each matrix then.
    pub scale: Scale,
    /// How many waveforms go through the encoder at a time. Changes nothing beyond float rounding.
    pub batch_size: usize,
}

/// What is taken from an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// The logits of its head for connectionist temporal classification, `[frames, characters]`.
    CtcLogits,
    /// The output of its last layer, `[frames, width]`.
    LastLayer,
    /// That of a layer of the transformer, from 1; 0 is what enters the first.
    Layer(usize),
}

/// What is done to a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Nothing.
    None,
    /// Its values x become 2 (x − min) / (max − min) − 1, in −1..=1. A matrix of one value becomes 0.
    MinMax,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "embed",
    version: 1,
    about: "waveforms of one length become what a frozen encoder makes of them",
    inputs: &[InputPort::one("waveforms", &[Kind::Waveforms]), InputPort::one("encoder", &[Kind::Encoder])],
    outputs: &[OutputPort::new("features", Kind::Features)],
    params: read,
    grain: Grain::Shard,
    place: Place::Worker,
    seeded: false,
    source: false,
};

fn read(section: &mut Section<'_>) -> Value {
    let outputs =
        [("ctc-logits", Output::CtcLogits), ("last-layer", Output::LastLayer), ("layer", Output::Layer(0))];
    let output = match section.required_one_of("output", &outputs) {
        Some(Output::Layer(_)) => {
            Output::Layer(section.required_integer("layer", 0_usize..=1000).unwrap_or_default())
        }
        chosen => chosen.unwrap_or(Output::LastLayer),
    };
    plain(&Params {
        output,
        scale: section.one_of("scale", Scale::None, &[("none", Scale::None), ("min-max", Scale::MinMax)]),
        batch_size: section.integer("batch_size", 8, 1..=4096),
    })
}
