//! Tests of the differences between the variants of an experiment.
//!
//! Only variants of the same task are compared, row by row on the same rows. Two tests answer two questions:
//!
//! * the **paired bootstrap** asks whether the difference would hold with other speakers: both variants are scored on the same draws
//!   of speakers, as for [`Summary::ci95`](crate::Summary::ci95);
//! * **McNemar's test** asks whether the rows on which only one is right are unevenly divided. It assumes that utterances are
//!   independent, which those of a speaker are not: it finds differences too readily. Numbers are neither right nor wrong: variants
//!   that predict them are only tested by the bootstrap.
//!
//! Many pairs give many chances of a false finding, so both tests' p-values are corrected over all pairs (Holm). With
//! a baseline there is one pair per other variant: fewer questions leave more power.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

use affekt_domain::{Prediction, Task};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bootstrap::{Difference, MIN_CLUSTERS, Resampler, difference, resampled_together, resamples};
use crate::error::EvalError;
use crate::holm::holm;
use crate::mcnemar::{McNemar, mcnemar};
use crate::measure::{Measure, Scores};
use crate::rows::ScoredRows;
use crate::scored::{Cluster, Scored};
use crate::statistic::{Figures, Statistic};
use crate::sums::{Sums, confusions, moments};

/// The tests of the differences between variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The version of this schema.
    pub version: u32,
    /// The compared figure, pooled over folds and averaged over seeds. Variants of a task without it are compared by
    /// their task's default primary measure.
    pub measure: Measure,
    /// The variant with which every other is compared; `None` if all pairs are compared.
    pub baseline: Option<String>,
    /// Number of bootstrap resamples.
    pub resamples: usize,
    /// The pairs, in the order of the variants; a baseline is always `b`.
    pub pairs: Vec<Pair>,
}

/// Two variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The id of one variant.
    pub a: String,
    /// The id of the other.
    pub b: String,
    /// The compared figure, if it is not the comparison's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<Measure>,
    /// The result.
    pub outcome: Outcome,
}

/// The result of comparing two variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// They were tested on the same rows.
    Compared(Compared),
    /// They cannot be compared: why, in words.
    NotComparable(String),
}

/// The difference between two variants that were tested on the same rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The figure of `a` minus that of `b`.
    pub difference: f64,
    /// The number of speakers; utterances by unknown speakers count as one each.
    pub clusters: usize,
    /// The unit of resampling.
    #[serde(default, skip_serializing_if = "Cluster::is_speaker")]
    pub cluster: Cluster,
    /// The paired bootstrap; `None` for fewer than [`MIN_CLUSTERS`](crate::MIN_CLUSTERS) speakers.
    pub bootstrap: Option<Bootstrap>,
    /// McNemar's test; `None` if rows cannot be paired one to one, and for variants that predict numbers.
    pub mcnemar: Option<McNemar>,
    /// Remarks necessary to interpret the figures: why a test is missing, or what it leaves out.
    pub notes: Vec<String>,
}

/// The paired bootstrap over speakers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// The 95 % percentile interval of the difference.
    pub ci95: [f64; 2],
    /// Twice the share of resamples on the rarer side of zero, the observed sample counted as one.
    pub p: f64,
    /// The p-value corrected for the number of pairs.
    pub p_holm: f64,
}

/// A variant and its predictions.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The id, which its predictions carry.
    pub id: &'a str,
    /// The task; classes in any order.
    pub task: &'a Task,
    /// The predictions; rows of other variants and roles are ignored.
    pub predictions: &'a [Prediction],
}

impl Pair {
    /// Returns the comparison, if the two could be compared.
    #[must_use]
    pub const fn compared(&self) -> Option<&Compared> {
        match &self.outcome {
            Outcome::Compared(compared) => Some(compared),
            Outcome::NotComparable(_) => None,
        }
    }

    /// Returns whether McNemar's test was made.
    #[must_use]
    pub fn has_mcnemar(&self) -> bool {
        self.compared().is_some_and(|compared| compared.mcnemar.is_some())
    }

    /// Returns the remarks on the pair in words: empty for most.
    #[must_use]
    pub fn note(&self) -> String {
        match &self.outcome {
            Outcome::Compared(compared) => compared.notes.join("; "),
            Outcome::NotComparable(reason) => format!("not comparable: {reason}"),
        }
    }
}

/// Compares `variants` by `measure`: each with `baseline`, or all pairs, on all cores.
///
/// Equal predictions give equal bytes, in whatever order their rows come.
///
/// # Errors
/// Fails if there is no such baseline, two variants have the same id, or the predictions of one cannot be scored.
pub fn compare(
    variants: &[Candidate<'_>],
    measure: Measure,
    baseline: Option<&str>,
) -> Result<Comparison, EvalError> {
    compare_watched(variants, measure, baseline, &mut |_, _| ControlFlow::Continue(()))
}

/// Compares as [`compare`] does. `watch` hears how many resamples are done, of how many, and says whether to go on.
///
/// # Errors
/// Fails as [`compare`] does, and with [`EvalError::Cancelled`] if `watch` said to stop.
pub fn compare_watched(
    variants: &[Candidate<'_>],
    measure: Measure,
    baseline: Option<&str>,
    watch: Watch<'_>,
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
    let sides = variants.iter().map(|variant| Side::new(variant, measure));
    let sides: Vec<Side> = sides.collect::<Result<_, _>>()?;
    let alike = alike(&sides);
    let reason = |&(a, b): &(usize, usize)| {
        let (one, other) = (&sides[a], &sides[b]);
        let differ = (alike[a] != alike[b]).then(|| one.differs(other)).flatten();
        differ.or_else(|| one.undefined(other))
    };
    let reasons: Vec<Option<String>> = pairs.par_iter().map(reason).collect();
    // Pairs that cannot be compared raise no question that draws would answer.
    let comparable = || pairs.iter().zip(&reasons).filter(|(_, reason)| reason.is_none());
    let resamples = resamples(comparable().count());
    let compared: BTreeSet<usize> = comparable().flat_map(|(&(a, b), _)| [a, b]).collect();
    let drawn = drawn(&sides, &compared, resamples, watch)?;
    let outcome = |(&(a, b), reason): (&(usize, usize), Option<String>)| Pair {
        a: ids[a].to_owned(),
        b: ids[b].to_owned(),
        measure: (sides[a].measure != measure).then_some(sides[a].measure),
        outcome: match reason {
            Some(reason) => Outcome::NotComparable(reason),
            None => outcome([&sides[a], &sides[b]], [drawn.get(&a), drawn.get(&b)]),
        },
    };
    let mut pairs: Vec<Pair> = pairs.par_iter().zip(reasons).map(outcome).collect();
    correct(&mut pairs);
    let baseline = baseline.map(str::to_owned);
    Ok(Comparison { version: 1, measure, baseline, resamples, pairs })
}

/// Hears how many resamples are done, of how many, and says whether to go on.
type Watch<'a> = &'a mut dyn FnMut(usize, usize) -> ControlFlow<()>;

/// What a comparison needs of a variant, computed once for all its pairs.
struct Side<'a> {
    task: &'a Task,
    /// The compared figure.
    measure: Measure,
    rows: ScoredRows<'a>,
    clusters: usize,
    cluster: Cluster,
    pooled: Scores,
    /// `None` if there are too few speakers.
    resampler: Option<Resampler>,
}

impl<'a> Side<'a> {
    fn new(variant: &Candidate<'a>, measure: Measure) -> Result<Self, EvalError> {
        let Candidate { id, task, predictions } = *variant;
        let scored = Scored::new(id, task, predictions)?;
        let rows = ScoredRows::new(task, &scored);
        let measure = measure.or_of(task);
        Ok(match task {
            Task::Classes(classes) => {
                // Scores are sums over classes: always in the same order, so that equal predictions give
                // bit-identical scores.
                let mut ordered = classes.clone();
                ordered.sort_unstable();
                Self::of(task, rows, &confusions(task, &ordered, &scored), measure)
            }
            Task::Outputs(_) => Self::of(task, rows, &moments(task, &scored), measure),
        })
    }

    fn of<S: Statistic + Send + Sync + 'static>(
        task: &'a Task,
        rows: ScoredRows<'a>,
        sums: &Sums<'a, S>,
        measure: Measure,
    ) -> Self {
        Self {
            task,
            measure,
            rows,
            clusters: sums.speakers().len(),
            cluster: sums.cluster,
            pooled: over_seeds(&sums.pooled()),
            resampler: Resampler::new(sums),
        }
    }

    /// Describes how task or rows of two variants differ; `None` if they do not.
    fn differs(&self, other: &Self) -> Option<String> {
        tasks_differ(self.task, other.task).or_else(|| self.rows.differ(&other.rows, self.task))
    }

    /// Describes why the compared figure has no difference; `None` if it has one.
    fn undefined(&self, other: &Self) -> Option<String> {
        let undefined = self.pooled.minus(&other.pooled, self.measure).is_none();
        undefined.then(|| format!("no {}: agreement of numbers needs two rows", self.measure.name()))
    }
}

/// Returns for each variant the first one of the same task and rows, so that rows are compared once a variant, not once
/// a pair.
fn alike(sides: &[Side<'_>]) -> Vec<usize> {
    let mut firsts: Vec<usize> = Vec::new();
    let mut first_of = |side: usize| {
        let found = firsts.iter().copied().find(|first| sides[*first].differs(&sides[side]).is_none());
        found.unwrap_or_else(|| {
            firsts.push(side);
            side
        })
    };
    (0..sides.len()).map(&mut first_of).collect()
}

fn over_seeds(seeds: &[Figures]) -> Scores {
    Scores::mean(&seeds.iter().map(|figures| &figures.all))
}

/// Computes the compared figure of the variants `compared` in every draw of speakers. Variants with as many speakers are
/// drawn from together.
fn drawn(
    sides: &[Side<'_>],
    compared: &BTreeSet<usize>,
    resamples: usize,
    watch: Watch<'_>,
) -> Result<HashMap<usize, Vec<Option<f64>>>, EvalError> {
    let mut groups = BTreeMap::<usize, Vec<(usize, &Resampler)>>::new();
    for &side in compared {
        if let Some(resampler) = &sides[side].resampler {
            groups.entry(resampler.clusters()).or_default().push((side, resampler));
        }
    }
    let (mut done, total) = (0, groups.len() * resamples);
    let mut all = HashMap::new();
    for group in groups.values() {
        let variants: Vec<(&Resampler, Measure)> =
            group.iter().map(|&(side, resampler)| (resampler, sides[side].measure)).collect();
        let pick = |measure: &Measure, seeds: &[Figures]| over_seeds(seeds).get(*measure).copied();
        let drawn = resampled_together(&variants, resamples, pick, |more| {
            done += more;
            watch(done, total)
        });
        match drawn {
            ControlFlow::Continue(drawn) => all.extend(group.iter().map(|(side, _)| *side).zip(drawn)),
            ControlFlow::Break(()) => return Err(EvalError::Cancelled),
        }
    }
    Ok(all)
}

/// Compares two variants that can be compared, from the compared figure of each in every draw.
fn outcome([a, b]: [&Side<'_>; 2], drawn: [Option<&Vec<Option<f64>>>; 2]) -> Outcome {
    let mut notes = Vec::new();
    let bootstrap = drawn[0].zip(drawn[1]).and_then(|(a, b)| {
        let Difference { ci95, p } = difference(a, b)?;
        Some(Bootstrap { ci95, p, p_holm: p })
    });
    if bootstrap.is_none() {
        let clusters = format!("{} {}s", a.clusters, a.cluster.name());
        notes.push(format!("no interval: {clusters}, and under {MIN_CLUSTERS} say too little"));
    }
    Outcome::Compared(Compared {
        difference: a.pooled.minus(&b.pooled, a.measure).unwrap_or_default(),
        clusters: a.clusters,
        cluster: a.cluster,
        bootstrap,
        mcnemar: a.task.classes().and_then(|_| mcnemar(&a.rows, &b.rows, &mut notes)),
        notes,
    })
}

/// Describes the difference between two tasks; `None` if there is none. The order of classes is ignored.
pub(crate) fn tasks_differ(a: &Task, b: &Task) -> Option<String> {
    let set = |task: &Task| task.names().iter().cloned().collect::<BTreeSet<_>>();
    let list =
        |names: &mut dyn Iterator<Item = &String>| names.map(String::as_str).collect::<Vec<_>>().join(", ");
    match (a, b) {
        (Task::Classes(_), Task::Classes(_)) if set(a) == set(b) => None,
        (Task::Classes(_), Task::Classes(_)) => {
            let [a, b] = [a, b].map(|task| list(&mut set(task).iter()));
            Some(format!("different classes: {a} against {b}"))
        }
        (Task::Outputs(one), Task::Outputs(other)) if one == other => None,
        (Task::Outputs(one), Task::Outputs(other)) => {
            let [a, b] = [one, other].map(|names| list(&mut names.iter()));
            Some(format!("different outputs: {a} against {b}"))
        }
        (Task::Classes(_), Task::Outputs(_)) => Some("different tasks: classes against numbers".into()),
        (Task::Outputs(_), Task::Classes(_)) => Some("different tasks: numbers against classes".into()),
    }
}

/// Computes the p-values corrected for the number of pairs, each test separately.
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
