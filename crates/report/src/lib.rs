//! Reports: from metrics to pages, tables, plots and event logs.
//!
//! The runner assembles a [`Report`]; [`html`], [`markdown`], [`tables`] (LaTeX and CSV) and [`method_latex`] format it, and
//! [`tensorboard`] writes its training histories. All texts are filled from one view of the report, in which every
//! number is already formatted, so that they cannot disagree. What must be shown with a table, stamps above all, is
//! part of the table in that view.
//!
//! No metrics are computed here: figures come from [`affekt_eval`].

mod audit;
mod classes;
mod comparison;
mod cost;
mod curves;
mod data;
mod distribution;
mod gains;
mod groups;
mod headline;
mod images;
mod layer_weights;
mod leak;
mod matrix;
mod method;
mod outputs;
mod page;
mod prose;
mod published;
mod ranking;
mod render;
mod replication;
mod report;
mod scale;
mod section;
mod session_plot;
mod side_by_side;
mod slug;
mod speakers;
mod styles;
mod sweep;
mod table;
mod tensorboard;
mod text;
mod training;
mod tuning;

pub use render::{html, markdown, method_latex, tables};
pub use report::{
    Audit, Axis, Cited, ClassCounts, ClipLengths, Corpus, Cost, FoldAudit, FoldPart, History, Image, Layer,
    LayerWeights, Matrix, MethodSentence, MethodSetting, MethodStep, Overlap, Parameters, Published,
    PublishedSession, Report, Run, Sharing, Spent, Sweep, Tuning, Variant, VariantCost, VariantCosts,
};
pub use side_by_side::side_by_side;
pub use tensorboard::{TensorboardError, tensorboard};
