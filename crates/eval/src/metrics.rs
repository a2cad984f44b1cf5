//! `metrics.json`: the metrics of each variant.

use std::collections::BTreeMap;

use affekt_domain::{Prediction, Role, Task};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aggregate::{Aggregate, Aggregator};
use crate::baselines::{Baselines, Source, Training, of_confusions, of_moments};
use crate::compare::Comparison;
use crate::confusion::Confusion;
use crate::density::{Density, density};
use crate::error::EvalError;
use crate::groups::{Groups, groups};
use crate::json::to_json;
use crate::measure::Scores;
use crate::moments::Moments;
use crate::scored::Scored;
use crate::scores::ClassScores;
use crate::sessions::Sessions;
use crate::statistic::{Figures, Statistic};
use crate::sums::{confusions, moments};

/// The stamp of a variant whose test part cannot be scored.
pub const DEV_PART: &str = "dev part: the test labels are withheld";

/// The contents of `metrics.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The version of this schema.
    pub version: u32,
    /// The name of the experiment.
    pub experiment: String,
    /// The variants, in the order of the experiment.
    pub variants: Vec<VariantMetrics>,
    /// The tests of their differences, if there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparisons: Option<Comparison>,
}

/// The description of a variant, known before it is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The id, which its predictions carry.
    pub id: String,
    /// The parameters that distinguish it from the other variants.
    pub params: BTreeMap<String, Value>,
    /// The kind of its protocol: `group-kfold`.
    pub protocol: String,
    /// The stamps that every table must show: `speakers shared`.
    pub stamps: Vec<String>,
    /// The task, in the order of networks and tables.
    #[serde(flatten)]
    pub task: Task,
}

/// The metrics of one variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantMetrics {
    /// The description.
    #[serde(flatten)]
    pub about: Description,
    /// The scored part: dev if the truth of the test part is withheld.
    #[serde(default = "test", skip_serializing_if = "is_test")]
    pub part: Role,
    /// Number of test utterances without a truth, which are not scored.
    #[serde(default, skip_serializing_if = "is_none")]
    pub withheld: usize,
    /// Every measure over all cells.
    pub aggregate: Aggregate,
    /// The scores of rules that ignore the audio.
    pub baselines: Baselines,
    /// The scores by corpus, sex, speaker, session and style of speech.
    pub groups: Groups,
    /// The scores by session and seed.
    #[serde(default, skip_serializing_if = "Sessions::is_empty")]
    pub sessions: Sessions,
    /// The joint predictions of all cells, for tables by class and by output.
    pub overall: Overall,
    /// Each fold × seed, ordered by fold, then seed.
    pub cells: Vec<CellMetrics>,
}

/// The metrics of one trained network on its fold's test part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellMetrics {
    /// The number of the fold, from 1.
    pub fold: u32,
    /// The seed.
    pub seed: u64,
    /// The scores.
    #[serde(flatten)]
    pub scores: Scores,
    /// The scores by class or output.
    #[serde(flatten)]
    pub detail: Detail,
}

/// Scores by class, or by output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Detail {
    /// Predicted classes.
    Classes(ClassDetail),
    /// Predicted numbers.
    Outputs {
        /// Number of rows.
        rows: u32,
        /// Output → its scores.
        per_output: BTreeMap<String, Scores>,
    },
}

/// Scores by class, or by output, over all cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Overall {
    /// Predicted classes.
    Classes(ClassDetail),
    /// Predicted numbers.
    Outputs {
        /// Output → its metrics.
        per_output: BTreeMap<String, OutputMetrics>,
    },
}

/// Scores by class, with the confusion matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassDetail {
    /// Class → its scores.
    pub per_class: BTreeMap<String, ClassScores>,
    /// Counts; rows are true classes, columns predicted ones, in the order of the classes.
    pub confusion: Vec<Vec<u32>>,
}

/// The metrics of one output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputMetrics {
    /// Every measure over all cells.
    #[serde(flatten)]
    pub aggregate: Aggregate,
    /// The joint predictions of all cells as a two-dimensional histogram.
    pub density: Density,
}

impl Metrics {
    /// Collects the metrics of an experiment's variants, without comparisons.
    #[must_use]
    pub const fn new(experiment: String, variants: Vec<VariantMetrics>) -> Self {
        Self { version: 1, experiment, variants, comparisons: None }
    }

    /// Formats the file. Equal metrics give equal bytes.
    ///
    /// # Errors
    /// Never fails for metrics computed by [`evaluate`].
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        to_json(self)
    }
}

impl Detail {
    /// Returns the number of predictions.
    #[must_use]
    pub fn rows(&self) -> u32 {
        match self {
            Self::Classes(detail) => detail.confusion.iter().flatten().sum(),
            Self::Outputs { rows, .. } => *rows,
        }
    }
}

/// Scores the test predictions of the variant that `about` describes; rows of other variants and roles are ignored.
/// If the truth of all of them is withheld, the dev predictions are scored, with the stamp [`DEV_PART`].
///
/// Baselines are fitted to `training`; without it, to the scored truth, as [`Baseline::fitted_on`](crate::Baseline)
/// states.
///
/// # Errors
/// Fails if there is nothing to score, a row does not fit the variant's task, or rows contradict each other.
pub fn evaluate(
    mut about: Description,
    predictions: &[Prediction],
    training: Option<&Training<'_>>,
) -> Result<VariantMetrics, EvalError> {
    let scored = Scored::new(&about.id, &about.task, predictions)?;
    if scored.part == Role::Dev {
        about.stamps.push(DEV_PART.to_owned());
    }
    match &about.task {
        Task::Classes(_) => of_classes(about, &scored, training),
        Task::Outputs(_) => of_outputs(about, &scored, training),
    }
}

fn of_classes(
    about: Description,
    scored: &Scored<'_>,
    training: Option<&Training<'_>>,
) -> Result<VariantMetrics, EvalError> {
    let classes = about.task.names();
    let sums = confusions(&about.task, classes, scored);
    let matrices = sums.cells();
    let mut overall = Confusion::new(classes.len());
    matrices.values().for_each(|matrix| overall.add(matrix));
    let cell = |(&(fold, seed), matrix): (&(u32, u64), &Confusion)| CellMetrics {
        fold,
        seed,
        scores: matrix.figures().all,
        detail: Detail::Classes(class_detail(matrix, classes)),
    };
    Ok(VariantMetrics {
        part: scored.part,
        withheld: scored.withheld,
        aggregate: Aggregator::new(&sums).all(),
        baselines: of_confusions(source(&about, scored, training), &sums)?,
        groups: groups(&sums),
        sessions: Sessions::new(&sums),
        overall: Overall::Classes(class_detail(&overall, classes)),
        cells: matrices.iter().map(cell).collect(),
        about,
    })
}

fn of_outputs(
    about: Description,
    scored: &Scored<'_>,
    training: Option<&Training<'_>>,
) -> Result<VariantMetrics, EvalError> {
    let sums = moments(&about.task, scored);
    let outputs = about.task.names();
    let cells = sums.cells();
    if cells.values().all(|cell| cell.rows() < 2) {
        return Err(EvalError::TooFewRows { variant: about.id });
    }
    let cell = |(&(fold, seed), moments): (&(u32, u64), &Moments)| {
        let Figures { all: scores, outputs: figures } = moments.figures();
        let per_output = outputs.iter().cloned().zip(figures).collect();
        CellMetrics { fold, seed, scores, detail: Detail::Outputs { rows: moments.rows(), per_output } }
    };
    let aggregator = Aggregator::new(&sums);
    let per_output = outputs.iter().enumerate().map(|(place, output)| {
        let (aggregate, density) = (aggregator.output(place), density(&scored.rows, place));
        (output.clone(), OutputMetrics { aggregate, density })
    });
    Ok(VariantMetrics {
        part: scored.part,
        withheld: scored.withheld,
        aggregate: aggregator.all(),
        baselines: of_moments(source(&about, scored, training), &sums)?,
        groups: groups(&sums),
        sessions: Sessions::new(&sums),
        overall: Overall::Outputs { per_output: per_output.collect() },
        cells: cells.iter().map(cell).collect(),
        about,
    })
}

fn source<'a>(about: &'a Description, scored: &Scored<'_>, training: Option<&'a Training<'a>>) -> Source<'a> {
    Source { variant: &about.id, task: &about.task, training, part: scored.part }
}

fn class_detail(matrix: &Confusion, classes: &[String]) -> ClassDetail {
    let tally = matrix.tally();
    let scores = |(i, class): (usize, &String)| (class.clone(), ClassScores::of(&tally, i));
    ClassDetail {
        per_class: classes.iter().enumerate().map(scores).collect(),
        confusion: matrix.lines().map(<[u32]>::to_vec).collect(),
    }
}

const fn test() -> Role {
    Role::Test
}

fn is_test(part: &Role) -> bool {
    *part == Role::Test
}

fn is_none(number: &usize) -> bool {
    *number == 0
}
