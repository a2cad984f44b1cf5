//! Experiment YAML becomes a graph of ops.
//!
//! ```text
//! experiment.yaml, profile, sweep, --set ─► Resolved: common settings, each variant's own ─► Settings each ─┐
//! pipelines/x.yaml ─► steps ($variables filled in, `with` laid over) ─► wiring checked ─► drafts ─► Graph
//! ```
//! [`compile`] reads everything, reports every mistake in one pass, and does no more IO than reading YAML.
//! Steps that come out the same in several variants become one node.

pub mod axes;
mod bottleneck;
mod card_index;
mod choices;
mod draft;
mod epochs;
mod experiment;
mod exported_steps;
mod fits;
mod folds;
mod method;
mod profiles;
mod protocol;
mod published;
mod reads;
mod recipe;
mod resolved_file;
mod schema;
mod settings;
mod shards;
mod step;
mod sweep;
mod tuning;
mod values;
mod variants;
mod wiring;

pub use epochs::{FinalEpochs, Training, Trainings};
pub use experiment::{Compiled, Environment, NeededHead, RunPart, Variant, compile};
pub use fits::{Fit, FittedOn, fits};
pub use method::{MethodStep, Setting};
pub use published::{Cited, Figures, Published};
pub use resolved_file::ResolvedFiles;
pub use schema::{experiment_schema, pipeline_schema, protocol_schema, step_fields};
pub use settings::{CorpusUse, Synthetic};
