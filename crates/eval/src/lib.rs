//! Evaluation: from predictions to metrics with their spread over folds and seeds.
//!
//! [`evaluate`] takes the predictions of one variant and returns what `metrics.json` says about it; [`compare`]
//! takes those of several and says which differences other speakers would bear out; [`side_by_side`] sorts those of any
//! runs into what may be ranked together. [`score_classes`] and [`score_values`] score one part by itself.
//! Every figure is computed from sums made once, per fold, seed and speaker: confusion matrices of classes, moments of
//! numbers.
//!
//! * a **cell** is one fold × seed; `mean` is over cells, with standard deviations over seeds and over folds;
//! * **pooled** figures are computed on the joint predictions of all folds, which is necessary for small folds;
//! * the **interval** resamples speakers, because utterances of one speaker are not independent;
//! * **baselines** are the scores of rules that ignore the audio.
//!
//! All figures are fractions, except squared errors. Equal predictions give equal bytes, whatever their order.

mod aggregate;
mod baselines;
mod bootstrap;
mod compare;
mod confusion;
mod density;
mod error;
mod groups;
mod holm;
mod json;
mod mcnemar;
mod measure;
mod metrics;
mod moments;
mod part;
mod printed;
mod rows;
mod scored;
mod scores;
mod sessions;
mod side_by_side;
mod statistic;
mod sums;

pub use aggregate::{Aggregate, Summary};
pub use baselines::{Baseline, Baselines, Constant, Training};
pub use bootstrap::{MIN_CLUSTERS, RESAMPLES};
pub use compare::{Bootstrap, Candidate, Compared, Comparison, Outcome, Pair, compare, compare_watched};
pub use density::{BINS, Density};
pub use error::EvalError;
pub use groups::{Group, GroupSummary, Groups};
pub use mcnemar::{McNemar, SeedMcNemar};
pub use measure::{Measure, PerMeasure, Scores};
pub use metrics::{
    CellMetrics, ClassDetail, DEV_PART, Description, Detail, Metrics, OutputMetrics, Overall, VariantMetrics,
    evaluate,
};
pub use part::{loss, score_classes, score_values};
pub use printed::{Printed, PrintedClass, PrintedPart, PrintedTrial};
pub use scored::Cluster;
pub use scores::ClassScores;
pub use sessions::{OverSeeds, SeedScores, Sessions};
pub use side_by_side::{Conditions, Entry, Incomparable, Rank, Ranked, SideBySide, side_by_side};
