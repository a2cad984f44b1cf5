//! `pretrain`: an encoder goes on learning from the training rows' recordings, without their labels.
//!
//! `contrastive` is wav2vec 2.0's own pretraining gone on with (TAPT), `pseudo-labels` tells clusters of masked frames
//! (P-TAPT; arXiv 2110.06309). One node a fold serves all seeds of what is trained from it.

use affekt_config::Section;
use affekt_graph::Place;
use serde_json::{Value, json};

use crate::definition::{Definition, Grain, InputPort, OutputPort};
use crate::network::{overrides, same};
use crate::{Kind, kind, pretraining};

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "pretrain",
    version: 1,
    about: "an encoder goes on learning from the training rows' recordings, without their labels",
    inputs: &[
        InputPort::many("waveforms", &[Kind::Waveforms]),
        InputPort::one("train", &[kind::TRAIN]),
        InputPort::one("encoder", &[Kind::Encoder]),
        InputPort::optional("labels", &[Kind::PseudoLabels]),
    ],
    outputs: &[OutputPort::new("encoder", Kind::Encoder), OutputPort::new("history", Kind::History)],
    params: read,
    grain: Grain::Whole,
    place: Place::Worker,
    seeded: false,
    source: false,
};

/// What an encoder is asked. Tells whether that takes pseudo-labels.
pub const OBJECTIVES: [(&str, bool); 2] = [("contrastive", false), ("pseudo-labels", true)];

fn read(section: &mut Section<'_>) -> Value {
    let objective = section.required_section("objective", |section| {
        let kind = section.required_one_of("kind", &OBJECTIVES.map(|(name, _)| same(name)))?;
        let spans = ["clips", "rows"].map(same);
        let mut objective = match kind {
            "contrastive" => json!({
                "negatives": section.integer("negatives", 100_u32, 1..=10_000),
                "temperature": section.float("temperature", 2.0, 1e-3..=100.0),
                "padding": section.one_of("padding", "heard", &["heard", "ignored"].map(same)),
                "spans_over": section.one_of("spans_over", "clips", &spans),
                "freeze_feature_encoder": section.boolean("freeze_feature_encoder", false),
            }),
            _ => json!({
                "hidden": section.integer("hidden", 256_u32, 1..=65_536),
                "spans_over": section.one_of("spans_over", "rows", &spans),
                "freeze_feature_encoder": section.boolean("freeze_feature_encoder", true),
            }),
        };
        objective["kind"] = kind.into();
        let overrides = section.section("overrides", |section| Some(overrides(section)));
        objective["overrides"] = overrides.unwrap_or_else(|| json!({}));
        Some(objective)
    });
    let training = section.required_section("training", |section| Some(pretraining::read(section, 0.0)));
    json!({
        "objective": objective,
        "training": training,
        "seed": section.integer("seed", 0_u32, 0..),
    })
}
