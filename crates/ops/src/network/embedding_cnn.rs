//! System A: a CNN over the matrix that a frozen encoder makes of a clip.

use affekt_config::Section;
use serde_json::{Value, json};

use super::parts::sizes;

/// Reads its settings.
pub fn read(network: &mut Section<'_>) -> Value {
    json!({
        "channels": sizes(network, "channels", &[32, 32, 64, 64, 128, 128, 256, 256]),
        "pool_every": network.integer("pool_every", 2, 1..=64),
        "pool": network.integer("pool", 2, 1..=64),
        "dropout": network.float("dropout", 0.3, 0.0..1.0),
        "hidden": network.integer("hidden", 128, 1..=65_536),
    })
}
