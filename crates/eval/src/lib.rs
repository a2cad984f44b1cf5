//! Predictions become metrics and their spread over folds and seeds.
//!
//! [`evaluate`] takes the test predictions of one variant and returns what `metrics.json` says about it; [`compare`]
//! takes those of several and says which differences other speakers would bear out.
//! Every figure is computed from confusion matrices counted once, per fold, seed and speaker:
//!
//! * a **cell** is one fold × seed; `mean` is over cells, and the spreads say how far seeds and folds differ;
//! * **pooled** figures put the predictions of all folds together, which is what small folds need;
//! * the **interval** resamples speakers, because utterances of one speaker are not independent;
//! * **baselines** say what a network that hears nothing would get.
//!
//! All figures are fractions. Equal predictions give equal bytes, whatever the order they come in.

mod aggregate;
mod answers;
mod baselines;
mod bootstrap;
mod compare;
mod confusion;
mod count;
mod groups;
mod holm;
mod json;
mod mcnemar;
mod metrics;
mod rows;
mod scores;

pub use aggregate::{Aggregate, Summary};
pub use baselines::{Baseline, Baselines, TrainingCounts};
pub use bootstrap::{MIN_CLUSTERS, RESAMPLES};
pub use compare::{Bootstrap, Candidate, Compared, Comparison, Outcome, Pair, compare};
pub use count::EvalError;
pub use groups::{Group, GroupSummary, Groups};
pub use mcnemar::{McNemar, SeedMcNemar};
pub use metrics::{CellMetrics, Description, Detail, Metrics, VariantMetrics, evaluate};
pub use scores::{ClassScores, Measure, Scores};
