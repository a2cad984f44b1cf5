//! What an iteration gathers of the points of each cluster: how many they are, their sum, and how far they lie from their
//! centroid.
//!
//! Everything is added in f64, in the order of the points. A thread has some of the columns and adds all the points'
//! values in them, so that neither the number of threads nor the length of chunks changes a bit.

use std::ops::Range;

use super::threads::side_by_side;

/// The sums as they grow.
pub struct Sums {
    width: usize,
    counts: Vec<u64>,
    columns: Vec<Columns>,
    /// Whether squares are added too.
    squaring: bool,
}

/// One thread's columns.
struct Columns {
    range: Range<usize>,
    /// `[k, range]`
    sums: Vec<f64>,
    /// Of all points' values in each.
    squares: Vec<f64>,
}

/// The sums over all points.
pub struct Moments {
    /// How many points each cluster has.
    pub counts: Vec<u64>,
    width: usize,
    /// `[k, width]`
    sums: Vec<f64>,
    /// Σ‖x‖², if it was added up.
    pub square_sum: f64,
}

impl Sums {
    /// Of nothing so far, for `k` clusters of points of `width` values. The sum of all squares, Σ‖x‖², is the same in every
    /// iteration: it takes adding in one.
    pub fn new(width: usize, k: usize, threads: usize, squaring: bool) -> Self {
        let share = width.div_ceil(threads);
        let columns = (0..width).step_by(share).map(|first| {
            let range = first..width.min(first + share);
            Columns { sums: vec![0.0; k * range.len()], squares: vec![0.0; range.len()], range }
        });
        Self { width, counts: vec![0; k], columns: columns.collect(), squaring }
    }

    /// Adds points, `[points, width]`, to the clusters they are assigned to.
    pub fn add(&mut self, rows: &[f32], ids: &[u16]) {
        ids.iter().for_each(|id| self.counts[usize::from(*id)] += 1);
        let (width, squaring) = (self.width, self.squaring);
        side_by_side(&mut self.columns, |columns| {
            for (row, id) in rows.chunks_exact(width).zip(ids) {
                columns.add(&row[columns.range.clone()], usize::from(*id), squaring);
            }
        });
    }

    /// All of them.
    pub fn finish(self) -> Moments {
        let columns = &self.columns;
        let of_cluster = |id: usize| {
            columns
                .iter()
                .flat_map(move |columns| columns.sums.chunks_exact(columns.range.len()).nth(id))
                .flatten()
        };
        Moments {
            width: self.width,
            sums: (0..self.counts.len()).flat_map(of_cluster).copied().collect(),
            square_sum: columns.iter().flat_map(|columns| &columns.squares).sum(),
            counts: self.counts,
        }
    }
}

impl Moments {
    /// Σ‖x − c‖² over all points, `c` being what they are assigned to: Σ‖x‖² − 2 Σ c·Σx + Σ n ‖c‖², the last two sums over
    /// clusters. In f64 that leaves a dozen digits where points lie about as far from each other as from 0.
    pub fn objective(&self, centroids: &[f32], square_sum: f64) -> f64 {
        let clusters = centroids.chunks_exact(self.width).zip(self.sums.chunks_exact(self.width));
        let of_cluster = |((centroid, sum), count): ((&[f32], &[f64]), &u64)| -> f64 {
            let count = *count as f64;
            let column = |(c, sum): (&f32, &f64)| f64::from(*c) * (count * f64::from(*c) - 2.0 * sum);
            centroid.iter().zip(sum).map(column).sum()
        };
        (square_sum + clusters.zip(&self.counts).map(of_cluster).sum::<f64>()).max(0.0)
    }

    /// Moves every centroid to the mean of its points, if there are any.
    pub fn move_centroids(&self, centroids: &mut [f32]) {
        let clusters = centroids.chunks_exact_mut(self.width).zip(self.sums.chunks_exact(self.width));
        for ((centroid, sum), count) in clusters.zip(&self.counts).filter(|(_, count)| **count > 0) {
            let mean = |sum: &f64| (sum / *count as f64) as f32;
            centroid.iter_mut().zip(sum).for_each(|(value, sum)| *value = mean(sum));
        }
    }
}

impl Columns {
    fn add(&mut self, values: &[f32], id: usize, squaring: bool) {
        let sums = &mut self.sums[id * values.len()..][..values.len()];
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(*value));
        if squaring {
            self.squares.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(*value).powi(2));
        }
    }
}
