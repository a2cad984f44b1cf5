//! Whether the variants of an experiment differ, or whether other speakers might have turned them round.
//!
//! Only variants that were tested on the same rows are compared, row by row. Two tests ask two things:
//!
//! * the **paired bootstrap** asks whether the difference of the figure would hold with other speakers: both
//!   variants are scored on the same draws of speakers, as [`Summary::ci95`](crate::Summary::ci95) is;
//! * **McNemar's test** asks whether the rows on which one is right and the other wrong lean to one side. It takes
//!   utterances for independent, which those of a speaker are not: it is quick to see differences.
//!
//! Many pairs make many chances to be fooled, so both tests' p-values are corrected over all pairs (Holm).

use std::collections::BTreeSet;

use affekt_domain::Prediction;
use serde::{Deserialize, Serialize};

use crate::aggregate::pooled;
use crate::answers::answers;
use crate::bootstrap::{Difference, MIN_CLUSTERS, RESAMPLES, difference, resampled};
use crate::count::{Counts, EvalError};
use crate::holm::holm;
use crate::mcnemar::{McNemar, mcnemar};
use crate::rows::TestRows;
use crate::scores::{Measure, Scores};

/// What is known about the differences between variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The version of this schema.
    pub version: u32,
    /// The figure that is compared, pooled over folds, mean over seeds.
    pub measure: Measure,
    /// The variant that every other is compared with; `None` where each is compared with each.
    pub baseline: Option<String>,
    /// How many times the bootstrap drew speakers.
    pub resamples: usize,
    /// The pairs, in the order of the variants; where there is a baseline, it is always `b`.
    pub pairs: Vec<Pair>,
}

/// Two variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// One variant's id.
    pub a: String,
    /// The other's.
    pub b: String,
    /// What comparing them came to.
    pub outcome: Outcome,
}

/// What comparing two variants came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// They were tested on the same rows.
    Compared(Compared),
    /// They cannot be compared: why, in words.
    NotComparable(String),
}

/// How two variants differ that were tested on the same rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The figure of `a` minus that of `b`.
    pub difference: f64,
    /// How many speakers the rows come from.
    pub clusters: usize,
    /// Whether other speakers might turn the difference round; `None` under
    /// [`MIN_CLUSTERS`](crate::MIN_CLUSTERS) speakers.
    pub bootstrap: Option<Bootstrap>,
    /// Whether one variant is right where the other is wrong more often than the other way round; `None` where
    /// rows cannot be paired one to one.
    pub mcnemar: Option<McNemar>,
    /// What must be known to read this, in words: why a test is missing, or what it leaves out.
    pub notes: Vec<String>,
}

/// The paired bootstrap over speakers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// The 95 % percentile interval of the difference.
    pub ci95: [f64; 2],
    /// Twice the share of resamples on the rarer side of no difference, the observed sample counted as one.
    pub p: f64,
    /// The same, corrected for the number of pairs.
    pub p_holm: f64,
}

/// A variant and its predictions.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its id, which its predictions carry.
    pub id: &'a str,
    /// Its classes, in the order of its outputs.
    pub classes: &'a [String],
    /// Its predictions; rows of other variants and roles are passed over.
    pub predictions: &'a [Prediction],
}

impl Pair {
    /// What must be known to read the pair's figures, in words: empty for most.
    #[must_use]
    pub fn note(&self) -> String {
        match &self.outcome {
            Outcome::Compared(compared) => compared.notes.join("; "),
            Outcome::NotComparable(reason) => format!("not comparable: {reason}"),
        }
    }
}

/// Compares `variants` by `measure`: each with `baseline`, or each with each.
///
/// Equal predictions give equal bytes, in whatever order their rows come.
///
/// # Errors
/// When there is no such baseline, two variants have the same id, or the predictions of one cannot be scored.
pub fn compare(
    variants: &[Candidate<'_>],
    measure: Measure,
    baseline: Option<&str>,
) -> Result<Comparison, EvalError> {
    let ids: Vec<&str> = variants.iter().map(|variant| variant.id).collect();
    if let Some(twice) = ids.iter().enumerate().find(|(i, id)| ids[..*i].contains(id)) {
        return Err(EvalError::SameVariant { variant: (*twice.1).to_owned() });
    }
    let pairs: Vec<(usize, usize)> = match baseline {
        Some(baseline) => {
            let b = ids.iter().position(|id| *id == baseline).ok_or_else(|| EvalError::NoBaseline {
                baseline: baseline.to_owned(),
                variants: ids.iter().map(|&id| id.to_owned()).collect(),
            })?;
            (0..ids.len()).filter(|a| *a != b).map(|a| (a, b)).collect()
        }
        None => (0..ids.len()).flat_map(|a| (a + 1..ids.len()).map(move |b| (a, b))).collect(),
    };
    let sides: Vec<Side> = variants.iter().map(Side::new).collect::<Result<_, _>>()?;
    let mut pairs: Vec<Pair> = pairs
        .into_iter()
        .map(|(a, b)| Pair {
            a: ids[a].to_owned(),
            b: ids[b].to_owned(),
            outcome: outcome(&sides[a], &sides[b], measure),
        })
        .collect();
    correct(&mut pairs);
    let baseline = baseline.map(str::to_owned);
    Ok(Comparison { version: 1, measure, baseline, resamples: RESAMPLES, pairs })
}

/// What a comparison needs of a variant, worked out once for all its pairs.
struct Side<'a> {
    classes: BTreeSet<&'a str>,
    rows: TestRows<'a>,
    clusters: usize,
    pooled: Scores,
    /// The pooled scores of every draw of speakers. Variants with the same speakers have the same draws.
    resampled: Option<Vec<Scores>>,
}

impl<'a> Side<'a> {
    fn new(variant: &Candidate<'a>) -> Result<Self, EvalError> {
        let classes: BTreeSet<&str> = variant.classes.iter().map(String::as_str).collect();
        // Scores are sums over classes: in one order, so that equal predictions give equal scores to the last bit.
        let ordered: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
        let answers = answers(variant.id, variant.classes, variant.predictions)?;
        let counts = Counts::new(variant.id, &ordered, &answers)?;
        Ok(Self {
            classes,
            rows: TestRows::new(&answers),
            clusters: counts.speakers().len(),
            pooled: pooled(&counts),
            resampled: resampled(&counts),
        })
    }
}

fn outcome(a: &Side<'_>, b: &Side<'_>, measure: Measure) -> Outcome {
    if a.classes != b.classes {
        let list = |side: &Side<'_>| side.classes.iter().copied().collect::<Vec<_>>().join(", ");
        return Outcome::NotComparable(format!("different classes: {} against {}", list(a), list(b)));
    }
    if let Some(reason) = a.rows.differ(&b.rows) {
        return Outcome::NotComparable(reason);
    }
    let mut notes = Vec::new();
    let bootstrap = a.resampled.as_deref().zip(b.resampled.as_deref()).map(|(a, b)| {
        let Difference { ci95, p } = difference(a, b, measure);
        Bootstrap { ci95, p, p_holm: p }
    });
    if bootstrap.is_none() {
        notes.push(format!("no interval: {} speakers, and under {MIN_CLUSTERS} say too little", a.clusters));
    }
    Outcome::Compared(Compared {
        difference: a.pooled.minus(&b.pooled, measure),
        clusters: a.clusters,
        bootstrap,
        mcnemar: mcnemar(&a.rows, &b.rows, &mut notes),
        notes,
    })
}

/// Fills in the p-values that allow for the number of pairs, each test's by itself.
fn correct(pairs: &mut [Pair]) {
    let mut compared: Vec<&mut Compared> = pairs
        .iter_mut()
        .filter_map(|pair| match &mut pair.outcome {
            Outcome::Compared(compared) => Some(compared),
            Outcome::NotComparable(_) => None,
        })
        .collect();
    let bootstrap: Vec<f64> = compared.iter().filter_map(|pair| Some(pair.bootstrap.as_ref()?.p)).collect();
    let mcnemar: Vec<f64> = compared.iter().filter_map(|pair| Some(pair.mcnemar.as_ref()?.p)).collect();
    for (test, p) in compared.iter_mut().filter_map(|pair| pair.bootstrap.as_mut()).zip(holm(&bootstrap)) {
        test.p_holm = p;
    }
    for (test, p) in compared.iter_mut().filter_map(|pair| pair.mcnemar.as_mut()).zip(holm(&mcnemar)) {
        test.p_holm = p;
    }
}
