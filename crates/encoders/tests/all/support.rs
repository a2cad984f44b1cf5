//! The goldens: their location and contents.

use std::path::{Path, PathBuf};

use affekt_encoders::{Encoder, Overrides};
use affekt_spec::encoder::EncoderConfig;
use serde_json::{Value, json};

pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/encoders").join(name)
}

/// `settings` and `tensors` (name → `shape`, `blake3`) of a network.
pub fn expected(network: &str) -> Value {
    let text = std::fs::read_to_string(golden("expected.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()[network].take()
}

/// The network's configuration, with these fields changed.
pub fn config(network: &str, changed: &Value) -> EncoderConfig {
    let network = expected(network);
    let settings = EncoderConfig::default().with(network["settings"].as_object().unwrap()).unwrap();
    settings.with(changed.as_object().unwrap()).unwrap()
}

/// Returns the settings that torchaudio's files of these networks lack.
pub fn said() -> Overrides {
    let config = json!({ "num_attention_heads": 2, "conv_stride": [5, 2, 2] });
    Overrides { config: config.as_object().unwrap().clone(), normalise: None }
}

/// Returns the tensors in the form of `expected.json`.
pub fn tensors(encoder: &Encoder) -> Value {
    let described = encoder.tensors.iter().map(|(name, weights)| {
        let bytes: Vec<u8> = weights.values().iter().flat_map(|value| value.to_le_bytes()).collect();
        (name.clone(), json!({ "shape": weights.shape(), "blake3": blake3::hash(&bytes).to_string() }))
    });
    Value::Object(described.collect())
}
