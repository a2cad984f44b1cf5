//! torchaudio's checkpoints: a state dict of `torchaudio.models.wav2vec2` and nothing else. The configuration is
//! inferred from shapes as far as possible; the rest follows the published checkpoints or must be given.
//!
//! | inferred from shapes | as published | must be given, unless as published |
//! |---|---|---|
//! | widths, layers, kernels, groups, biases, CTC classes, which norms there are | normalising before the branches and normalised waveforms go with layer norms in the feature encoder (LV60K, XLSR-53; not BASE, LARGE) | `num_attention_heads`: 12 for a width of 768, 16 for 1024; `conv_stride`: 5, 2, 2, 2, 2, 2, 2 for kernels 10, 3, 3, 3, 3, 2, 2 |
//!
//! Dropouts and masks are transformers' defaults. HuBERT in torchaudio has the same names and shapes, so it cannot be
//! distinguished from wav2vec 2.0.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::names::canonical;
use crate::read::{NamedTensors, RawCheckpoint};
use crate::{EncoderError, Format};
use affekt_spec::encoder::{PUBLISHED_KERNELS, PUBLISHED_STRIDES};

/// Interprets tensors as a torchaudio checkpoint.
pub(crate) fn raw(path: &Path, named: NamedTensors) -> Result<RawCheckpoint, EncoderError> {
    let format = Format::Torchaudio;
    let shapes: BTreeMap<String, &[usize]> =
        named.tensors.iter().map(|(name, weights)| (canonical(format, name), weights.shape())).collect();
    let Some((known_fields, normalise)) = known_fields(&shapes) else {
        let why = "no checkpoint that is known: expected torchaudio's names (`encoder.transformer.…`), torchvision's of a VGG16 \
                   without batch norms (`features.0.weight`), or fairseq's \
                   `model` beside `cfg` or `args`; of transformers' checkpoints, give the folder with `config.json`";
        return Err(EncoderError::NoCheckpoint { path: path.to_owned(), why: why.into() });
    };
    let notes = vec![format!(
        "torchaudio's files say nothing of normalising: {}, as of the published checkpoints of this architecture",
        if normalise { "waveforms are normalised" } else { "waveforms are not normalised" }
    )];
    Ok(RawCheckpoint { path: path.to_owned(), format, known_fields, normalise, named, notes })
}

/// Returns the fields inferred from shapes, and whether waveforms are normalised; `None` if it is not such a network.
fn known_fields(shapes: &BTreeMap<String, &[usize]>) -> Option<(Map<String, Value>, bool)> {
    let convolution = |i: usize| match shapes.get(&format!("feature_extractor.conv_layers.{i}.conv.weight")) {
        Some([dim, _, kernel]) => Some((*dim, *kernel)),
        _ => None,
    };
    let (dims, kernels): (Vec<usize>, Vec<usize>) = (0..).map_while(convolution).unzip();
    let [width, _] = *shapes.get("feature_projection.projection.weight")? else { return None };
    let [_, in_group, positions] = *shapes.get("encoder.pos_conv_embed.conv.weight_v")? else { return None };
    let [units, _] = *shapes.get("encoder.layers.0.feed_forward.intermediate_dense.weight")? else {
        return None;
    };
    let has_layer = |i: &usize| shapes.contains_key(&format!("encoder.layers.{i}.layer_norm.weight"));
    let has_norms = shapes.contains_key("feature_extractor.conv_layers.1.layer_norm.weight");
    let known_fields = json!({
        "conv_dim": dims,
        "conv_kernel": kernels,
        "conv_bias": shapes.contains_key("feature_extractor.conv_layers.0.conv.bias"),
        "feat_extract_norm": if has_norms { "layer" } else { "group" },
        "do_stable_layer_norm": has_norms,
        "hidden_size": width,
        "num_hidden_layers": (0..).take_while(has_layer).count(),
        "intermediate_size": units,
        "num_conv_pos_embeddings": positions,
        "num_conv_pos_embedding_groups": width.checked_div(*in_group).unwrap_or(0),
    });
    let Value::Object(mut known_fields) = known_fields else { return None };
    if let Some([classes, _]) = shapes.get("lm_head.weight") {
        known_fields.insert("vocab_size".into(), json!(classes));
    }
    if let Some(heads) =
        [(768, 12), (1024, 16)].iter().find_map(|(size, heads)| (size == width).then_some(heads))
    {
        known_fields.insert("num_attention_heads".into(), json!(heads));
    }
    if kernels == PUBLISHED_KERNELS {
        known_fields.insert("conv_stride".into(), json!(PUBLISHED_STRIDES));
    }
    Some((known_fields, has_norms))
}
