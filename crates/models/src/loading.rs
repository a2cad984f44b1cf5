//! Weights from elsewhere: a saved network's, all of them, or a checkpoint's for the encoder in a network.

use std::collections::BTreeMap;

use affekt_encoders::ENCODER;
use affekt_torch::NamedTensors;

use crate::Network;
use crate::adapt::is_added;
use crate::wav2vec2::{MisShaped, NameMap, map_names};

/// Weights of another network than this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    /// A tensor is missing.
    #[error("the weights have no `{0}`: they belong to another network")]
    Missing(String),
    /// A tensor is not of this network.
    #[error("the weights have `{0}`, which this network has not: they belong to another one")]
    Unknown(String),
    /// A tensor has another shape.
    #[error(
        "the weights' `{name}` is {found:?} where {expected:?} is needed: they belong to another network"
    )]
    Shape {
        /// The tensor.
        name: String,
        /// The shape in the weights.
        found: Vec<i64>,
        /// The shape in the network.
        expected: Vec<i64>,
    },
}

/// What those of a VGG16's convolutions begin with, as in torchvision's.
const BASE: &str = "features.";

/// What became of the tensors of a checkpoint whose encoder was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounting {
    /// How many are parameters of the encoder now.
    pub loaded: usize,
    /// Those that the encoder has not: heads, mostly.
    pub unexpected: Vec<String>,
}

/// A checkpoint that is not of the encoder in this network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncoderError {
    /// There is none.
    #[error("the network has no encoder to load: only those of kind `wav2vec2` and `vgg16` have one")]
    NoEncoder,
    /// Not all of it is there, or not in its shape.
    #[error("the checkpoint is not of this network's encoder: {}", disagreements(missing, mis_shaped))]
    Other {
        /// Parameters that the checkpoint has not.
        missing: Vec<String>,
        /// Those of another shape.
        mis_shaped: Vec<MisShaped>,
    },
}

fn disagreements(missing: &[String], mis_shaped: &[MisShaped]) -> String {
    let missing = missing.iter().map(|name| format!("`{name}` is missing"));
    let mis_shaped = mis_shaped.iter().map(|MisShaped { name, found, expected }| {
        format!("`{name}` is {found:?} where {expected:?} is needed")
    });
    missing.chain(mis_shaped).collect::<Vec<_>>().join("; ")
}

impl Network {
    /// Takes over `weights`, from whatever device.
    ///
    /// # Errors
    /// When they are those of another network. Nothing is changed then.
    pub fn load(&mut self, weights: &NamedTensors) -> Result<(), WeightsError> {
        replace(&self.weights(), weights)
    }

    /// Takes over an encoder's weights from a checkpoint under any of the names that [`map_names`] knows, from whatever
    /// device. A network that reads what a VGG16's frozen convolutions gave has the others of them alone, or none.
    ///
    /// # Errors
    /// When the network has no encoder, or the checkpoint not every parameter of it in its shape. Nothing is changed then.
    pub fn load_encoder(&mut self, checkpoint: &NamedTensors) -> Result<Accounting, EncoderError> {
        let own: NamedTensors = self
            .weights()
            .into_iter()
            .filter_map(|(name, tensor)| match name.strip_prefix(ENCODER) {
                Some(name) => (!is_added(name)).then(|| (name.to_owned(), tensor)),
                None => name.starts_with(BASE).then_some((name, tensor)),
            })
            .collect();
        if own.is_empty() && !self.is_partly_elsewhere() {
            return Err(EncoderError::NoEncoder);
        }
        take_over(&own, checkpoint)
    }
}

/// Gives all of a network's tensors the values of `weights`, from whatever device.
///
/// # Errors
/// When they are those of another network. Nothing is changed then.
pub fn replace(own: &NamedTensors, weights: &NamedTensors) -> Result<(), WeightsError> {
    for (name, tensor) in own {
        let found = weights.get(name).ok_or_else(|| WeightsError::Missing(name.clone()))?.size();
        let expected = tensor.size();
        if found != expected {
            return Err(WeightsError::Shape { name: name.clone(), found, expected });
        }
    }
    if let Some(name) = weights.keys().find(|name| !own.contains_key(*name)) {
        return Err(WeightsError::Unknown(name.clone()));
    }
    for (name, tensor) in own {
        tensor.detach().copy_(&weights[name]);
    }
    Ok(())
}

/// Gives an encoder's tensors, by their names in transformers, the values that they have in a checkpoint.
///
/// # Errors
/// When the checkpoint has not every one of them in its shape. Nothing is changed then.
pub fn take_over(own: &NamedTensors, checkpoint: &NamedTensors) -> Result<Accounting, EncoderError> {
    let shapes = |tensors: &NamedTensors| -> BTreeMap<String, Vec<i64>> {
        tensors.iter().map(|(name, tensor)| (name.clone(), tensor.size())).collect()
    };
    let NameMap { tensors, missing, unexpected, mis_shaped } = map_names(&shapes(checkpoint), &shapes(own));
    if !(missing.is_empty() && mis_shaped.is_empty()) {
        return Err(EncoderError::Other { missing, mis_shaped });
    }
    for (name, theirs) in &tensors {
        own[name].detach().copy_(&checkpoint[theirs]);
    }
    Ok(Accounting { loaded: tensors.len(), unexpected })
}
