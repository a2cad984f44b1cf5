//! `train`: a network is fitted to the training rows, its epoch chosen on the dev rows.

use affekt_config::Section;
use affekt_graph::Place;
use serde_json::{Value, json};

use crate::definition::{Definition, Grain, InputPort, OutputPort};
use crate::{Kind, kind, network};

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "train",
    version: 1,
    about: "a network is fitted to the training rows, its epoch chosen on the dev rows",
    inputs: &[
        InputPort::many("features", &[Kind::Features]),
        InputPort::one("train", &[kind::TRAIN]),
        InputPort::optional("dev", &[kind::DEV]),
    ],
    outputs: &[OutputPort::new("model", Kind::Model), OutputPort::new("history", Kind::History)],
    params: read,
    grain: Grain::Whole,
    place: Place::Worker,
    seeded: true,
};

/// The parameters, in the words of `TrainConfig` and `StandardisePer`, which only exist where libtorch is. A test of
/// the worker holds the two together.
fn read(section: &mut Section<'_>) -> Value {
    let network = section.required_section("network", |section| network::read(section));
    let training = section.required_section("training", |section| Some(read_training(section)));
    let choices = [("global", Some("global")), ("band", Some("band")), ("none", None)];
    let standardise = section.one_of("standardise", Some("global"), &choices);
    json!({ "network": network, "training": training, "standardise": standardise })
}

fn read_training(section: &mut Section<'_>) -> Value {
    let stopping = section.section("stopping", |stopping| {
        Some(match stopping.one_of("kind", "early", &[("early", "early"), ("fixed", "fixed")]) {
            "early" => {
                let figures =
                    [("dev-loss", "dev-loss"), ("dev-accuracy", "dev-accuracy"), ("dev-uar", "dev-uar")];
                let monitor = stopping.one_of("monitor", MONITOR, &figures);
                early(monitor, stopping.integer("patience", PATIENCE, 1..=100_000))
            }
            kind => json!({ "kind": kind }),
        })
    });
    json!({
        "lr": section.float("lr", 1e-3, 1e-12..=10.0),
        "weight_decay": section.float("weight_decay", 0.0, 0.0..=10.0),
        "batch_size": section.integer("batch_size", 32_u32, 1..=65_536),
        "max_epochs": section.integer("max_epochs", 100_u32, 1..=100_000),
        "stopping": stopping.unwrap_or_else(|| early(MONITOR, PATIENCE)),
    })
}

const MONITOR: &str = "dev-loss";
const PATIENCE: u32 = 10;

fn early(monitor: &str, patience: u32) -> Value {
    json!({ "kind": "early", "monitor": monitor, "patience": patience })
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
