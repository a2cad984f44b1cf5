//! The artefact of `state-model`: a frame-level teacher, a network that tells labels and has states of frames.

use affekt_graph::{Failure, Object};
use affekt_models::states::{StatesConfig, StatesNetwork};
use serde::{Deserialize, Serialize};
use tch::Device;

/// What stands beside the weights of a frame-level teacher.
#[derive(Debug, Serialize, Deserialize)]
pub struct Card {
    /// The format's version.
    pub version: u32,
    /// The network.
    pub network: StatesConfig,
    /// What it tells apart, in the order of its outputs.
    pub classes: Vec<String>,
    /// The fold whose training rows it has heard.
    pub fold: u32,
    /// The seed of its first weights.
    pub seed: u64,
    /// How many rows it learnt from, augmented copies counted.
    pub training_rows: usize,
    /// How many rows of the training part chose its weights.
    pub held_out_rows: usize,
}

impl super::Card for Card {
    const OF: &'static str = "frame-level teacher";
    const VERSION: u32 = 1;

    fn version(&self) -> u32 {
        self.version
    }
}

/// Reads a frame-level teacher onto a device. Returns it with the fold whose training rows it has heard.
///
/// # Errors
/// When the artefact is damaged or of another version, or libtorch refuses.
pub fn read(object: &Object, device: Device) -> Result<(StatesNetwork, u32), Failure> {
    let (card, weights) = super::read::<Card>(object)?;
    let network = StatesNetwork::new(&card.network, card.classes.len(), card.seed, device);
    let mut network = network.map_err(|error| Failure::because(&error))?;
    network.load(&weights).map_err(|error| Failure::because(&error))?;
    Ok((network, card.fold))
}
