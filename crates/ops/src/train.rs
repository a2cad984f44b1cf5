//! `train`: a network is fitted to the training rows, its epoch chosen on the dev rows.

use affekt_config::{Diagnostic, Field, Section, Value as Yaml};
use affekt_graph::Place;
use serde_json::{Value, json};

use crate::definition::{Definition, Grain, InputPort, OutputPort};
use crate::{Kind, kind, network};

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "train",
    version: 3,
    about: "a network is fitted to the training rows, its epoch chosen on the dev rows",
    inputs: &[
        InputPort::many("features", &[Kind::Features]),
        InputPort::one("train", &[kind::TRAIN]),
        InputPort::optional("dev", &[kind::DEV]),
        InputPort::optional("standardise", &[Kind::Standardiser]),
    ],
    outputs: &[OutputPort::new("model", Kind::Model), OutputPort::new("history", Kind::History)],
    params: read,
    grain: Grain::Whole,
    place: Place::Worker,
    seeded: true,
};

/// The parameters, in the words of `TrainConfig`, which only exists where libtorch is. A test of the worker holds the
/// two together.
fn read(section: &mut Section<'_>) -> Value {
    let network = section.required_section("network", |section| network::read(section));
    let training = section.required_section("training", |section| Some(read_training(section)));
    json!({ "network": network, "training": training })
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
    let stopping = stopping.unwrap_or_else(|| early(MONITOR, PATIENCE));
    let class_weights = section.optional("class_weights").and_then(read_class_weights);
    let schedule = section.section("schedule", |schedule| Some(read_schedule(schedule)));
    let refit = read_refit(section, &stopping);
    json!({
        "lr": section.float("lr", 1e-3, 1e-12..=10.0),
        "weight_decay": section.float("weight_decay", 0.0, 0.0..=10.0),
        "batch_size": section.integer("batch_size", 32_u32, 1..=65_536),
        "max_epochs": section.integer("max_epochs", 100_u32, 1..=100_000),
        "stopping": stopping,
        "class_weights": class_weights.unwrap_or_else(|| json!("none")),
        "clip_norm": section.optional_float("clip_norm", 1e-6..=1e6),
        "schedule": schedule.unwrap_or_else(|| json!({ "kind": "constant" })),
        "refit": refit,
    })
}

/// A word, or a weight for each class.
fn read_class_weights(field: Field<'_>) -> Option<Value> {
    if matches!(field.node.value, Yaml::List(_)) {
        let weights: Vec<f64> =
            field.list().into_iter().filter_map(|weight| weight.float(1e-6..=1e6)).collect();
        return Some(json!(weights));
    }
    let rules = ["none", "balanced", "inverse-frequency"];
    field.one_of(&rules.map(|rule| (rule, rule))).map(Value::from)
}

fn read_schedule(section: &mut Section<'_>) -> Value {
    let kinds = ["constant", "linear", "cosine", "step"];
    match section.required_one_of("kind", &kinds.map(|kind| (kind, kind))) {
        Some("step") => json!({
            "kind": "step",
            "every": section.required_integer("every", 1_u32..=100_000),
            "factor": section.float("factor", 0.1, 1e-6..=1.0),
        }),
        Some(kind @ ("linear" | "cosine")) => json!({
            "kind": kind,
            "warmup": read_steps(section, "warmup"),
            "hold": read_steps(section, "hold"),
            "floor": section.float("floor", 0.0, 0.0..=1.0),
        }),
        _ => json!({ "kind": "constant" }),
    }
}

/// A number of optimiser steps, or a share of all of them.
fn read_steps(section: &mut Section<'_>, key: &str) -> Value {
    let Some(field) = section.optional(key) else { return json!(0) };
    match field.node.value {
        Yaml::Integer(steps) if (0..=1_000_000_000).contains(&steps) => json!(steps),
        Yaml::Float(share) if (0.0..1.0).contains(&share) => json!(share),
        _ => {
            field.expected("a whole number of steps, or a share of all steps below 1");
            json!(0)
        }
    }
}

fn read_refit(section: &mut Section<'_>, stopping: &Value) -> &'static str {
    let choices = ["none", "best-epochs", "best-epochs-with-dev"].map(|refit| (refit, refit));
    let Some(field) = section.optional("refit") else { return "none" };
    let refit = field.one_of(&choices).unwrap_or("none");
    if refit != "none" && stopping["kind"] != "early" {
        let message =
            format!("`refit: {refit}` repeats what early stopping found, and nothing is searched for");
        let error = Diagnostic::error(&field.node.span, message);
        section
            .diagnostics()
            .push(error.hint("train with `stopping: { kind: early }`, or leave out `refit`"));
    }
    refit
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
