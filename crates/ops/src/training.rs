//! The section `training` of `train`: how a network is fitted, in the words of `TrainConfig`, which only exists where
//! libtorch is. A test of the worker holds the two together.

use affekt_config::{Diagnostic, Field, Section, Value as Yaml};
use serde_json::{Value, json};

use crate::network::same;

/// Reads the section, defaults filled in.
pub fn read(section: &mut Section<'_>) -> Value {
    let stopping = section.section("stopping", |stopping| {
        Some(match stopping.one_of("kind", "early", &[("early", "early"), ("fixed", "fixed")]) {
            "early" => {
                let figures = ["dev-loss", "dev-accuracy", "dev-uar", "dev-ccc"].map(same);
                let monitor = stopping.one_of("monitor", MONITOR, &figures);
                early(monitor, stopping.integer("patience", PATIENCE, 1..=100_000))
            }
            kind => json!({ "kind": kind }),
        })
    });
    let stopping = stopping.unwrap_or_else(|| early(MONITOR, PATIENCE));
    let batching = section.optional("batching").map_or_else(shuffled, read_batching);
    let crop = section.optional("crop").and_then(read_crop);
    let augment = section.optional("augment").and_then(read_augment);
    let class_weights = section.optional("class_weights").and_then(read_class_weights);
    let schedule = section.section("schedule", |schedule| Some(read_schedule(schedule)));
    let refit = read_refit(section, &stopping);
    let mut training = json!({
        "lr": section.float("lr", 1e-3, 1e-12..=10.0),
        "optimiser": section.one_of("optimiser", "adam", &["adam", "adamw"].map(same)),
        "loss": section.one_of("loss", "cross-entropy", &["cross-entropy", "ccc", "mse"].map(same)),
        "weight_decay": section.float("weight_decay", 0.0, 0.0..=10.0),
        "batch_size": section.integer("batch_size", 32_u32, 1..=65_536),
        "drop_last": section.boolean("drop_last", false),
        "batching": batching,
        "accumulate": section.integer("accumulate", 1_u32, 1..=65_536),
        "crop": crop,
        "precision": section.one_of("precision", "fp32", &["fp32", "bf16"].map(same)),
        "gradient_checkpointing": section.boolean("gradient_checkpointing", false),
        "max_epochs": section.integer("max_epochs", 100_u32, 1..=100_000),
        "stopping": stopping,
        "class_weights": class_weights.unwrap_or_else(|| json!("none")),
        "clip_norm": section.optional_float("clip_norm", 1e-6..=1e6),
        "schedule": schedule.unwrap_or_else(|| json!({ "kind": "constant" })),
        "refit": refit,
    });
    // Left out where there is none: a key holds every parameter, and what is trained without it was so before there was any.
    if let Some(augment) = augment {
        training["augment"] = augment;
    }
    training
}

/// A word, or a weight for each class.
pub fn read_class_weights(field: Field<'_>) -> Option<Value> {
    if matches!(field.node.value, Yaml::List(_)) {
        let weights: Vec<f64> =
            field.list().into_iter().filter_map(|weight| weight.float(1e-6..=1e6)).collect();
        return Some(json!(weights));
    }
    field.one_of(&["none", "balanced", "inverse-frequency"].map(same)).map(Value::from)
}

/// `shuffled`, or a section with a `kind`.
pub fn read_batching(field: Field<'_>) -> Value {
    if matches!(field.node.value, Yaml::Text(_)) {
        return field.one_of(&[("shuffled", ())]).map_or_else(shuffled, |()| shuffled());
    }
    let read = field.section("`batching`", |section| {
        Some(match section.required_one_of("kind", &["shuffled", "bucketed"].map(same))? {
            "bucketed" => json!({
                "kind": "bucketed",
                "seconds": section.optional_float("seconds", 0.1..=100_000.0),
                "noise": section.float("noise", 0.1, 0.0..1.0),
            }),
            _ => shuffled(),
        })
    });
    read.unwrap_or_else(shuffled)
}

/// What `batching` is where nothing is said.
pub fn shuffled() -> Value {
    json!({ "kind": "shuffled" })
}

/// `none`, or a section.
pub fn read_crop(field: Field<'_>) -> Option<Value> {
    if matches!(field.node.value, Yaml::Text(_)) {
        return field.one_of(&[("none", ())]).and(None);
    }
    field.section("`crop`", |section| {
        let seconds = section.required_float("seconds", 0.01..=3600.0);
        let at = section.one_of("at", "start", &["start", "random"].map(same));
        Some(json!({ "seconds": seconds?, "at": at }))
    })
}

/// `none`, or a section. One that asks for nothing is none.
fn read_augment(field: Field<'_>) -> Option<Value> {
    if matches!(field.node.value, Yaml::Text(_)) {
        return field.one_of(&[("none", ())]).and(None);
    }
    let (flip, rotation, zoom) = field.section("`augment`", |section| {
        let flip = section.one_of("flip", "none", &["none", "horizontal"].map(same));
        let rotation = section.float("rotation", 0.0, 0.0..=180.0);
        Some((flip, rotation, section.float("zoom", 0.0, 0.0..1.0)))
    })?;
    let asks = flip != "none" || rotation > 0.0 || zoom > 0.0;
    asks.then(|| json!({ "flip": flip, "rotation": rotation, "zoom": zoom }))
}

/// How the learning rate goes: a section with a `kind`.
pub fn read_schedule(section: &mut Section<'_>) -> Value {
    match section.required_one_of("kind", &["constant", "linear", "cosine", "step"].map(same)) {
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
    let choices = ["none", "best-epochs", "best-epochs-with-dev"].map(same);
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
