//! Corpora: from a folder of recordings to a manifest, from a manifest to folds, and the audit of folds for leaks.
//!
//! ```text
//! datasets/ravdess.yaml ─► Card ─┐
//!        the corpus' folder ─► scan ─► ingest ─► utterances ─► label ─► examples ─► folds ─► audit
//! ```
//! A [`Card`] describes everything about a corpus, so that adding one needs no Rust. [`scan`] reads file names,
//! [`ingest`] reads audio; both report a defective file as a [`Problem`](affekt_domain::Problem) of one of the
//! [`ProblemKind`]s and continue. [`label`] applies a label scheme, [`folds`] a [`Protocol`], and [`audit`] inspects
//! the folds without trusting the protocol.

mod annotation_table;
mod audit;
mod card;
mod card_reader;
mod card_tables;
mod card_yield;
mod completeness;
mod delimited;
mod encoder_audit;
mod glob;
mod grammar;
mod ingest;
mod labels;
mod leaks;
mod odd_cells;
mod origin;
mod problem;
mod protocol;
mod row_name;
mod scan;
mod schema;
mod scheme;
mod segments;
mod sex_column;
mod speaker_table;
mod spelling;
mod synthetic;
mod synthetic_bursts;
mod synthetic_dialogues;
mod table_files;
mod table_header;
mod tables;

pub use affekt_config::lookup::LookupError;
pub use audit::{Audit, AuditedPart, Shared, Side, audit};
pub use card::{Card, EMOTIONS, Label, Oddity};
pub use card_yield::CardYield;
pub use completeness::{Completeness, Count, completeness, labelled_sessions};
pub use delimited::{Encoding, delimiter, table_text};
pub use encoder_audit::{EncoderAudit, Seen};
pub use grammar::{Fields, Grammar};
pub use ingest::{AudioFacts, Ingested, ingest};
pub use labels::{Labelled, label};
pub use leaks::{describe_leaks, what_to_do};
pub use origin::{CorpusOrigin, Source};
pub use problem::ProblemKind;
pub use protocol::{
    ProtocolError, Without, find_split, folds, impossible, one_class, published_split_schema, read_split,
    remarks,
};
pub use scan::{CorpusError, Found, Scan, scan};
pub use schema::{card_schema, label_scheme_schema};
pub use scheme::{find_scheme, scheme_names};
pub use segments::Segment;
pub use synthetic::{SyntheticConfig, SyntheticError, generate};
pub use synthetic_bursts::{SyntheticBursts, generate_bursts};
pub use synthetic_dialogues::{BadList, SyntheticDialogues, Turn, generate_dialogues};
pub use tables::{LabelFile, Tables};
