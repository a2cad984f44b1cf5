//! `metrics.json`: what is known about how well each variant does.

use std::collections::BTreeMap;

use affekt_domain::Prediction;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aggregate::{Aggregate, aggregate};
use crate::answers::answers;
use crate::baselines::{Baselines, TrainingCounts, baselines};
use crate::compare::Comparison;
use crate::confusion::Confusion;
use crate::count::{Counts, EvalError};
use crate::groups::{Groups, groups};
use crate::json::to_json;
use crate::scores::{ClassScores, Scores};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The version of this schema.
    pub version: u32,
    /// The experiment's name.
    pub experiment: String,
    /// Its variants, in the order of the experiment.
    pub variants: Vec<VariantMetrics>,
    /// How they differ, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparisons: Option<Comparison>,
}

/// What an experiment says about a variant before it has run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Its id, which its predictions carry.
    pub id: String,
    /// The parameters that tell it from the other variants.
    pub params: BTreeMap<String, Value>,
    /// The kind of its protocol: `group-kfold`.
    pub protocol: String,
    /// What every table must say about it: `speakers shared`.
    pub stamps: Vec<String>,
    /// Its classes, in the order of networks and tables.
    pub classes: Vec<String>,
}

/// How well one variant does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantMetrics {
    /// What it is.
    #[serde(flatten)]
    pub about: Description,
    /// Every measure over all cells.
    pub aggregate: Aggregate,
    /// What hearing nothing would give.
    pub baselines: Baselines,
    /// The same by corpus, sex, speaker and session.
    pub groups: Groups,
    /// All cells' predictions together, which is what tables by class show.
    pub overall: Detail,
    /// Each fold × seed, ordered by fold, then seed.
    pub cells: Vec<CellMetrics>,
}

/// How well one trained network does on its fold's test part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellMetrics {
    /// The fold, from 1.
    pub fold: u32,
    /// The seed.
    pub seed: u64,
    /// Its scores.
    #[serde(flatten)]
    pub scores: Scores,
    /// Its classes.
    #[serde(flatten)]
    pub detail: Detail,
}

/// How some predictions fare class by class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// Class → its scores.
    pub per_class: BTreeMap<String, ClassScores>,
    /// Counts; rows are true classes, columns predicted ones, in the order of the classes.
    pub confusion: Vec<Vec<u32>>,
}

impl Metrics {
    /// The metrics of an experiment's variants, not yet compared.
    #[must_use]
    pub const fn new(experiment: String, variants: Vec<VariantMetrics>) -> Self {
        Self { version: 1, experiment, variants, comparisons: None }
    }

    /// The file's text. Equal metrics give equal bytes.
    ///
    /// # Errors
    /// Never for metrics that [`evaluate`] made.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        to_json(self)
    }
}

/// Scores the test predictions of the variant that `about` describes; rows of other variants and roles are passed over.
///
/// `training` is what baselines are fitted on; without it they are fitted on the test truth and say so.
///
/// # Errors
/// When there is nothing to score, a row names a class that the variant has not or has other outputs, or rows
/// contradict each other.
pub fn evaluate(
    about: Description,
    predictions: &[Prediction],
    training: Option<&TrainingCounts>,
) -> Result<VariantMetrics, EvalError> {
    let answers = answers(&about.id, &about.classes, predictions)?;
    let counts = Counts::new(&about.id, &about.classes, &answers)?;
    let matrices = counts.cells();
    let mut overall = Confusion::new(about.classes.len());
    matrices.values().for_each(|matrix| overall.merge(matrix));
    let cells: Vec<CellMetrics> = matrices
        .iter()
        .map(|(&(fold, seed), matrix)| CellMetrics {
            fold,
            seed,
            scores: Scores::of(&matrix.tally()),
            detail: detail(matrix, &about.classes),
        })
        .collect();
    Ok(VariantMetrics {
        aggregate: aggregate(&cells, &counts),
        baselines: baselines(&about.id, &about.classes, &counts, training)?,
        groups: groups(&counts),
        overall: detail(&overall, &about.classes),
        about,
        cells,
    })
}

fn detail(matrix: &Confusion, classes: &[String]) -> Detail {
    let tally = matrix.tally();
    let scores = |(i, class): (usize, &String)| (class.clone(), ClassScores::of(&tally, i));
    Detail {
        per_class: classes.iter().enumerate().map(scores).collect(),
        confusion: matrix.rows().map(<[u32]>::to_vec).collect(),
    }
}
