//! Aggregation of the figures of cells, with their spreads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bootstrap::{RESAMPLES, Resampler, interval_of, resampled};
use crate::measure::{Measure, PerMeasure, mean};
use crate::scored::Cluster;
use crate::statistic::{Figures, Statistic};
use crate::sums::Sums;

/// The summary of one measure over all cells of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The mean over cells.
    pub mean: f64,
    /// Sample standard deviation (n − 1) over seeds of the mean over folds; `None` for one seed.
    pub std_seeds: Option<f64>,
    /// Sample standard deviation (n − 1) over folds of the mean over seeds; `None` for one fold.
    pub std_folds: Option<f64>,
    /// The measure on the joint predictions of all folds, averaged over seeds.
    pub pooled: f64,
    /// The 95 % percentile bootstrap interval of `pooled` over speakers; `None` for fewer than
    /// [`MIN_CLUSTERS`](crate::MIN_CLUSTERS).
    pub ci95: Option<[f64; 2]>,
    /// The number of speakers; utterances by unknown speakers count as one each.
    pub clusters: usize,
    /// The unit of resampling.
    #[serde(default, skip_serializing_if = "Cluster::is_speaker")]
    pub cluster: Cluster,
}

/// The summary of every measure over all cells of a variant.
pub type Aggregate = PerMeasure<Summary>;

/// Aggregates figures of all classes or outputs together, or of one output.
pub(crate) struct Aggregator {
    /// Fold, seed and figures of every cell.
    cells: Vec<(u32, u64, Figures)>,
    /// The figures of every seed over all folds.
    pooled: Vec<Figures>,
    resampled: Option<Vec<Vec<Figures>>>,
    clusters: usize,
    cluster: Cluster,
}

impl Aggregator {
    pub fn new<S: Statistic + Send + Sync + 'static>(sums: &Sums<'_, S>) -> Self {
        let cells = sums.cells();
        Self {
            cells: cells.iter().map(|(&(fold, seed), sum)| (fold, seed, sum.figures())).collect(),
            pooled: sums.pooled(),
            resampled: Resampler::new(sums).map(|resampler| resampled(&resampler, RESAMPLES)),
            clusters: sums.speakers().len(),
            cluster: sums.cluster,
        }
    }

    /// Summarises every measure of all classes or outputs together.
    pub fn all(&self) -> Aggregate {
        Aggregate::new(|measure| self.summary(|figures| figures.all.get(measure).copied()))
    }

    /// Summarises every measure of the output at `place`.
    pub fn output(&self, place: usize) -> Aggregate {
        let of = |figures: &Figures, measure: Measure| figures.outputs.get(place)?.get(measure).copied();
        Aggregate::new(|measure| self.summary(|figures| of(figures, measure)))
    }

    /// Summarises one figure over the cells that have it; `None` if none has.
    fn summary(&self, pick: impl Fn(&Figures) -> Option<f64>) -> Option<Summary> {
        let of_cell = |(fold, seed, figures): &(u32, u64, Figures)| Some((*fold, *seed, pick(figures)?));
        let values = || self.cells.iter().filter_map(of_cell);
        Some(Summary {
            mean: mean(values().map(|(_, _, value)| value))?,
            std_seeds: spread(values().map(|(_, seed, value)| (seed, value))),
            std_folds: spread(values().map(|(fold, _, value)| (fold, value))),
            pooled: mean(self.pooled.iter().filter_map(&pick))?,
            ci95: self.resampled.as_ref().and_then(|resampled| interval_of(resampled, &pick)),
            clusters: self.clusters,
            cluster: self.cluster,
        })
    }
}

/// Computes the sample standard deviation over names of the means of their values, if there are at least two names.
fn spread<N: Ord>(values: impl Iterator<Item = (N, f64)>) -> Option<f64> {
    let mut named = BTreeMap::<N, Vec<f64>>::new();
    for (name, value) in values {
        named.entry(name).or_default().push(value);
    }
    let means: Vec<f64> = named.into_values().filter_map(|values| mean(values.into_iter())).collect();
    let centre = mean(means.iter().copied())?;
    let squares: f64 = means.iter().map(|value| (value - centre).powi(2)).sum();
    (means.len() > 1).then(|| (squares / (means.len() - 1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_by_hand() {
        // Means 2 and 5: deviations 1.5 each, 4.5 over one degree of freedom.
        let values = [("a", 1.0), ("b", 4.0), ("a", 3.0), ("b", 6.0)];
        assert_eq!(spread(values.into_iter()), Some(4.5_f64.sqrt()));
        assert_eq!(spread([("a", 1.0), ("a", 3.0)].into_iter()), None);
    }
}
