//! The artefact of `train`: weights in a safetensors file, with the card that makes them usable.

use affekt_domain::{Stage, Task};
use affekt_features::Standardiser;
use affekt_graph::Failure;
use affekt_models::{InputShape, Network, ParameterCounts};
use affekt_spec::network::NetworkConfig;
use affekt_torch::NamedTensors;
use serde::{Deserialize, Serialize};
use tch::Device;

use super::encoder::Origin;

/// Everything beside the weights that a trained network needs, and how it came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The format's version.
    pub version: u32,
    /// The network.
    pub network: NetworkConfig,
    /// What its outputs are, in their order.
    pub task: Task,
    /// What it reads.
    pub input: InputShape,
    /// What is done to its input.
    pub standardise: Option<Standardiser>,
    /// Where its encoder began.
    pub encoder: Option<Origin>,
    /// How many numbers it holds.
    pub parameters: ParameterCounts,
    /// The fold it was trained in.
    pub fold: u32,
    /// The seed it was trained with.
    pub seed: u64,
    /// How many rows it was trained on, augmented copies counted.
    pub training_rows: usize,
    /// How many epochs were trained, in all stages.
    pub epochs: u32,
    /// The stage of the epoch whose weights these are.
    pub stage: Stage,
    /// Its number in that stage.
    pub kept_epoch: u32,
    /// What it learnt to weigh the layers of its encoder by, where it did: their numbers (0 is what enters the first) and weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_weights: Option<Vec<(usize, f64)>>,
}

impl super::Card for Card {
    const OF: &'static str = "model";
    const VERSION: u32 = 3;

    fn version(&self) -> u32 {
        self.version
    }
}

impl Card {
    /// Builds the network with these weights.
    ///
    /// # Errors
    /// When they are another one's.
    pub fn network(&self, weights: &NamedTensors, device: Device) -> Result<Network, Failure> {
        let network = Network::new(&self.network, &self.input, self.task.names().len(), self.seed, device);
        let mut network = network.map_err(|error| Failure::because(&error))?;
        network.load(weights).map_err(|error| Failure::because(&error))?;
        Ok(network)
    }
}
