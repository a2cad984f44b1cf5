//! Two-dimensional histograms of true and predicted numbers, in place of scatter plots of many rows.

use affekt_domain::{Prediction, Target};
use serde::{Deserialize, Serialize};

/// Number of bins per axis.
pub const BINS: usize = 24;

/// Counts of predictions in bins, analogous to a confusion matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Density {
    /// The start of both axes: the least true value.
    pub low: f64,
    /// The end of both axes: the greatest true value.
    pub high: f64,
    /// Counts; rows are bins of the truth from low to high, columns bins of the prediction. Predictions beyond an end
    /// count in the bin at that end.
    pub counts: Vec<Vec<u32>>,
}

/// Computes the histogram of the output at `place`.
pub(crate) fn density(rows: &[&Prediction], place: usize) -> Density {
    let pairs = || {
        rows.iter().filter_map(|row| {
            let truth = row.truth.as_ref().and_then(Target::values)?.get(place)?;
            Some((f64::from(*truth), f64::from(*row.outputs.get(place)?)))
        })
    };
    let (low, high) = pairs().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (truth, _)| {
        (low.min(truth), high.max(truth))
    });
    // Axes of no length hold nothing.
    let (low, high) = if low < high { (low, high) } else { (low - 0.5, high + 0.5) };
    let bin = |value: f64| {
        let place = (value - low) / (high - low) * BINS as f64;
        place.clamp(0.0, (BINS - 1) as f64) as usize
    };
    let mut counts = vec![vec![0; BINS]; BINS];
    for (truth, said) in pairs() {
        counts[bin(truth)][bin(said)] += 1;
    }
    Density { low, high, counts }
}

#[cfg(test)]
mod tests {
    use affekt_domain::Role;

    use super::*;

    fn row(truth: f32, said: f32) -> Prediction {
        Prediction {
            variant: "v".into(),
            utterance: "C/1/1".into(),
            corpus: "C".into(),
            speaker: "C/1".into(),
            session: None,
            sex: None,
            style: None,
            fold: 1,
            seed: 1,
            role: Role::Test,
            truth: Some(Target::Values(vec![truth])),
            outputs: vec![said],
        }
    }

    fn counted(rows: &[Prediction]) -> (f64, f64, Vec<(usize, usize, u32)>) {
        let found = density(&rows.iter().collect::<Vec<_>>(), 0);
        let cells = found.counts.iter().enumerate().flat_map(|(truth, line)| {
            line.iter().enumerate().filter(|(_, n)| **n > 0).map(move |(said, n)| (truth, said, *n))
        });
        (found.low, found.high, cells.collect())
    }

    #[test]
    fn rows_fall_into_bins_and_beyond_the_ends_into_the_last() {
        let last = BINS - 1;
        let rows = [row(0.0, -3.0), row(0.0, 0.0), row(2.0, 2.0), row(1.0, 9.0)];
        let expected = vec![(0, 0, 2), (BINS / 2, last, 1), (last, last, 1)];
        assert_eq!(counted(&rows), (0.0, 2.0, expected));
        assert_eq!(counted(&[row(3.0, 3.0)]), (2.5, 3.5, vec![(BINS / 2, BINS / 2, 1)]));
    }
}
