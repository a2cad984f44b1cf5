//! The section `network` of `train`: which network, in the words of `NetworkConfig`, which only exists where libtorch
//! is. A test of the worker holds the two together.

use affekt_config::Section;
use serde_json::{Value, json};

/// Reads the section, defaults filled in.
pub fn read(network: &mut Section<'_>) -> Option<Value> {
    let kinds = [("cnn", "cnn"), ("two-cnns", "two-cnns"), ("parallel-cnn", "parallel-cnn")];
    let kind = network.required_one_of("kind", &kinds).unwrap_or_default();
    let mut config = json!({
        "kind": kind,
        "channels": sizes(network, "channels", [16, 32, 64]),
        "pools": sizes(network, "pools", [2, 4, 4]),
        "dropout": network.float("dropout", 0.3, 0.0..1.0),
        "norm_axis": network.one_of("norm_axis", "time", &[("time", "time"), ("channel", "channel")]),
    });
    if kind == "parallel-cnn" {
        let written = network.section("transformer", |section| Some(transformer(section)));
        config["transformer"] = written.unwrap_or_else(published_transformer);
    }
    Some(config)
}

fn sizes(network: &mut Section<'_>, key: &str, default: [u32; 3]) -> Vec<u32> {
    let Some(field) = network.optional(key) else { return default.to_vec() };
    field.list().into_iter().filter_map(|size| size.integer(1..=65_536)).collect()
}

fn transformer(section: &mut Section<'_>) -> Value {
    let positions = [(POSITIONS, POSITIONS), ("sinusoidal", "sinusoidal")];
    json!({
        "layers": section.integer("layers", LAYERS, 1..=64),
        "heads": section.integer("heads", HEADS, 1..=1024),
        "feed_forward": section.integer("feed_forward", FEED_FORWARD, 1..=65_536),
        "dropout": section.float("dropout", DROPOUT, 0.0..1.0),
        "positions": section.one_of("positions", POSITIONS, &positions),
    })
}

/// What [`transformer`] makes of an empty section.
fn published_transformer() -> Value {
    json!({
        "layers": LAYERS,
        "heads": HEADS,
        "feed_forward": FEED_FORWARD,
        "dropout": DROPOUT,
        "positions": POSITIONS,
    })
}

const LAYERS: u32 = 4;
const HEADS: u32 = 4;
const FEED_FORWARD: u32 = 512;
const DROPOUT: f64 = 0.4;
const POSITIONS: &str = "none";
