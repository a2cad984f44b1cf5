//! Confusion matrices, from which the figures of classes are computed.

use crate::scores::of_classes;
use crate::statistic::{Figures, Statistic};

/// A confusion matrix: rows are true classes, columns predicted ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confusion {
    classes: usize,
    counts: Vec<u32>,
}

/// The margins of a confusion matrix and its diagonal, one entry per class: all that the scores need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    /// True positives.
    pub hits: Vec<u32>,
    /// Number of rows of the true class.
    pub truth: Vec<u32>,
    /// Number of rows predicted as the class.
    pub predicted: Vec<u32>,
}

impl Confusion {
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    pub fn add_row(&mut self, truth: usize, predicted: usize) {
        self.counts[truth * self.classes + predicted] += 1;
    }

    /// Iterates over the rows, one per true class.
    pub fn lines(&self) -> impl Iterator<Item = &[u32]> {
        self.counts.chunks_exact(self.classes)
    }

    pub fn tally(&self) -> Tally {
        let mut tally = Tally::new(self.classes);
        for (truth, row) in self.lines().enumerate() {
            tally.hits[truth] = row[truth];
            tally.truth[truth] = row.iter().sum();
            for (sum, count) in tally.predicted.iter_mut().zip(row) {
                *sum += count;
            }
        }
        tally
    }
}

impl Statistic for Confusion {
    fn add(&mut self, other: &Self) {
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum += count;
        }
    }

    fn rows(&self) -> u32 {
        self.counts.iter().sum()
    }

    fn figures(&self) -> Figures {
        Figures { all: of_classes(&self.tally()), outputs: Vec::new() }
    }

    fn columns(&self) -> usize {
        3 * self.classes
    }

    /// Writes the tally: `[hits, truth, predicted]`. Counts below 2⁵³ are exact.
    fn write(&self, _: &Self, row: &mut Vec<f64>) {
        let Tally { hits, truth, predicted } = self.tally();
        row.extend([hits, truth, predicted].iter().flatten().map(|count| f64::from(*count)));
    }

    fn drawn(&self, sums: &[f64]) -> Option<Figures> {
        let counts = |place: usize| {
            sums[place * self.classes..][..self.classes].iter().map(|sum| *sum as u32).collect::<Vec<_>>()
        };
        let tally = Tally { hits: counts(0), truth: counts(1), predicted: counts(2) };
        (tally.total() > 0).then(|| Figures { all: of_classes(&tally), outputs: Vec::new() })
    }
}

impl Tally {
    pub fn new(classes: usize) -> Self {
        Self { hits: vec![0; classes], truth: vec![0; classes], predicted: vec![0; classes] }
    }

    pub fn total(&self) -> u32 {
        self.truth.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins() {
        let mut confusion = Confusion::new(3);
        for (truth, predicted) in [(0, 0), (0, 1), (1, 1), (2, 1), (2, 1)] {
            confusion.add_row(truth, predicted);
        }
        assert_eq!(confusion.lines().collect::<Vec<_>>(), [[1, 1, 0], [0, 1, 0], [0, 2, 0]]);
        assert_eq!(confusion.rows(), 5);

        let tally = confusion.tally();
        assert_eq!(tally, Tally { hits: vec![1, 1, 0], truth: vec![2, 1, 2], predicted: vec![1, 4, 0] });

        let mut joined = confusion.clone();
        joined.add(&confusion);
        assert_eq!(joined.lines().collect::<Vec<_>>(), [[2, 2, 0], [0, 2, 0], [0, 4, 0]]);
    }

    #[test]
    fn a_draw_has_the_figures_of_its_rows() {
        let of = |rows: &[(usize, usize)]| {
            let mut confusion = Confusion::new(3);
            rows.iter().for_each(|(truth, predicted)| confusion.add_row(*truth, *predicted));
            confusion
        };
        let (one, other) = (of(&[(0, 0), (0, 1)]), of(&[(1, 1), (2, 1), (2, 2)]));
        let mut total = one.clone();
        total.add(&other);
        // The first not at all, the second twice.
        let mut row = Vec::new();
        other.write(&total, &mut row);
        row.iter_mut().for_each(|sum| *sum *= 2.0);
        let mut twice = other.clone();
        twice.add(&other);
        assert_eq!(total.drawn(&row).unwrap().all, twice.figures().all);
        assert!(total.drawn(&[0.0; 9]).is_none());
    }
}
