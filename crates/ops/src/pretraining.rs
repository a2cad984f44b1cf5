//! The section `training` of what is trained step by step, in the words of `PretrainConfig`, which only exists where
//! libtorch is. A test of the worker holds the two together.

use affekt_config::Section;
use serde_json::{Value, json};

use crate::network::same;
use crate::training::{read_batching, read_crop, read_schedule, shuffled};

/// Reads the section, defaults filled in; `held_out` is the share that chooses where none is given.
pub fn read(section: &mut Section<'_>, held_out: f64) -> Value {
    let batching = section.optional("batching").map_or_else(shuffled, read_batching);
    let crop = section.optional("crop").and_then(read_crop);
    let schedule = section.section("schedule", |schedule| Some(read_schedule(schedule)));
    json!({
        "steps": section.required_integer("steps", 1_u64..=100_000_000),
        "lr": section.float("lr", 1e-4, 1e-12..=10.0),
        "optimiser": section.one_of("optimiser", "adam", &["adam", "adamw"].map(same)),
        "weight_decay": section.float("weight_decay", 0.0, 0.0..=10.0),
        "batch_size": section.integer("batch_size", 64_u32, 1..=65_536),
        "drop_last": section.boolean("drop_last", false),
        "batching": batching,
        "crop": crop,
        "precision": section.one_of("precision", "fp32", &["fp32", "bf16"].map(same)),
        "gradient_checkpointing": section.boolean("gradient_checkpointing", false),
        "schedule": schedule.unwrap_or_else(|| json!({ "kind": "constant" })),
        "held_out": section.float("held_out", held_out, 0.0..1.0),
    })
}
