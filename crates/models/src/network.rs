//! Any network behind one type: built from its configuration, applied, counted, saved and loaded.

use affekt_torch::NamedTensors;
use affekt_torch::init::Vars;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor, nn};

use crate::blocks::CnnConfig;
use crate::cnn::Cnn;
use crate::parallel_cnn::{ParallelCnn, ParallelCnnConfig};
use crate::two_cnns::TwoCnns;

/// Which network, in a pipeline's words: `{ kind: cnn, norm_axis: channel }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NetworkConfig {
    /// The single CNN, B1.
    Cnn(CnnConfig),
    /// Two CNNs in parallel, B2.
    TwoCnns(CnnConfig),
    /// Two CNNs beside a transformer encoder, B3.
    ParallelCnn(ParallelCnnConfig),
}

/// A configuration that makes no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The lists do not go together.
    #[error(
        "{channels} channels and {pools} pools: expected as many of one as of the other, at least one of each, none zero"
    )]
    Blocks {
        /// How many channels are listed.
        channels: usize,
        /// How many pools are listed.
        pools: usize,
    },
    /// Nothing is left after pooling.
    #[error("an input of {} bands × {} frames is too small for pools {pools:?}: try smaller pools", shape[0], shape[1])]
    TooSmall {
        /// Bands and frames.
        shape: [usize; 2],
        /// The pools.
        pools: Vec<usize>,
    },
    /// Not a share.
    #[error("dropout {0} is outside 0..1")]
    Dropout(String),
    /// The width cannot be divided among the heads.
    #[error(
        "{heads} heads and {width} bands: expected a number of heads that divides the bands: try 1, 2 or 4"
    )]
    Heads {
        /// How many heads.
        heads: usize,
        /// How many bands, which is the transformer's width.
        width: usize,
    },
    /// A transformer without layers or units.
    #[error(
        "a transformer of {layers} layers and {feed_forward} feed-forward units: expected at least one of each"
    )]
    Transformer {
        /// How many layers.
        layers: usize,
        /// How many units between the linear layers.
        feed_forward: usize,
    },
    /// Nothing to tell apart.
    #[error("{0} classes: a classifier needs at least two")]
    Classes(usize),
}

/// How many numbers a network holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterCounts {
    /// All, with batch norm's running means and variances.
    pub total: usize,
    /// Those that training changes through their gradients.
    pub trainable: usize,
}

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

/// A network with its weights on a device.
#[derive(Debug)]
pub struct Network {
    store: nn::VarStore,
    /// `[batch, bands, frames] -> [batch, classes]`
    body: Box<dyn nn::ModuleT>,
    shape: [usize; 2],
    classes: usize,
}

impl NetworkConfig {
    /// The network for inputs of `[bands, frames]`, with weights that are a function of `seed`.
    ///
    /// # Errors
    /// When the configuration contradicts itself or does not fit the input.
    pub fn build(
        &self,
        shape: [usize; 2],
        classes: usize,
        seed: u64,
        device: Device,
    ) -> Result<Network, BuildError> {
        if classes < 2 {
            return Err(BuildError::Classes(classes));
        }
        let store = nn::VarStore::new(device);
        let vars = Vars::new(&store, seed);
        let body: Box<dyn nn::ModuleT> = match self {
            Self::Cnn(config) => Box::new(Cnn::new(&vars, config, shape, classes)?),
            Self::TwoCnns(config) => Box::new(TwoCnns::new(&vars, config, shape, classes)?),
            Self::ParallelCnn(config) => Box::new(ParallelCnn::new(&vars, config, shape, classes)?),
        };
        Ok(Network { store, body, shape, classes })
    }
}

/// A network's dropout.
pub fn checked_dropout(share: f64) -> Result<f64, BuildError> {
    if (0.0..1.0).contains(&share) { Ok(share) } else { Err(BuildError::Dropout(share.to_string())) }
}

impl Network {
    /// Logits of a batch. `[batch, bands, frames] -> [batch, classes]`
    ///
    /// In training, dropout is on and batch norm uses and remembers the batch's statistics.
    ///
    /// # Panics
    /// When the input has another shape than [`Network::shape`] or is on another device.
    pub fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        self.body.forward_t(xs, train)
    }

    /// Bands and frames of its input.
    #[must_use]
    pub const fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// How many classes it tells apart.
    #[must_use]
    pub const fn classes(&self) -> usize {
        self.classes
    }

    /// Where its weights are.
    #[must_use]
    pub fn device(&self) -> Device {
        self.store.device()
    }

    /// How many numbers it holds.
    #[must_use]
    pub fn parameter_counts(&self) -> ParameterCounts {
        let count = |tensors: NamedTensors| tensors.values().map(Tensor::numel).sum();
        ParameterCounts { total: count(self.weights()), trainable: count(self.trainable()) }
    }

    /// All its tensors, running statistics too, under PyTorch's names. They are its own, not copies.
    #[must_use]
    pub fn weights(&self) -> NamedTensors {
        self.store.variables().into_iter().map(|(name, tensor)| (name, tensor.detach())).collect()
    }

    /// The tensors that training changes. They are its own, not copies.
    #[must_use]
    pub fn trainable(&self) -> NamedTensors {
        self.store.variables().into_iter().filter(|(_, tensor)| tensor.requires_grad()).collect()
    }

    /// Takes over `weights`, from whatever device.
    ///
    /// # Errors
    /// When they are those of another network. Nothing is changed then.
    pub fn load(&mut self, weights: &NamedTensors) -> Result<(), WeightsError> {
        let own = self.weights();
        for (name, tensor) in &own {
            let found = weights.get(name).ok_or_else(|| WeightsError::Missing(name.clone()))?.size();
            let expected = tensor.size();
            if found != expected {
                return Err(WeightsError::Shape { name: name.clone(), found, expected });
            }
        }
        if let Some(name) = weights.keys().find(|name| !own.contains_key(*name)) {
            return Err(WeightsError::Unknown(name.clone()));
        }
        for (name, mut tensor) in own {
            tensor.copy_(&weights[&name]);
        }
        Ok(())
    }
}
