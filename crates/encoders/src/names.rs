//! Names of the same tensor in each format.
//!
//! Sources: transformers' `convert_wav2vec2_original_pytorch_checkpoint_to_pytorch.py` (fairseq), torchaudio's
//! `models/wav2vec2/utils/import_huggingface.py` (torchaudio).

use affekt_spec::encoder::RELATIVES;

use crate::Format;

/// Returns the canonical name of the tensor that `format` calls `theirs`; for names unknown to the format, a name
/// that no encoder has. Canonical are transformers' names of the encoder alone, with weight norm as `weight_g`
/// (length) and `weight_v` (direction).
#[must_use]
pub fn canonical(format: Format, theirs: &str) -> String {
    let name = match format {
        Format::Transformers => transformers(theirs).to_owned(),
        Format::Torchvision => theirs.to_owned(),
        Format::Torchaudio => torchaudio(theirs),
        Format::Fairseq => fairseq(theirs),
    };
    // PyTorch from 2.0 on stores weight norm as a parametrization.
    for (new, old) in [("original0", "weight_g"), ("original1", "weight_v")] {
        if let Some(layer) = name.strip_suffix(&format!("parametrizations.weight.{new}")) {
            return format!("{layer}{old}");
        }
    }
    name
}

/// The prefix of an encoder's tensors in a network that is fine-tuned around it, whichever family it is of.
pub const ENCODER: &str = "wav2vec2.";

/// Returns what a network calls the tensor that a model of transformers with a head calls `theirs`: only an encoder's tensors
/// are called otherwise.
#[must_use]
pub fn of_network(theirs: &str) -> String {
    match RELATIVES.iter().any(|relative| theirs.starts_with(relative.prefix)) {
        true => format!("{ENCODER}{}", canonical(Format::Transformers, theirs)),
        false => theirs.to_owned(),
    }
}

/// Returns a name without the prefix of models with a head.
fn transformers(theirs: &str) -> &str {
    // Whisper's encoder is called so already; models that write texts put `model.` before it.
    let of_whisper = theirs.strip_prefix("model.").filter(|name| name.starts_with("encoder."));
    let of_relative = || RELATIVES.iter().find_map(|relative| theirs.strip_prefix(relative.prefix));
    of_whisper.or_else(of_relative).unwrap_or(theirs)
}

fn torchaudio(theirs: &str) -> String {
    // The wrapper of models in torchaudio's bundles.
    let name = theirs.strip_prefix("model.").unwrap_or(theirs);
    for (before, after) in [
        ("encoder.feature_projection.", "feature_projection."),
        ("encoder.transformer.", "encoder."),
        ("aux.", "lm_head."),
    ] {
        if let Some(rest) = name.strip_prefix(before) {
            return format!("{after}{rest}");
        }
    }
    name.to_owned()
}

/// Prefixes of the pretrained encoder's tensors in a fine-tuned model of fairseq.
const FAIRSEQ_PREFIXES: [&str; 3] = ["w2v_encoder.w2v_model.", "encoder.w2v_model.", "w2v_model."];

fn fairseq(theirs: &str) -> String {
    if let Some(rest) = theirs.strip_prefix("w2v_encoder.proj.") {
        return format!("lm_head.{rest}");
    }
    let name = FAIRSEQ_PREFIXES.iter().find_map(|prefix| theirs.strip_prefix(prefix)).unwrap_or(theirs);
    if name == "mask_emb" {
        return crate::shapes::MASK.to_owned();
    }
    for (before, after) in [
        ("layer_norm.", "feature_projection.layer_norm."),
        ("post_extract_proj.", "feature_projection.projection."),
        ("encoder.pos_conv.0.", "encoder.pos_conv_embed.conv."),
        ("quantizer.vars", "quantizer.codevectors"),
        ("final_proj.", "project_hid."),
    ] {
        if let Some(rest) = name.strip_prefix(before) {
            return format!("{after}{rest}");
        }
    }
    let layered = |list: &str, parts: &[(&str, &str)]| {
        let (number, rest) = name.strip_prefix(list)?.split_once('.')?;
        let (before, after) = parts.iter().find(|(before, _)| rest.starts_with(before))?;
        Some(format!("{list}{number}.{after}{}", &rest[before.len()..]))
    };
    // A convolution is followed by its dropout and its norm, a layer norm between two transpositions.
    let convolution = [("0.", "conv."), ("2.1.", "layer_norm."), ("2.", "layer_norm.")];
    let layer = [
        ("self_attn.", "attention."),
        ("self_attn_layer_norm.", "layer_norm."),
        ("fc1.", "feed_forward.intermediate_dense."),
        ("fc2.", "feed_forward.output_dense."),
    ];
    layered("feature_extractor.conv_layers.", &convolution)
        .or_else(|| layered("encoder.layers.", &layer))
        .unwrap_or_else(|| name.to_owned())
}

/// Returns why a tensor of a Whisper is not used, if its name says so. The text is stored in key mapping reports.
pub(crate) fn of_decoder(theirs: &str) -> Option<&'static str> {
    let name = theirs.strip_prefix("model.").unwrap_or(theirs);
    let is_of_decoder = ["decoder.", "proj_out."].iter().any(|prefix| name.starts_with(prefix));
    is_of_decoder.then_some("writes texts, which nothing here reads")
}

/// Returns why a tensor of a VGG16 is not used, if its name says so. The text is stored in key mapping reports.
pub(crate) fn of_classifier(theirs: &str) -> Option<&'static str> {
    theirs.starts_with("classifier.").then_some("tells the classes apart that it was trained for")
}

/// Returns why a tensor of a wav2vec is not used, if its name says so. The text is stored in key mapping reports.
pub(crate) fn of_prediction(theirs: &str) -> Option<&'static str> {
    if theirs.starts_with("wav2vec_predictions.") {
        Some("tells coming frames from others, in pretraining alone")
    } else if theirs.starts_with("project_features.") {
        Some("maps the frames to tell, in pretraining alone")
    } else {
        None
    }
}

/// Returns why a tensor is not a weight, if its name says so. The text is stored in key mapping reports.
pub(crate) fn no_weight(theirs: &str) -> Option<&'static str> {
    if theirs.ends_with("num_batches_tracked") {
        Some("a counter of training steps")
    } else if theirs.split('.').any(|part| part == "_ema" || part == "ema") {
        Some("a moving average of other tensors")
    } else {
        None
    }
}
