//! Metrics become pages, plots and event logs.
//!
//! The runner assembles a [`Report`]; [`html`], [`markdown`] and [`tables`] (LaTeX and CSV) turn it into text, and
//! [`tensorboard`] writes its training histories. All texts are filled from one view of the report, in which every
//! number is text already, so they cannot disagree with each other. What must stand at a table, stamps above all, is
//! part of the table in that view.
//!
//! Nothing here computes a metric: figures come from [`affekt_eval`].

mod audit;
mod classes;
mod comparison;
mod cost;
mod curves;
mod data;
mod distribution;
mod groups;
mod headline;
mod leak;
mod matrix;
mod outputs;
mod page;
mod published;
mod render;
mod report;
mod scale;
mod section;
mod slug;
mod speakers;
mod table;
mod tensorboard;
mod text;

pub use render::{html, markdown, tables};
pub use report::{
    Audit, Axis, Corpus, Cost, Crossing, FoldAudit, FoldPart, History, Matrix, Parameters, Part, Published,
    Report, Run, Sharing, Variant,
};
pub use tensorboard::{TensorboardError, tensorboard};
