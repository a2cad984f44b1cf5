//! Which class was taken for which: the counts that every metric is computed from.

/// A confusion matrix: rows are true classes, columns predicted ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confusion {
    classes: usize,
    counts: Vec<u32>,
}

/// The margins of a confusion matrix and its diagonal, one entry a class: all that the scores need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Rightly recognised.
    pub hits: Vec<u32>,
    /// Truly of the class.
    pub truth: Vec<u32>,
    /// Taken for the class.
    pub predicted: Vec<u32>,
}

impl Confusion {
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    pub fn add(&mut self, truth: usize, predicted: usize) {
        self.counts[truth * self.classes + predicted] += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    pub fn rows(&self) -> impl Iterator<Item = &[u32]> {
        self.counts.chunks_exact(self.classes)
    }

    pub fn total(&self) -> u32 {
        self.counts.iter().sum()
    }

    pub fn tally(&self) -> Tally {
        let mut tally = Tally::new(self.classes);
        for (truth, row) in self.rows().enumerate() {
            tally.hits[truth] = row[truth];
            tally.truth[truth] = row.iter().sum();
            for (sum, count) in tally.predicted.iter_mut().zip(row) {
                *sum += count;
            }
        }
        tally
    }
}

impl Tally {
    pub fn new(classes: usize) -> Self {
        Self { hits: vec![0; classes], truth: vec![0; classes], predicted: vec![0; classes] }
    }

    /// Adds `other` `times` times.
    pub fn add(&mut self, other: &Self, times: u32) {
        let pairs = [
            (&mut self.hits, &other.hits),
            (&mut self.truth, &other.truth),
            (&mut self.predicted, &other.predicted),
        ];
        for (mine, theirs) in pairs {
            for (sum, count) in mine.iter_mut().zip(theirs) {
                *sum += count * times;
            }
        }
    }

    pub fn clear(&mut self) {
        for counts in [&mut self.hits, &mut self.truth, &mut self.predicted] {
            counts.fill(0);
        }
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
            confusion.add(truth, predicted);
        }
        assert_eq!(confusion.rows().collect::<Vec<_>>(), [[1, 1, 0], [0, 1, 0], [0, 2, 0]]);
        assert_eq!(confusion.total(), 5);

        let tally = confusion.tally();
        assert_eq!(tally, Tally { hits: vec![1, 1, 0], truth: vec![2, 1, 2], predicted: vec![1, 4, 0] });

        let mut doubled = Tally::new(3);
        doubled.add(&tally, 2);
        let mut merged = confusion.clone();
        merged.merge(&confusion);
        assert_eq!(doubled, merged.tally());
    }
}
