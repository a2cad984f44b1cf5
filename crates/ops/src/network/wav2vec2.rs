//! An encoder and what reads it: systems B5 and D, and V-FT. Which encoder, and whether waveforms are normalised for it, is
//! what flows into port `encoder`.

use affekt_config::{Section, Value as Yaml};
use serde_json::{Map, Value, json};

use super::parts::{lstm, output_activation, pooling, same};

/// Reads its settings.
pub fn read(network: &mut Section<'_>) -> Value {
    let freezes = ["none", "feature-encoder", "feature-encoder-and-projection", "all"];
    let overrides = network.section("overrides", |section| Some(overrides(section)));
    json!({
        "overrides": overrides.unwrap_or_else(|| json!({})),
        "padding": network.one_of("padding", "ignored", &["ignored", "reference"].map(same)),
        "layer": layer(network),
        "freeze": network.one_of("freeze", "none", &freezes.map(same)),
        "freeze_mask_embedding": network.boolean("freeze_mask_embedding", false),
        "spans_over": network.one_of("spans_over", "clips", &["clips", "rows"].map(same)),
        "frame_activation": network.one_of("frame_activation", "none", &["none", "relu"].map(same)),
        "projector": network.section("projector", |section| {
            Some(json!({ "width": section.integer("width", 256, 1..=65_536) }))
        }),
        "lstm": network.section("lstm", |section| Some(lstm(section, 2, 512))),
        "output_activation": output_activation(network),
        "pooling": pooling(network, "mean"),
    })
}

/// The number of a layer, or `last`.
fn layer(network: &mut Section<'_>) -> Value {
    let Some(field) = network.optional("layer") else { return json!("last") };
    match &field.node.value {
        Yaml::Text(_) => json!(field.one_of(&[("last", "last")]).unwrap_or("last")),
        _ => json!(field.integer(1_u32..=1000).unwrap_or(1)),
    }
}

/// What of the encoder's own settings is to be otherwise, under transformers' names.
pub fn overrides(section: &mut Section<'_>) -> Value {
    let mut given = Map::new();
    for share in [
        "hidden_dropout",
        "activation_dropout",
        "attention_dropout",
        "feat_proj_dropout",
        "layerdrop",
        "mask_time_prob",
        "mask_feature_prob",
    ] {
        if let Some(value) = section.optional_float(share, 0.0..1.0) {
            given.insert(share.to_owned(), value.into());
        }
    }
    for count in ["mask_time_length", "mask_time_min_masks", "mask_feature_length", "mask_feature_min_masks"]
    {
        if let Some(value) = section.optional_integer(count, 0_u32..=100_000) {
            given.insert(count.to_owned(), value.into());
        }
    }
    if section.optional("apply_spec_augment").is_some() {
        given.insert("apply_spec_augment".to_owned(), section.boolean("apply_spec_augment", true).into());
    }
    Value::Object(given)
}
