//! YAML text → typed values with their places; mistakes → diagnostics with a label and a hint.
//!
//! [`parse`] turns a file into a tree of [`Node`]s, each with its [`Span`]. Overrides from the command line and from
//! variants are applied to it ([`set`]). A [`Section`] then reads a mapping key by key into Rust values. All mistakes
//! are collected in one [`Diagnostics`], so that the user sees every one of them at once, each with its file, line and
//! column and the nearest valid name.
//!
//! ```
//! use affekt_config::{Diagnostics, Section, parse};
//!
//! let diagnostics = Diagnostics::new();
//! let node = parse("pipelines/cnn.yaml", "op: train\nlr: 3e-4\nhop_lenght: 512\n", &diagnostics).unwrap();
//! let mut section = Section::open(&node, &diagnostics, "node `train`").unwrap();
//! let op = section.required_text("op");
//! let lr = section.float("lr", 1e-3, 0.0..=1.0);
//! let hop_length = section.integer("hop_length", 512_u32, 1..=1_000_000);
//! section.close();
//!
//! assert_eq!((op.as_deref(), lr, hop_length), (Some("train"), 3e-4, 512));
//! assert_eq!(
//!     diagnostics.to_string(),
//!     "\
//! error: unknown key `hop_lenght` in node `train`
//!  --> pipelines/cnn.yaml:3:1
//!   |
//! 3 | hop_lenght: 512
//!   | ^^^^^^^^^^
//! hint: did you mean `hop_length`? valid keys are `op`, `lr`, `hop_length`
//! "
//! );
//! ```
//!
//! # Why events and not serde
//! `serde_yaml` is deprecated. Its forks lose the position of every value that passes through `Value` (as settings,
//! variables and ports known only at run time all do), report duplicate keys at 1:1, and stop at the first type error.
//! The events of `saphyr-parser` carry all positions, so the tree is built here.
//!
//! # What YAML means here
//! YAML 1.2 with the core schema: `no`, `yes` and `on` are text, `1e-4` is a number. Not supported, each with a
//! diagnostic that says what to write instead: anchors and aliases (hence no alias bombs), merge keys, tags, several
//! documents in one file, keys that are not plain names, numbers that are not finite.

mod contained;
mod diagnostic;
mod files;
pub mod lookup;
mod names;
mod node;
mod overlay;
mod parse;
mod printable;
mod render;
mod scalar;
mod section;
mod source;
mod syntax;
mod text;
mod version;
mod write;

pub use contained::is_contained;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use files::{BuiltIn, Folder, TextFile};
pub use names::{list_names, nearest};
pub use node::{Key, Node, Value};
pub use overlay::{parse_setting, set};
pub use parse::{header_comment, parse};
pub use printable::printable;
pub use section::{Field, Section};
pub use source::{SourceFile, Span};
pub use text::{TextError, decode, decode_latin1, decode_lossy};
pub use version::FILE_VERSION;
pub use write::{to_json, to_yaml};
