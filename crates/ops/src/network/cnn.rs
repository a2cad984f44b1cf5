//! Systems B1 to B3: CNNs, and two of them beside a transformer.

use affekt_config::Section;
use serde_json::{Value, json};

use super::parts::{same, sizes};

/// One CNN, or two in parallel.
pub fn read(network: &mut Section<'_>) -> Value {
    json!({
        "channels": sizes(network, "channels", &[16, 32, 64]),
        "pools": sizes(network, "pools", &[2, 4, 4]),
        "dropout": network.float("dropout", 0.3, 0.0..1.0),
        "norm_axis": network.one_of("norm_axis", "time", &["time", "channel"].map(same)),
    })
}

/// Two beside a transformer.
pub fn read_parallel(network: &mut Section<'_>) -> Value {
    let mut config = read(network);
    let written = network.section("transformer", |section| Some(transformer(section)));
    config["transformer"] = written.unwrap_or_else(published_transformer);
    config
}

fn transformer(section: &mut Section<'_>) -> Value {
    json!({
        "layers": section.integer("layers", LAYERS, 1..=64),
        "heads": section.integer("heads", HEADS, 1..=1024),
        "feed_forward": section.integer("feed_forward", FEED_FORWARD, 1..=65_536),
        "dropout": section.float("dropout", DROPOUT, 0.0..1.0),
        "positions": section.one_of("positions", POSITIONS, &[POSITIONS, "sinusoidal"].map(same)),
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
