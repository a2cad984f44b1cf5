//! The artefact of `train`: weights in a safetensors file, with the card that makes them usable.

use affekt_domain::{Stage, Task};
use affekt_features::Standardiser;
use affekt_graph::{Failure, Object};
use affekt_models::{InputShape, Network, ParameterCounts};
use affekt_spec::network::NetworkConfig;
use affekt_torch::{Checkpoint, NamedTensors};
use serde::{Deserialize, Serialize};
use tch::Device;

use crate::encoder::Origin;

/// The version of the card's format.
pub const VERSION: u32 = 3;

/// Where the card stands in the file's metadata.
const CARD: &str = "card";

/// Everything beside the weights that a trained network needs, and how it came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The format's version: [`VERSION`].
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
}

impl Card {
    /// The network with these weights.
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

/// The file's bytes. Equal weights and cards give equal bytes.
pub fn to_bytes(card: &Card, weights: NamedTensors) -> Result<Vec<u8>, Failure> {
    let card = serde_json::to_string(card).map_err(|error| Failure::because(&error))?;
    let metadata = [(CARD.to_owned(), card)].into_iter().collect();
    Checkpoint { tensors: weights, metadata }.to_bytes().map_err(|error| Failure::because(&error))
}

/// Reads the file back.
pub fn read(object: &Object) -> Result<(Card, NamedTensors), Failure> {
    let checkpoint = Checkpoint::from_bytes(object.all()?).map_err(|error| Failure::because(&error))?;
    let card = checkpoint.metadata.get(CARD);
    let card = card.ok_or_else(|| Failure::Failed { message: "the model has no card".into() })?;
    let card: Card = serde_json::from_str(card).map_err(|error| Failure::because(&error))?;
    if card.version != VERSION {
        let message = format!("the model's card has version {}, expected {VERSION}", card.version);
        return Err(Failure::Failed { message });
    }
    Ok((card, checkpoint.tensors))
}
