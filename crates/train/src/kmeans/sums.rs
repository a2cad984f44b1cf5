//! What an iteration gathers of the points of each cluster: how many they are, their sum, and how far they lie from their
//! centroid.
//!
//! Everything is added in f64, in the order of the points. A thread has some of the columns and adds all the points'
//! values in them, so that neither the number of threads nor the length of chunks changes a bit.

use std::mem;

use affekt_nearest::{Columns, Moments};

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
        ids.iter().for_each(|id| self.counts[usize::from(*id)] += 1);
    }

    /// Lends the columns, for threads that add to some of them each, and whether squares are added too.
    pub fn lend_columns(&mut self) -> (Vec<Columns>, bool) {
        (mem::take(&mut self.columns), self.squaring)
    }

    /// Takes columns back, in their order.
    pub fn take_back(&mut self, columns: impl IntoIterator<Item = Columns>) {
        self.columns.extend(columns);
    }

    /// All of them.
    pub fn finish(self) -> Moments {
        Moments::of(&self.columns, self.counts, self.width)
    }
}
