//! Checkpoints of wav2vec 2.0, of wav2vec and of VGG16: from wherever they come into one canonical form, and back into the world.
//!
//! ```text
//! transformers: config.json + model.safetensors | shards | pytorch_model.bin ─┐
//! torchaudio, torchvision: state dict                                         ├─ read ─ Encoder ─ write ─► artefact
//! fairseq:      {"cfg" | "args", "model"}                                     ─┘
//!                                    a trained network's tensors ─ export ─► a folder that transformers opens
//! ```
//!
//! wav2vec comes in fairseq's files alone, VGG16 in torchvision's, and both go nowhere else.
//!
//! [`locate`] finds a checkpoint by its name, [`read`] reads it, [`write`] writes the artefact.

mod artefact;
mod card;
mod conv_layers;
mod error;
mod export;
mod fairseq;
mod fingerprint;
mod folder;
pub mod hub;
mod names;
mod pt;
mod read;
mod safe;
mod shapes;
mod torchaudio;
mod torchvision;
mod weights;

pub use artefact::{ArtefactCard, CARD, UNNAMED, write};
pub use card::{EncoderCard, Origin};
pub use error::EncoderError;
pub use export::{Answers, Export, ExportedWeights, Head, Linear, export};
pub use fingerprint::fingerprint;
pub use hub::{Hub, Located, NotLocated, Repository, locate};
pub use names::canonical;
pub use read::{Account, Encoder, Format, Said, read};
pub use safe::tensors;
pub use weights::Weights;
