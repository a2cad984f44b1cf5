//! What an iteration gathers of the points of each cluster: how many they are, their sum, and how far they lie from their
//! centroid.
//!
//! Everything is added in f64, in the order of the points. Where they come in chunks from a GPU, a thread has some of the
//! columns and adds all the points' values in them, so that neither the number of threads nor the length of chunks changes a bit.

use affekt_nearest::{Columns, Moments, count};

use super::threads::side_by_side;

/// The sums as they grow.
pub struct Sums {
    width: usize,
    counts: Vec<u64>,
    columns: Vec<Columns>,
    /// Whether squares are added too.
    squaring: bool,
}

impl Sums {
    /// Of nothing so far, for `k` clusters of points of `width` values. The sum of all squares, Σ‖x‖², is the same in every
    /// iteration: it takes adding in one.
    pub fn new(width: usize, k: usize, threads: usize, squaring: bool) -> Self {
        let share = width.div_ceil(threads);
        let columns = (0..width).step_by(share).map(|first| Columns::new(first..width.min(first + share), k));
        Self { width, counts: vec![0; k], columns: columns.collect(), squaring }
    }

    /// Adds points, `[points, width]`, to the clusters they are assigned to.
    pub fn add(&mut self, rows: &[f32], ids: &[u16]) {
        self.count(ids);
        let (width, squaring) = (self.width, self.squaring);
        side_by_side(&mut self.columns, |columns| columns.add(rows, width, ids, squaring));
    }

    /// Counts points of the clusters they are assigned to.
    pub fn count(&mut self, ids: &[u16]) {
        count(ids, &mut self.counts);
    }

    /// Whether squares are added too.
    pub const fn squaring(&self) -> bool {
        self.squaring
    }

    /// Takes sums that were added up elsewhere, of all points and all columns, for its own.
    pub fn replace(&mut self, columns: Columns) {
        self.columns = vec![columns];
    }

    /// All of them.
    pub fn finish(self) -> Moments {
        Moments::of(&self.columns, self.counts, self.width)
    }
}
