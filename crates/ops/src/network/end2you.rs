//! The end-to-end baseline of the vocal bursts challenge: convolutions over raw audio, then an LSTM.

use affekt_config::Section;
use serde_json::{Value, json};

use super::parts::{lstm, pooling, sizes};

/// Reads its settings.
pub fn read(network: &mut Section<'_>) -> Value {
    let written = network.section("lstm", |section| Some(lstm(section, 2, 256)));
    json!({
        "chunk": network.integer("chunk", 1600, 1..=160_000),
        "channels": sizes(network, "channels", &[64, 128, 256]),
        "kernels": sizes(network, "kernels", &[8, 6, 6]),
        "pools": sizes(network, "pools", &[10, 8, 8]),
        "lstm": written.unwrap_or_else(|| json!({ "layers": 2, "hidden": 256 })),
        "pooling": pooling(network, "last"),
    })
}
