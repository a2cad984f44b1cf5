//! `bottleneck`: pictures become what the frozen convolutions of a VGG16 give of them. They never change, so they are computed once and
//! not in every epoch of every training.

use affekt_config::Section;
use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::{Definition, Grain, InputPort, OutputPort, plain};
use crate::{Kind, network};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// What of the base is trained and no part of this, in the words of the network that trains it.
    pub unfreeze: Value,
    /// How many pictures go through the convolutions at a time. Changes nothing beyond float rounding.
    pub batch_size: usize,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "bottleneck",
    version: 1,
    about: "pictures become what the frozen convolutions of a VGG16 give of them",
    inputs: &[InputPort::one("pictures", &[Kind::Pictures]), InputPort::one("encoder", &[Kind::Encoder])],
    outputs: &[OutputPort::new("features", Kind::Features)],
    params: read,
    grain: Grain::Shard,
    place: Place::Worker,
    seeded: false,
    source: false,
};

fn read(section: &mut Section<'_>) -> Value {
    plain(&Params {
        unfreeze: network::unfreeze(section),
        batch_size: section.integer("batch_size", 16, 1..=4096),
    })
}
