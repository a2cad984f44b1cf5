//! Checkpoints of wav2vec 2.0, wav2vec and VGG16: conversion of several formats to one canonical form, and export.
//!
//! ```text
//! transformers: config.json + model.safetensors | shards | pytorch_model.bin ─┐
//! torchaudio, torchvision: state dict                                         ├─ read ─ Encoder ─ write ─► artefact
//! fairseq:      {"cfg" | "args", "model"}                                     ─┘
//!                                    a trained network's tensors ─ export ─► a folder that transformers opens
//! ```
//!
//! wav2vec is only read from fairseq's files and VGG16 only from torchvision's; neither is exported.
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
mod lora;
mod names;
mod pt;
mod read;
mod safe;
mod shapes;
mod torchaudio;
mod torchvision;
mod weights;

pub use artefact::{ArtefactCard, CARD, UNNAMED, write, write_with_card};
pub use card::{CheckpointOrigin, EncoderCard, UNPINNED, card_schema};
pub use error::EncoderError;
pub use export::{ClipLength, Export, ExportedWeights, Head, Linear, OutputNames, ShortClips, export};
pub use fingerprint::{file_digest, fingerprint, fingerprint_by};
pub use hub::{Hub, LocateError, Located, Repository, locate};
pub use lora::Lora;
pub use names::{ENCODER, canonical, of_network};
pub use read::{Encoder, Format, KeyMappingReport, Overrides, lacking_pretraining_head, read};
pub use safe::tensors;
pub use weights::Weights;
