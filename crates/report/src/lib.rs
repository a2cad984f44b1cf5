//! Metrics become pages, plots and event logs.
//!
//! The runner assembles a [`Report`]; [`html`], [`markdown`] and [`latex_tables`] turn it into text, and
//! [`tensorboard`] writes its training histories. All texts are filled from one view of the report, in which every
//! number is text already, so they cannot disagree with each other.
//!
//! Nothing here computes a metric: figures come from [`affekt_eval`].

mod curves;
mod data;
mod headline;
mod page;
mod render;
mod report;
mod section;
mod slug;
mod tensorboard;
mod text;

pub use render::{html, latex_tables, markdown};
pub use report::{
    Audit, Corpus, Cost, FoldAudit, History, Parameters, Part, Published, Report, Run, Variant,
};
pub use tensorboard::{TensorboardError, tensorboard};
