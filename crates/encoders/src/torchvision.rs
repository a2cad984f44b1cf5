//! torchvision's checkpoints: the state dict of a VGG16 and nothing else. Blocks and channels are inferred from
//! shapes; the normalisation of pixels is not stored, and is by default that of torchvision's training.
//!
//! A safetensors file with these tensors may say `normalisation` in its metadata. `docs/keras_vgg16.py` makes one of Keras' weights,
//! which says `keras`.

use std::collections::BTreeMap;
use std::path::Path;

use affekt_spec::encoder::Vgg16Config;
use serde_json::{Map, Value, json};

use crate::Format;
use crate::read::{NamedTensors, RawCheckpoint};

/// Interprets tensors as a VGG16 checkpoint; returns them unchanged if they are none. `normalisation` is what the file says of
/// pixels.
pub(crate) fn raw(
    path: &Path,
    named: NamedTensors,
    normalisation: Option<String>,
) -> Result<RawCheckpoint, NamedTensors> {
    let shapes = named.tensors.iter().map(|(name, weights)| (name.as_str(), weights.shape()));
    let Some(mut known_fields) = known_fields(shapes) else { return Err(named) };
    let notes = match normalisation {
        Some(normalisation) => {
            known_fields.insert(NORMALISATION.to_owned(), normalisation.into());
            Vec::new()
        }
        None => vec![
            "torchvision's files say nothing of how pixels are normalised: as torchvision trains, where `config` does not say \
             otherwise"
                .into(),
        ],
    };
    Ok(RawCheckpoint {
        path: path.to_owned(),
        format: Format::Torchvision,
        known_fields,
        normalise: false,
        named,
        notes,
    })
}

/// What a file's metadata and a configuration call the normalisation of pixels.
pub(crate) const NORMALISATION: &str = "normalisation";

/// The fields that torchvision's names and shapes tell: two numbers behind a convolution stands the next of its block, three
/// behind it that of the next. `None` where they are no such network's.
fn known_fields<'w>(tensors: impl Iterator<Item = (&'w str, &'w [usize])>) -> Option<Map<String, Value>> {
    let mut outputs = BTreeMap::new();
    for (name, shape) in tensors {
        let Some((number, part)) = name.strip_prefix("features.").and_then(|rest| rest.split_once('.'))
        else {
            continue;
        };
        let number: usize = number.parse().ok()?;
        match (part, shape) {
            ("weight", &[channels, _, _, _]) => _ = outputs.insert(number, channels),
            ("bias", _) => {}
            // A batch norm, or a layer of another architecture.
            _ => return None,
        }
    }
    let (mut channels, mut convolutions, mut next) = (Vec::new(), Vec::<usize>::new(), 0);
    for (number, outputs) in outputs {
        match convolutions.last_mut() {
            Some(convolutions) if number + 1 == next => *convolutions += 1,
            _ if number == next => {
                channels.push(outputs);
                convolutions.push(1);
            }
            _ => return None,
        }
        next = number + 3;
    }
    let known_fields =
        json!({ "model_type": Vgg16Config::MODEL_TYPE, "channels": channels, "convolutions": convolutions });
    match known_fields {
        Value::Object(known_fields) if !channels.is_empty() => Some(known_fields),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_tell_blocks() {
        let config =
            Vgg16Config { channels: vec![4, 8, 8], convolutions: vec![1, 3, 2], ..Vgg16Config::default() };
        let mut tensors = Vec::new();
        for layer in config.layers() {
            let (weight, bias) = layer.shapes();
            tensors.push((format!("{}weight", layer.prefix()), weight.to_vec()));
            tensors.push((format!("{}bias", layer.prefix()), bias.to_vec()));
        }
        tensors.push(("classifier.0.weight".to_owned(), vec![4096, 25_088]));
        let fields = |tensors: &[(String, Vec<usize>)]| {
            known_fields(tensors.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())))
        };
        assert_eq!(Vgg16Config::default().with(&fields(&tensors).unwrap()).unwrap(), config);
        // Of VGG16 with batch norms, of another row, of something without pictures.
        tensors.push(("features.1.running_mean".to_owned(), vec![4]));
        assert_eq!(fields(&tensors), None);
        assert_eq!(fields(&[("features.2.weight".to_owned(), vec![64, 3, 3, 3])]), None);
        assert_eq!(fields(&[("classifier.0.weight".to_owned(), vec![4096, 25_088])]), None);
    }
}
