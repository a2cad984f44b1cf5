//! Prediction rows become confusion matrices, one for each fold, seed and speaker.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use affekt_domain::Sex;

use crate::answers::Answer;
use crate::confusion::Confusion;

/// Predictions that cannot be scored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// There is nothing to score.
    #[error(
        "variant `{variant}` has no predictions of role test whose labels are known: run its `predict` node on the test \
         part, or test on a part that the corpus labels"
    )]
    NoTestRows {
        /// The variant.
        variant: String,
    },
    /// Values are predicted, of which no figures are known here.
    #[error(
        "variant `{variant}` predicts values, and only classes can be scored: use a label scheme with classes"
    )]
    Outputs {
        /// The variant.
        variant: String,
    },
    /// A network did not say one thing about each class.
    #[error(
        "`{utterance}` (fold {fold}, seed {seed}) has {outputs} outputs for the {classes} classes of variant \
         `{variant}`: expected one a class"
    )]
    NotOneOutputAClass {
        /// The variant.
        variant: String,
        /// The utterance.
        utterance: String,
        /// The fold.
        fold: u32,
        /// The seed.
        seed: u64,
        /// How many outputs.
        outputs: usize,
        /// How many classes.
        classes: usize,
    },
    /// A label is no class of the variant.
    #[error(
        "label `{class}` of `{utterance}` (fold {fold}, seed {seed}) is no class of variant `{variant}`: \
         expected one of {}", classes.join(", ")
    )]
    UnknownClass {
        /// The variant.
        variant: String,
        /// The utterance.
        utterance: String,
        /// The fold.
        fold: u32,
        /// The seed.
        seed: u64,
        /// The unknown class.
        class: String,
        /// The classes that the variant has.
        classes: Vec<String>,
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
    /// Training counts were given, but none for a fold that has predictions.
    #[error(
        "variant `{variant}` has test predictions in fold {fold} but no training rows: count every fold's"
    )]
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

/// Whose predictions a matrix counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key<'a> {
    pub fold: u32,
    pub seed: u64,
    pub corpus: &'a str,
    pub sex: Option<Sex>,
    pub session: Option<&'a str>,
    pub speaker: &'a str,
}

/// All test predictions of one variant, counted.
pub(crate) struct Counts<'a> {
    pub matrices: BTreeMap<Key<'a>, Confusion>,
}

impl<'a> Counts<'a> {
    /// Counts the answers of `variant`, whose classes stand in matrices in the order of `classes`.
    pub fn new(variant: &str, classes: &[String], answers: &[Answer<'a>]) -> Result<Self, EvalError> {
        let index: HashMap<&str, usize> = classes.iter().enumerate().map(|(i, c)| (c.as_str(), i)).collect();
        let mut seen = HashSet::with_capacity(answers.len());
        let mut matrices = HashMap::new();
        for Answer { row, truth, predicted } in answers {
            if !seen.insert((row.fold, row.seed, row.utterance.as_str())) {
                return Err(EvalError::Twice {
                    variant: variant.to_owned(),
                    utterance: row.utterance.clone(),
                    fold: row.fold,
                    seed: row.seed,
                });
            }
            let key = Key {
                fold: row.fold,
                seed: row.seed,
                corpus: &row.corpus,
                sex: row.sex,
                session: row.session.as_deref(),
                speaker: &row.speaker,
            };
            matrices
                .entry(key)
                .or_insert_with(|| Confusion::new(classes.len()))
                .add(index[truth], index[predicted]);
        }
        if matrices.is_empty() {
            return Err(EvalError::NoTestRows { variant: variant.to_owned() });
        }
        Ok(Self { matrices: matrices.into_iter().collect() })
    }

    /// The matrix of every cell, ordered by fold, then seed.
    pub fn cells(&self) -> BTreeMap<(u32, u64), Confusion> {
        self.sum_by(|key| Some((key.fold, key.seed)))
    }

    /// The matrix of every seed over all folds.
    pub fn pooled(&self) -> BTreeMap<u64, Confusion> {
        self.sum_by(|key| Some(key.seed))
    }

    /// The sums of the matrices for which `name` says the same. What it gives no name is left out.
    pub fn sum_by<N: Ord>(&self, name: impl Fn(&Key<'a>) -> Option<N>) -> BTreeMap<N, Confusion> {
        let mut sums = BTreeMap::<N, Confusion>::new();
        for (key, matrix) in &self.matrices {
            let Some(name) = name(key) else { continue };
            sums.entry(name).and_modify(|sum| sum.merge(matrix)).or_insert_with(|| matrix.clone());
        }
        sums
    }

    pub fn corpora(&self) -> BTreeSet<&'a str> {
        self.matrices.keys().map(|key| key.corpus).collect()
    }

    pub fn speakers(&self) -> BTreeSet<&'a str> {
        self.matrices.keys().map(|key| key.speaker).collect()
    }
}
