//! `state-model`: a network learns to tell the training rows' labels frame by frame and clip by clip, for the states that it
//! has of the frames. The first step of P-TAPT (arXiv 2110.06309).

use affekt_config::Section;
use affekt_graph::Place;
use serde_json::{Value, json};

use crate::definition::{Definition, Grain, InputPort, OutputPort};
use crate::network::overrides;
use crate::{Kind, kind, pretraining, training};

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "state-model",
    version: 1,
    about: "a network learns to tell the training rows' labels, for the states that it has of frames",
    inputs: &[
        InputPort::many("waveforms", &[Kind::Waveforms]),
        InputPort::one("train", &[kind::TRAIN]),
        InputPort::one("encoder", &[Kind::Encoder]),
    ],
    outputs: &[OutputPort::new("model", Kind::StateModel), OutputPort::new("history", Kind::History)],
    params: read,
    grain: Grain::Whole,
    place: Place::Worker,
    seeded: false,
    source: false,
};

/// The share of the training rows that chooses the weights.
const HELD_OUT: f64 = 0.1;

/// Units of each head, and of the clip's LSTM each way, as published.
const HEAD: u32 = 128;
const LSTM: u32 = 256;

fn read(section: &mut Section<'_>) -> Value {
    let network = section.section("network", |section| Some(read_network(section)));
    let network = network.unwrap_or_else(|| json!({ "overrides": {}, "head": HEAD, "lstm": LSTM }));
    let class_weights = section.optional("class_weights").and_then(training::read_class_weights);
    let training = section.required_section("training", |section| Some(pretraining::read(section, HELD_OUT)));
    json!({
        "network": network,
        "class_weights": class_weights.unwrap_or_else(|| json!("inverse-frequency")),
        "training": training,
        "seed": section.integer("seed", 0_u32, 0..),
    })
}

fn read_network(section: &mut Section<'_>) -> Value {
    let overrides = section.section("overrides", |section| Some(overrides(section)));
    let mut network = json!({
        "overrides": overrides.unwrap_or_else(|| json!({})),
        "head": section.integer("head", HEAD, 1..=65_536),
        "lstm": section.integer("lstm", LSTM, 1..=65_536),
    });
    // Of the convolution behind a wav2vec, which other encoders do without.
    for size in ["kernel", "stride"] {
        if let Some(given) = section.optional_integer(size, 1_u32..=65_536) {
            network[size] = given.into();
        }
    }
    network
}
