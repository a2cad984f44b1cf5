//! Typed parameters: everything the program knows of what a person can write in YAML, from one definition.
//!
//! A struct with [`derive@Spec`] is the only place where a parameter's name, type, default, range, unit and sentence stand. Of it
//! are made: the reader with spans that reports all mistakes in one pass, the defaults, the canonical JSON that enters keys
//! ([`View::Key`]), serde for what is stored, and the documentation ([`Schema`]), from which the reference pages and the JSON
//! Schemas are generated.
//!
//! ```
//! use affekt_config::{Diagnostics, parse};
//! use affekt_spec::{Spec, read_root, View};
//!
//! /// Waveforms become mel-frequency cepstral coefficients.
//! #[derive(Debug, PartialEq, Spec)]
//! struct Params {
//!     /// Length of the window.
//!     #[spec(default = 2048, range = 16..=65_536, unit = "samples")]
//!     n_fft: usize,
//!     /// Coefficients kept.
//!     #[spec(default = 128, range = 1..=1024)]
//!     n_mfcc: usize,
//! }
//!
//! let diagnostics = Diagnostics::new();
//! let node = parse("pipeline.yaml", "n_mfcc: 40\n", &diagnostics).unwrap();
//! let params: Params = read_root(&node, &diagnostics, "op `mfcc`").unwrap();
//! assert_eq!(params, Params { n_fft: 2048, n_mfcc: 40 });
//! assert_eq!(params.view(View::Key).to_string(), r#"{"n_fft":2048,"n_mfcc":40}"#);
//! ```
//!
//! The definitions that several crates share and that need no libtorch stand here too: [`encoder`], [`network`], [`training`],
//! [`protocol`]. Those of a single operation stand with it, in `affekt-ops`.

extern crate self as affekt_spec;

pub mod encoder;
mod json;
mod json_schema;
mod library;
pub mod markdown;
pub mod network;
pub mod prose;
pub mod protocol;
mod read;
mod schema;
mod settings;
mod spec;
pub mod training;
mod values;

pub use affekt_config::{Field, Section};
pub use affekt_spec_derive::Spec;
pub use json::{
    JsonError, JsonMap, deserialize_section, deserialize_word, from_json, omit_defaults, serialize_section,
    take_or, take_required, take_tag, view_section,
};
pub use json_schema::json_schema;
pub use library::LibraryDefaults;
pub use read::{
    read_or, read_required, read_root, read_section, read_tag, read_word, read_word_or_value, tagged_fields,
};
pub use schema::{FieldSchema, Schema, VariantSchema, Word, set_default, version_field};
pub use serde;
pub use serde_json::{Value, json};
pub use settings::Settings;
pub use spec::{Limits, Spec, SpecFields, SpecTagged, View, Words};
