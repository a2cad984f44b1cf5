//! The artefact of `encoder`: a pretrained wav2vec 2.0, or the description of one that is to begin at random.

use affekt_graph::{Failure, Object};
use affekt_models::wav2vec2::EncoderConfig;
use affekt_torch::{Checkpoint, NamedTensors};
use serde::{Deserialize, Serialize};

/// The version of the card's format that is read here.
const VERSION: u32 = 1;

/// What stands beside the weights.
#[derive(Debug, Clone, Deserialize)]
pub struct EncoderCard {
    version: u32,
    /// What it is called.
    pub name: String,
    /// What it is made of.
    pub config: EncoderConfig,
    /// Whether waveforms are brought to mean 0 and variance 1 for it.
    pub normalise: bool,
    /// Whether there are weights. Without any it begins at random, from `seed`.
    pub pretrained: bool,
    /// What random weights are a function of.
    #[serde(default)]
    pub seed: u64,
}

/// Where an encoder came from, as the model that it became remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// What it is called.
    pub name: String,
    /// Whether it was pretrained.
    pub pretrained: bool,
}

impl EncoderCard {
    /// Where it came from.
    pub fn origin(&self) -> Origin {
        Origin { name: self.name.clone(), pretrained: self.pretrained }
    }
}

/// Reads an encoder: its card and its tensors under transformers' names, those of heads too.
pub fn read(object: &Object) -> Result<(EncoderCard, NamedTensors), Failure> {
    let failed = |message: String| Failure::Failed { message };
    let checkpoint = Checkpoint::from_bytes(object.all()?).map_err(|error| Failure::because(&error))?;
    let card = checkpoint.metadata.get("card").ok_or_else(|| failed("the encoder has no card".into()))?;
    let card: EncoderCard = serde_json::from_str(card).map_err(|error| Failure::because(&error))?;
    if card.version != VERSION {
        let found = card.version;
        return Err(failed(format!("the encoder's card has version {found}, expected {VERSION}")));
    }
    Ok((card, checkpoint.tensors))
}
