//! Artefacts of weights: safetensors files whose metadata holds a card that makes the weights usable.

pub mod encoder;
pub mod frame_teacher;
pub mod model;

use affekt_graph::{Failure, Job, Object};
use affekt_torch::{Checkpoint, NamedTensors};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Stands beside the weights of an artefact.
pub trait Card: Serialize + DeserializeOwned {
    /// What has the card, in messages.
    const OF: &'static str;
    /// The version of its format that is read and written.
    const VERSION: u32;

    /// Returns the version that it was written in.
    fn version(&self) -> u32;
}

/// Where the card stands in the file's metadata.
pub const CARD: &str = "card";

/// Writes an output of a job: weights from whatever device, and their card. Equal weights and cards give equal bytes.
///
/// # Errors
/// When the weights cannot be read from their device, or the file cannot be written.
pub fn write(job: &Job, output: &str, card: &impl Serialize, tensors: NamedTensors) -> Result<(), Failure> {
    write_bytes(job, output, &to_bytes(card, tensors)?)
}

/// Writes an output of a job.
///
/// # Errors
/// When there is no such output, or the file cannot be written.
pub fn write_bytes(job: &Job, output: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = job.output(output)?;
    std::fs::write(path, bytes).map_err(|error| Failure::unwritten(path, &error))
}

/// Returns the bytes of a safetensors file with a card.
///
/// # Errors
/// When the weights cannot be read from their device.
pub fn to_bytes(card: &impl Serialize, tensors: NamedTensors) -> Result<Vec<u8>, Failure> {
    let card = serde_json::to_string(card).map_err(|error| Failure::because(&error))?;
    let metadata = [(CARD.to_owned(), card)].into_iter().collect();
    Checkpoint { tensors, metadata }.to_bytes().map_err(|error| Failure::because(&error))
}

/// Reads an artefact: its card, and its weights on the CPU.
///
/// # Errors
/// When it is damaged, or has no card of this version.
pub fn read<C: Card>(object: &Object) -> Result<(C, NamedTensors), Failure> {
    let checkpoint = Checkpoint::from_bytes(object.all()?).map_err(|error| Failure::because(&error))?;
    let failed = |message: String| Failure::Failed { message };
    let card = checkpoint.metadata.get(CARD).ok_or_else(|| failed(format!("the {} has no card", C::OF)))?;
    let card: C = serde_json::from_str(card).map_err(|error| Failure::because(&error))?;
    if card.version() != C::VERSION {
        let (of, found, expected) = (C::OF, card.version(), C::VERSION);
        return Err(failed(format!("the card of the {of} has version {found}, expected {expected}")));
    }
    Ok((card, checkpoint.tensors))
}
