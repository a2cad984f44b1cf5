//! Which rows of a variant are scored: those of its test part; where its corpora withhold what is true of all of them, as
//! challenges do, those of its dev part.

use std::collections::HashSet;

use affekt_domain::{Misfit, Prediction, Role, Target, Task, is_known_speaker};
use serde::{Deserialize, Serialize};

use crate::error::EvalError;

/// The rows of a variant that are scored, each held to its task.
pub(crate) struct Scored<'a> {
    /// Test; dev where the test part's truth is withheld.
    pub part: Role,
    /// The rows, by fold, seed and utterance.
    pub rows: Vec<&'a Prediction>,
    /// How many test utterances nobody may score.
    pub withheld: usize,
    /// What is resampled.
    pub cluster: Cluster,
}

/// What the intervals take for independent of each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cluster {
    /// Speakers.
    #[default]
    Speaker,
    /// Utterances, where no corpus tells who speaks. Intervals are too narrow, by as much as speakers differ.
    Utterance,
    /// Speakers of some corpora, utterances of others.
    Mixed,
}

impl Cluster {
    /// Whether they are speakers.
    #[must_use]
    pub const fn is_speaker(&self) -> bool {
        matches!(self, Self::Speaker)
    }

    /// What they are called: `speaker`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Speaker => "speaker",
            Self::Utterance => "utterance",
            Self::Mixed => "cluster",
        }
    }

    /// What those of `rows` are. An unknown speaker has one recording.
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
    /// The rows of `variant` that are scored.
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
            fits(task, row).map_err(|(what, misfit)| EvalError::Misfit {
                variant: variant.to_owned(),
                utterance: row.utterance.clone(),
                fold: row.fold,
                seed: row.seed,
                what,
                misfit: Box::new(misfit),
            })?;
        }
        Ok(Self { part, withheld, cluster: Cluster::of(&rows), rows })
    }
}

/// Where a row stands, and what no other row may share.
fn place(row: &Prediction) -> (u32, u64, &str) {
    (row.fold, row.seed, &row.utterance)
}

/// Whether truth and prediction of a row are of `task`; if not, which is not and why.
fn fits(task: &Task, row: &Prediction) -> Result<(), (&'static str, Misfit)> {
    if let Some(truth) = &row.truth {
        task.check(truth).map_err(|misfit| ("truth", misfit))?;
    }
    let (values, outputs) = (row.outputs.len(), task.names().len());
    if values != outputs {
        return Err(("prediction", Misfit::Length { values, outputs }));
    }
    // A class can be told of any logits; a figure of numbers that are none cannot.
    let is_lost = |(value, _): &(&f32, &String)| task.classes().is_none() && !value.is_finite();
    match row.outputs.iter().zip(task.names()).find(is_lost) {
        Some((value, output)) => {
            Err(("prediction", Misfit::NotFinite { output: output.clone(), value: *value }))
        }
        None => Ok(()),
    }
}

/// The class that is true of a row, where it has one.
pub(crate) fn true_class(row: &Prediction) -> Option<&str> {
    row.truth.as_ref().and_then(Target::class)
}
