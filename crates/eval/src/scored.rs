//! Selection of the rows of a variant that are scored: those of the test part or, if the truth of all of them is
//! withheld as in challenges, those of the dev part.

use std::collections::HashSet;

use affekt_domain::{Prediction, Role, Target, TargetError, Task, is_known_speaker};
use serde::{Deserialize, Serialize};

use crate::error::EvalError;

/// The rows of a variant that are scored, checked against its task.
pub(crate) struct Scored<'a> {
    /// Test; dev if the truth of the test part is withheld.
    pub part: Role,
    /// The rows, by fold, seed and utterance.
    pub rows: Vec<&'a Prediction>,
    /// Number of test utterances without a truth.
    pub withheld: usize,
    /// The unit of resampling.
    pub cluster: Cluster,
}

/// The unit of resampling, assumed independent in intervals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cluster {
    /// Speakers.
    #[default]
    Speaker,
    /// Utterances, if all speakers are unknown. Intervals are too narrow, the more so the more speakers differ.
    Utterance,
    /// Speakers of some corpora, utterances of others.
    Mixed,
}

impl Cluster {
    /// Returns whether the unit is the speaker.
    #[must_use]
    pub const fn is_speaker(&self) -> bool {
        matches!(self, Self::Speaker)
    }

    /// Returns the name: `speaker`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Speaker => "speaker",
            Self::Utterance => "utterance",
            Self::Mixed => "cluster",
        }
    }

    /// Determines the unit for `rows`. An unknown speaker has one recording.
    fn of(rows: &[&Prediction]) -> Self {
        let is_known = |row: &&Prediction| is_known_speaker(&row.speaker);
        if rows.iter().all(is_known) {
            Self::Speaker
        } else if rows.iter().any(is_known) {
            Self::Mixed
        } else {
            Self::Utterance
        }
    }
}

impl<'a> Scored<'a> {
    /// Selects the rows of `variant` that are scored.
    pub fn new(variant: &str, task: &Task, predictions: &'a [Prediction]) -> Result<Self, EvalError> {
        let of = |role: Role| {
            let own = move |row: &&Prediction| row.role == role && row.variant == variant;
            predictions.iter().filter(own)
        };
        if of(Role::Test).next().is_none() {
            return Err(EvalError::NoTestRows { variant: variant.to_owned() });
        }
        let withheld = of(Role::Test).filter(|row| row.truth.is_none()).map(|row| row.utterance.as_str());
        let withheld = withheld.collect::<HashSet<_>>().len();
        let known = |role: Role| of(role).filter(|row| row.truth.is_some()).collect::<Vec<_>>();
        let (part, mut rows) = match known(Role::Test) {
            rows if rows.is_empty() => (Role::Dev, known(Role::Dev)),
            rows => (Role::Test, rows),
        };
        if rows.is_empty() {
            return Err(EvalError::Withheld { variant: variant.to_owned() });
        }
        rows.sort_unstable_by_key(|row| place(row));
        if let Some(pair) = rows.windows(2).find(|pair| place(pair[0]) == place(pair[1])) {
            let Prediction { utterance, fold, seed, .. } = pair[0].clone();
            return Err(EvalError::Twice { variant: variant.to_owned(), utterance, fold, seed });
        }
        for row in &rows {
            fits(task, row).map_err(|(what, mismatch)| EvalError::Mismatch {
                variant: variant.to_owned(),
                utterance: row.utterance.clone(),
                fold: row.fold,
                seed: row.seed,
                what,
                mismatch: Box::new(mismatch),
            })?;
        }
        Ok(Self { part, withheld, cluster: Cluster::of(&rows), rows })
    }
}

/// Returns the key of a row, which must be unique.
fn place(row: &Prediction) -> (u32, u64, &str) {
    (row.fold, row.seed, &row.utterance)
}

/// Checks that truth and prediction of a row fit `task`; otherwise returns which does not, and why.
fn fits(task: &Task, row: &Prediction) -> Result<(), (&'static str, TargetError)> {
    if let Some(truth) = &row.truth {
        task.check(truth).map_err(|mismatch| ("truth", mismatch))?;
    }
    let (values, outputs) = (row.outputs.len(), task.names().len());
    if values != outputs {
        return Err(("prediction", TargetError::Length { values, outputs }));
    }
    // What is not finite determines no class, whatever has the highest logit.
    match row.outputs.iter().zip(task.names()).find(|(value, _)| !value.is_finite()) {
        Some((value, output)) => {
            Err(("prediction", TargetError::NotFinite { output: output.clone(), value: *value }))
        }
        None => Ok(()),
    }
}

/// Returns the true class of a row, if it has one.
pub(crate) fn true_class(row: &Prediction) -> Option<&str> {
    row.truth.as_ref().and_then(Target::class)
}
