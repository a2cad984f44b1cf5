//! `train`: a network is fitted to the training rows, its epoch chosen on the dev rows.

use affekt_config::Section;
use affekt_graph::Place;
use serde_json::{Value, json};

use crate::definition::{Definition, Grain, InputPort, OutputPort};
use crate::{Kind, kind, network, training};

/// What networks are trained on.
pub(crate) const FEATURES: &[Kind] = &[Kind::Features, Kind::Waveforms, Kind::Pictures];

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "train",
    version: 4,
    about: "a network is fitted to the training rows, its epoch chosen on the dev rows",
    inputs: &[
        InputPort::many("features", FEATURES),
        InputPort::one("train", &[kind::TRAIN]),
        InputPort::optional("dev", &[kind::DEV]),
        InputPort::optional("standardise", &[Kind::Standardiser]),
        InputPort::optional("encoder", &[Kind::Encoder]),
        // Settings that a search chose, in the place of its own.
        InputPort::optional("chosen", &[Kind::Chosen]),
    ],
    outputs: &[OutputPort::new("model", Kind::Model), OutputPort::new("history", Kind::History)],
    params: read,
    grain: Grain::Whole,
    place: Place::Worker,
    seeded: true,
    source: false,
};

/// The parameters, in the words of `TrainConfig`, which only exists where libtorch is. A test of the worker holds the
/// two together.
fn read(section: &mut Section<'_>) -> Value {
    let network = section.required_section("network", |section| network::read(section));
    let training = section.required_section("training", |section| Some(training::read(section)));
    json!({ "network": network, "training": training })
}

/// The card of a trained network: what stands beside the weights in its file (see the worker's half).
///
/// # Errors
/// When the object is damaged or no model.
pub fn card(model: &affekt_graph::Object) -> Result<Value, affekt_graph::Failure> {
    let no_model = || affekt_graph::Failure::Failed { message: "this is no model".into() };
    // A safetensors file: the header's length in 64 bits, the header in JSON, the weights.
    let length = model.bytes(0..8.min(model.len()))?;
    let length = u64::from_le_bytes(length.try_into().map_err(|_| no_model())?);
    let end = usize::try_from(length).ok().and_then(|length| length.checked_add(8)).ok_or_else(no_model)?;
    if end > model.len() {
        return Err(no_model());
    }
    let header: Value = serde_json::from_slice(model.bytes(8..end)?).map_err(|_| no_model())?;
    let card = header["__metadata__"]["card"].as_str().ok_or_else(no_model)?;
    serde_json::from_str(card).map_err(|_| no_model())
}
