//! Predictions that cannot be scored.

use affekt_domain::Misfit;

/// Why predictions cannot be scored or compared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvalError {
    /// There is nothing to score.
    #[error("variant `{variant}` has no predictions of role test: run its `predict` node on the test part")]
    NoTestRows {
        /// The variant.
        variant: String,
    },
    /// The corpora withhold what is true of every test row, and there are no dev rows to score instead.
    #[error(
        "what is true of variant `{variant}`'s test part is withheld, and no prediction of role dev has a truth: run its \
         `predict` node on the dev part too"
    )]
    Withheld {
        /// The variant.
        variant: String,
    },
    /// A truth or prediction is none of the variant's task.
    #[error(
        "the {what} of `{utterance}` (fold {fold}, seed {seed}) is none of variant `{variant}`: {misfit}"
    )]
    Misfit {
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
        /// What is wrong with it.
        misfit: Box<Misfit>,
    },
    /// One network said two things about one utterance, which would count it twice.
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
    /// Every cell has a single row, from which no agreement can be told.
    #[error("variant `{variant}` has one row a cell: agreement of numbers needs two rows or more")]
    TooFewRows {
        /// The variant.
        variant: String,
    },
    /// Training rows were given, but none for a fold that has predictions.
    #[error("variant `{variant}` has predictions in fold {fold} but no training rows: give every fold's")]
    NoTrainingRows {
        /// The variant.
        variant: String,
        /// The fold.
        fold: u32,
    },
    /// Two variants that are to be compared have one id.
    #[error("variant `{variant}` was given twice: compare variants of different ids")]
    SameVariant {
        /// The variant.
        variant: String,
    },
    /// No variant has the id of the baseline.
    #[error("there is no variant `{baseline}` to compare with: expected one of {}", variants.join(", "))]
    NoBaseline {
        /// The baseline.
        baseline: String,
        /// The variants that there are.
        variants: Vec<String>,
    },
}
