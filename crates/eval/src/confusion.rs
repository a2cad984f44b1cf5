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
    fn add(&mut self, other: &Self, times: u32) {
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum += count * times;
        }
    }

    fn clear(&mut self) {
        self.counts.fill(0);
    }

    fn rows(&self) -> u32 {
        self.counts.iter().sum()
    }

    fn figures(&self) -> Figures {
        Figures { all: of_classes(&self.tally()), outputs: Vec::new() }
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

        let mut doubled = confusion.clone();
        doubled.clear();
        assert_eq!(doubled.rows(), 0);
        doubled.add(&confusion, 2);
        assert_eq!(doubled.lines().collect::<Vec<_>>(), [[2, 2, 0], [0, 2, 0], [0, 4, 0]]);
    }
}
