//! The Arrow schemas on disk, one file each; safe reading.
//!
//! Every table is an Arrow IPC file whose schema metadata names its kind (`affekt.kind`) and the version of the
//! format (`affekt.version`). The same rows always give the same bytes. Small tables (a manifest, folds, predictions)
//! are read completely into the domain's types; audio, features and spectrogram images are accessed as slices of the
//! mapped file.
//!
//! Errors say what is wrong with a table, not which file it is: the caller, who opened it, adds its name.

mod bytes;
mod columns;
mod error;
mod file;
mod further;
mod lazy;
mod shaped;
mod stated;
mod targets;
mod writer;

pub mod examples;
pub mod features;
pub mod folds;
pub mod history;
pub mod manifest;
pub mod predictions;
pub mod problems;
pub mod pseudo_labels;
pub mod ratings;
pub mod rows;
pub mod spectrogram_images;
pub mod states;
pub mod waveforms;

pub use bytes::{Bytes, Mapped};
pub use error::TableError;
pub use file::{TableFile, VERSION};
