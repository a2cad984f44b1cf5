//! The weights of an exported model: for other programs where they can use them, for this one always.

use std::collections::BTreeMap;
use std::path::Path;

use affekt_domain::Task;
use affekt_encoders::{
    ClipLength, Export, ExportedWeights, Head, Linear, Lora, OutputNames, ShortClips, Weights,
};
use affekt_graph::Object;
use affekt_ops::{audio, exported};
use affekt_spec::Words;
use affekt_spec::encoder::SpeechConfig;
use affekt_spec::network::{EncoderLayer, Pooling};
use serde_json::Value;

use crate::exit::{Stop, error};

/// Writes the weights of `model`, whose card this is and whose clips `audio` makes, into `folder`, and a page that says `about`
/// under `title`.
pub fn write(
    card: &Value,
    task: &Task,
    audio: &audio::Params,
    model: &Object,
    (title, about): (String, String),
    folder: &Path,
) -> Result<Vec<exported::Weights>, Stop> {
    let failed = |cause: &dyn std::error::Error| error("failed to write the weights", cause);
    if card["network"]["kind"] == "wav2vec2" {
        let clip = audio.seconds.map(|seconds| ClipLength {
            samples: (seconds * f64::from(audio.rate_hz)).round() as usize,
            short: match audio.fill {
                audio::Fill::Zeros => ShortClips::Zeros,
                audio::Fill::OwnSamples { .. } => ShortClips::OwnSamples,
                audio::Fill::None => ShortClips::Whole,
            },
        });
        let mut network = Export { clip, ..encoder_network(card, task, model, title, about)? };
        if let Some(lora) = lora(card) {
            let factors = lora.merge(&mut network.encoder);
            lora.write(&folder.join(ADAPTER), &factors).map_err(|cause| failed(&cause))?;
        }
        let files = affekt_encoders::export(folder, &network).map_err(|cause| failed(&cause))?;
        let known = |ExportedWeights { file, prefix, added }: ExportedWeights| exported::Weights {
            file: file.to_owned(),
            prefix: prefix.to_owned(),
            without: added,
        };
        return Ok(files.into_iter().map(known).collect());
    }
    let file = "model.safetensors".to_owned();
    std::fs::copy(model.path(), folder.join(&file)).map_err(|cause| failed(&cause))?;
    std::fs::write(folder.join("README.md"), format!("# {title}\n\n{about}"))
        .map_err(|cause| failed(&cause))?;
    Ok(vec![exported::Weights { file, prefix: String::new(), without: Vec::new() }])
}

/// The folder of low-rank maps alone.
const ADAPTER: &str = "adapter";

/// The low-rank maps that a network was trained with, where it was.
fn lora(card: &Value) -> Option<Lora> {
    let adapt = &card["network"]["adapt"];
    (adapt["kind"] == "lora").then_some(())?;
    Some(Lora {
        rank: adapt["rank"].as_u64()? as usize,
        alpha: adapt["alpha"].as_f64()?,
        dropout: adapt["dropout"].as_f64()?,
    })
}

/// The card of what is exported, in which low-rank maps are part of the weights that they stood beside.
pub fn merged_card(mut card: Value) -> Value {
    if lora(&card).is_some() {
        card["network"]["adapt"] = Value::Null;
    }
    card
}

/// A fine-tuned encoder and its head, as transformers would have them.
fn encoder_network(
    card: &Value,
    task: &Task,
    model: &Object,
    title: String,
    about: String,
) -> Result<Export, Stop> {
    let network = &card["network"];
    let failed = |cause: &dyn std::error::Error| error("failed to read the model", cause);
    let mut config: SpeechConfig =
        serde_json::from_value(network["encoder"].clone()).map_err(|cause| failed(&cause))?;
    let layer: EncoderLayer =
        serde_json::from_value(network["layer"].clone()).map_err(|cause| failed(&cause))?;
    // The layers above were neither built nor saved.
    let layers = layer.highest(config.layers()).max(1);
    config = config.with_layers(layers);
    let tensors = affekt_encoders::tensors(model.path()).map_err(|cause| failed(&cause))?;
    let mut encoder = BTreeMap::new();
    let mut head = BTreeMap::new();
    for (name, weights) in tensors {
        // transformers has no place for adapters.
        match name.strip_prefix(affekt_encoders::ENCODER).filter(|name| !name.contains("_adapter.")) {
            Some(canonical) => encoder.insert(canonical.to_owned(), weights),
            None => head.insert(name, weights),
        };
    }
    Ok(Export {
        title,
        about,
        config,
        normalise: network["normalise"] == true,
        clip: None,
        encoder,
        head: read_head(network, head),
        outputs: match task {
            Task::Classes(classes) => OutputNames::Classes(classes.clone()),
            Task::Outputs(outputs) => OutputNames::Outputs(outputs.clone()),
        },
        licence: None,
    })
}

/// What reads the encoder: what transformers has a class for, or something else and what that does.
fn read_head(network: &Value, mut tensors: BTreeMap<String, Weights>) -> Head {
    let is_plain = network["layer"] == "last"
        && network["padding"] != "unmasked"
        && network["frame_activation"] == "none"
        && network["adapt"]["kind"] != "bottleneck"
        && network["lstm"].is_null()
        && network["output_activation"] == "none"
        && network["pooling"] == "mean";
    if is_plain {
        let mut linear = |name: &str| {
            let weight = tensors.remove(&format!("{name}.weight"))?;
            Some(Linear { weight, bias: tensors.remove(&format!("{name}.bias"))? })
        };
        let projector = linear("projector");
        if let Some(classifier) = linear("classifier") {
            return Head::Mean { projector, classifier };
        }
    }
    let setting =
        |name: &str| network[name].as_str().map_or_else(|| network[name].to_string(), str::to_owned);
    let parts = [
        "padding",
        "padded_to",
        "layer",
        "frame_activation",
        "projector",
        "lstm",
        "output_activation",
        "pooling",
        "attention",
        "adapt",
    ];
    let parts: Vec<String> = parts.iter().map(|part| format!("`{part}: {}`", setting(part))).collect();
    let pools_first = network["frame_activation"] == "relu-after-pooling"
        || !Pooling::ALL
            .iter()
            .any(|known| known.follows_the_map() && known.stored_word() == network["pooling"]);
    let order = if pools_first {
        "of what the pooled frames become"
    } else {
        "of every frame before they are pooled"
    };
    let about = format!(
        "It reads the encoder's frames as `network` in `affekt.json` says: {}. A linear map, `classifier`, makes the outputs \
         {order}.",
        parts.join(", ")
    );
    Head::Other { tensors, about }
}
