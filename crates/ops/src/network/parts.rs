//! Settings that several networks have.

use affekt_config::Section;
use serde_json::{Value, json};

/// A list of sizes.
pub fn sizes(section: &mut Section<'_>, key: &str, default: &[u32]) -> Vec<u32> {
    let Some(field) = section.optional(key) else { return default.to_vec() };
    field.list().into_iter().filter_map(|size| size.integer(1..=65_536)).collect()
}

/// `lstm: { layers: 2, hidden: 512 }`
pub fn lstm(section: &mut Section<'_>, layers: u32, hidden: u32) -> Value {
    json!({
        "layers": section.integer("layers", layers, 1..=64),
        "hidden": section.integer("hidden", hidden, 1..=65_536),
    })
}

/// How steps become one vector.
pub fn pooling(section: &mut Section<'_>, default: &'static str) -> &'static str {
    section.one_of("pooling", default, &["first", "last", "max", "mean", "mean-but-last"].map(same))
}

/// What outputs go through.
pub fn output_activation(section: &mut Section<'_>) -> &'static str {
    section.one_of("output_activation", "none", &["none", "sigmoid"].map(same))
}

/// A word that stands for itself.
pub fn same(word: &'static str) -> (&'static str, &'static str) {
    (word, word)
}
