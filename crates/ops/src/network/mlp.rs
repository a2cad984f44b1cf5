//! A few linear layers over one vector a clip, as functionals are.

use affekt_config::Section;
use serde_json::{Value, json};

use super::parts::{output_activation, same, sizes};

/// Reads its settings.
pub fn read(network: &mut Section<'_>) -> Value {
    json!({
        "hidden": sizes(network, "hidden", &[128, 64, 32]),
        "norm": network.one_of("norm", "layer", &["none", "layer", "batch"].map(same)),
        "dropout": network.float("dropout", 0.0, 0.0..1.0),
        "output_activation": output_activation(network),
    })
}
