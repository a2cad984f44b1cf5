//! A corpus folder becomes a manifest; a manifest becomes folds; folds are audited for leaks.
//!
//! ```text
//! datasets/ravdess.yaml ─► Card ─┐
//!        the corpus' folder ─► scan ─► ingest ─► utterances ─► label ─► examples ─► folds ─► audit
//! ```
//! A [`Card`] tells everything about a corpus, so that adding one needs no Rust. [`scan`] reads names, [`ingest`]
//! reads audio, and both survive what is wrong with a file: it becomes a [`Problem`](affekt_domain::Problem) of one
//! of the [`ProblemKind`]s. [`label`] applies a label scheme, [`folds`] a [`Protocol`], and [`audit`] looks at the
//! folds without trusting the protocol that made them.

mod audit;
mod card;
mod card_reader;
mod completeness;
mod delimited;
mod grammar;
mod ingest;
mod labels;
mod leaks;
mod origin;
mod problem;
mod protocol;
mod scan;
mod scheme;
mod synthetic;
mod synthetic_bursts;
mod synthetic_dialogues;
mod tables;
mod wildcard;

pub use affekt_config::lookup::LookupError;
pub use audit::{Audit, Part, Shared, Side, audit};
pub use card::{Card, EMOTIONS, Label, Oddity};
pub use completeness::{Completeness, Count, completeness, labelled_sessions};
pub use grammar::{Fields, Grammar};
pub use ingest::{AudioFacts, Ingested, ingest};
pub use labels::{Labelled, label};
pub use leaks::{describe_leaks, what_to_do};
pub use origin::{Origin, Source};
pub use problem::ProblemKind;
pub use protocol::{Impossible, Without, folds, impossible, read_split, remarks};
pub use scan::{CorpusError, Found, Scan, scan};
pub use scheme::{find_scheme, scheme_names};
pub use synthetic::{SyntheticConfig, SyntheticError, generate};
pub use synthetic_bursts::{SyntheticBursts, generate_bursts};
pub use synthetic_dialogues::{BadList, SyntheticDialogues, Turn, generate_dialogues};
pub use tables::{LabelFile, Tables};
