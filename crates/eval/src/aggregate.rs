//! From the scores of cells to one figure with its spreads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bootstrap::intervals;
use crate::count::Counts;
use crate::metrics::CellMetrics;
use crate::scores::{Measure, Scores};

/// One measure over all cells of a variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The mean over cells.
    pub mean: f64,
    /// Sample standard deviation (n − 1) over seeds of the mean over folds; `None` for one seed.
    pub std_seeds: Option<f64>,
    /// Sample standard deviation (n − 1) over folds of the mean over seeds; `None` for one fold.
    pub std_folds: Option<f64>,
    /// The measure on the predictions of all folds together, averaged over seeds.
    pub pooled: f64,
    /// The 95 % percentile bootstrap interval of `pooled`, resampling speakers; `None` under
    /// [`MIN_CLUSTERS`](crate::MIN_CLUSTERS) speakers.
    pub ci95: Option<[f64; 2]>,
    /// How many speakers the predictions come from.
    pub clusters: usize,
}

/// Every measure over all cells of a variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// Unweighted average recall.
    pub uar: Summary,
    /// Accuracy.
    pub wa: Summary,
    /// Macro-F1.
    pub macro_f1: Summary,
}

impl Aggregate {
    /// The summary of `measure`.
    #[must_use]
    pub const fn get(&self, measure: Measure) -> &Summary {
        match measure {
            Measure::Uar => &self.uar,
            Measure::Wa => &self.wa,
            Measure::MacroF1 => &self.macro_f1,
        }
    }
}

/// Sums up the scores of the cells, which are those of the predictions in `counts`.
pub(crate) fn aggregate(cells: &[CellMetrics], counts: &Counts) -> Aggregate {
    let pooled = pooled(counts);
    let clusters = counts.speakers().len();
    let intervals = intervals(counts);
    let summary = |measure: Measure| {
        let values = || cells.iter().map(|cell| (cell.fold, cell.seed, cell.scores.get(measure)));
        Summary {
            mean: mean(values().map(|(_, _, value)| value)),
            std_seeds: spread(values().map(|(_, seed, value)| (seed, value))),
            std_folds: spread(values().map(|(fold, _, value)| (fold, value))),
            pooled: pooled.get(measure),
            ci95: intervals.as_ref().map(|[low, high]| [low.get(measure), high.get(measure)]),
            clusters,
        }
    };
    Aggregate { uar: summary(Measure::Uar), wa: summary(Measure::Wa), macro_f1: summary(Measure::MacroF1) }
}

/// The scores on the predictions of all folds together, mean over seeds.
pub(crate) fn pooled(counts: &Counts) -> Scores {
    let seeds: Vec<Scores> = counts.pooled().values().map(|m| Scores::of(&m.tally())).collect();
    Scores::mean(&seeds)
}

/// The sample standard deviation over the names of the means of their values, where there are two names or more.
fn spread<N: Ord>(values: impl Iterator<Item = (N, f64)>) -> Option<f64> {
    let mut named = BTreeMap::<N, Vec<f64>>::new();
    for (name, value) in values {
        named.entry(name).or_default().push(value);
    }
    let means: Vec<f64> = named.into_values().map(|values| mean(values.into_iter())).collect();
    let centre = mean(means.iter().copied());
    let squares: f64 = means.iter().map(|value| (value - centre).powi(2)).sum();
    (means.len() > 1).then(|| (squares / (means.len() - 1) as f64).sqrt())
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    sum / n
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
