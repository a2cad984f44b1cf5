//! Errors of scoring predictions.

use affekt_domain::TargetError;

/// An error of scoring or comparing predictions.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvalError {
    /// There are no test rows.
    #[error("variant `{variant}` has no predictions of role test: run its `predict` node on the test part")]
    NoTestRows {
        /// The variant.
        variant: String,
    },
    /// The truth of every test row is withheld, and there are no dev rows to score instead.
    #[error(
        "what is true of variant `{variant}`'s test part is withheld, and no prediction of role dev has a truth: run its \
         `predict` node on the dev part too"
    )]
    Withheld {
        /// The variant.
        variant: String,
    },
    /// A truth or prediction that does not fit the variant's task.
    #[error(
        "the {what} of `{utterance}` (fold {fold}, seed {seed}) is none of variant `{variant}`: {mismatch}"
    )]
    Mismatch {
        /// The variant.
        variant: String,
        /// The utterance.
        utterance: String,
        /// The fold.
        fold: u32,
        /// The seed.
        seed: u64,
        /// `truth` or `prediction`.
        what: &'static str,
        /// The mismatch.
        mismatch: Box<TargetError>,
    },
    /// A network has two predictions for one utterance, which would count it twice.
    #[error(
        "variant `{variant}` predicts `{utterance}` twice in fold {fold} with seed {seed}: \
         predict originals only, each once"
    )]
    Twice {
        /// The variant.
        variant: String,
        /// The utterance.
        utterance: String,
        /// The fold.
        fold: u32,
        /// The seed.
        seed: u64,
    },
    /// Every cell has a single row, for which agreement is undefined.
    #[error("variant `{variant}` has one row per cell: agreement of numbers needs two rows or more")]
    TooFewRows {
        /// The variant.
        variant: String,
    },
    /// A fold has predictions but no training rows.
    #[error(
        "variant `{variant}` has predictions in fold {fold} but no training rows: pass those of every fold"
    )]
    NoTrainingRows {
        /// The variant.
        variant: String,
        /// The fold.
        fold: u32,
    },
    /// Two variants to compare have the same id.
    #[error("variant `{variant}` was given twice: compare variants of different ids")]
    SameVariant {
        /// The variant.
        variant: String,
    },
    /// No variant has the id of the baseline.
    #[error("there is no variant `{baseline}` to compare with: expected one of {}", variants.join(", "))]
    NoBaseline {
        /// The baseline's id.
        baseline: String,
        /// The ids of the variants.
        variants: Vec<String>,
    },
    /// The comparison was told to stop.
    #[error("the comparison was stopped")]
    Cancelled,
}
