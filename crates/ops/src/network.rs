//! The section `network` of `train`: which network, in the words of `NetworkConfig`, which only exists where libtorch
//! is. A test of the worker holds the two together.

use affekt_config::Section;
use serde_json::{Value, json};

/// Reads the section, defaults filled in.
pub fn read(network: &mut Section<'_>) -> Option<Value> {
    let kind = network.required_one_of("kind", &[("cnn", "cnn")]).unwrap_or_default();
    Some(json!({
        "kind": kind,
        "channels": sizes(network, "channels", [16, 32, 64]),
        "pools": sizes(network, "pools", [2, 4, 4]),
        "dropout": network.float("dropout", 0.3, 0.0..1.0),
        "norm_axis": network.one_of("norm_axis", "time", &[("time", "time"), ("channel", "channel")]),
    }))
}

fn sizes(network: &mut Section<'_>, key: &str, default: [u32; 3]) -> Vec<u32> {
    let Some(field) = network.optional(key) else { return default.to_vec() };
    field.list().into_iter().filter_map(|size| size.integer(1..=65_536)).collect()
}
