//! Sums of the points of every cluster, in f64 and in the order of the points.

use std::ops::Range;

/// Counts the points that each cluster is given.
///
/// # Panics
/// Panics if an id is of none of them.
pub fn count(ids: &[u16], counts: &mut [u64]) {
    ids.iter().for_each(|id| counts[usize::from(*id)] += 1);
}

/// Some of the columns of all points: what one thread adds. However columns are shared out, every sum is of the same
/// numbers in the same order.
pub struct Columns {
    range: Range<usize>,
    /// `[k, range]`
    sums: Vec<f64>,
    /// Of all points' values in each.
    squares: Vec<f64>,
}

impl Columns {
    /// Begins with nothing, for `k` clusters and the columns of `range`.
    #[must_use]
    pub fn new(range: Range<usize>, k: usize) -> Self {
        Self { sums: vec![0.0; k * range.len()], squares: vec![0.0; range.len()], range }
    }

    /// Adds the columns of points, `[points, width]`, to the clusters they are assigned to; and their squares, if asked.
    ///
    /// # Panics
    /// Panics if an id is of none of the clusters.
    pub fn add(&mut self, points: &[f32], width: usize, ids: &[u16], squaring: bool) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has it.
            return unsafe { self.add_avx512(points, width, ids, squaring) };
        } else if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has it.
            return unsafe { self.add_avx2(points, width, ids, squaring) };
        }
        self.add_any(points, width, ids, squaring);
    }

    /// Adds what the same columns of other points sum up to.
    ///
    /// # Panics
    /// Panics if they are other columns, or of another number of clusters.
    pub fn join(&mut self, others: &Self) {
        assert_eq!((&self.range, self.sums.len()), (&others.range, others.sums.len()), "the same columns");
        self.sums.iter_mut().zip(&others.sums).for_each(|(sum, other)| *sum += other);
        self.squares.iter_mut().zip(&others.squares).for_each(|(sum, other)| *sum += other);
    }

    /// Returns Σx over the points of a cluster in these columns.
    #[must_use]
    pub fn of_cluster(&self, id: usize) -> &[f64] {
        &self.sums[id * self.range.len()..][..self.range.len()]
    }

    /// Returns Σx² over all points in each of these columns.
    #[must_use]
    pub fn squares(&self) -> &[f64] {
        &self.squares
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn add_avx512(&mut self, points: &[f32], width: usize, ids: &[u16], squaring: bool) {
        self.add_any(points, width, ids, squaring);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn add_avx2(&mut self, points: &[f32], width: usize, ids: &[u16], squaring: bool) {
        self.add_any(points, width, ids, squaring);
    }

    /// Wider registers change no bit: every column is by itself.
    #[inline(always)]
    fn add_any(&mut self, points: &[f32], width: usize, ids: &[u16], squaring: bool) {
        let columns = self.range.len();
        for (point, id) in points.chunks_exact(width).zip(ids) {
            let values = &point[self.range.clone()];
            let sums = &mut self.sums[usize::from(*id) * columns..][..columns];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(*value));
            if squaring {
                let squares = self.squares.iter_mut().zip(values);
                squares.for_each(|(sum, value)| *sum += f64::from(*value) * f64::from(*value));
            }
        }
    }
}
