//! What k-means needs of the points of every cluster: how many they are and their sum.

use crate::Columns;

/// The sums over all points.
pub struct Moments {
    /// How many points each cluster has.
    pub counts: Vec<u64>,
    /// Σ‖x‖², if it was added up.
    pub square_sum: f64,
    width: usize,
    /// `[k, width]`
    sums: Vec<f64>,
}

impl Moments {
    /// Joins all columns of points of `width` values, in their order.
    #[must_use]
    pub fn of(columns: &[Columns], counts: Vec<u64>, width: usize) -> Self {
        let mut sums = Vec::with_capacity(counts.len() * width);
        for id in 0..counts.len() {
            columns.iter().for_each(|columns| sums.extend_from_slice(columns.of_cluster(id)));
        }
        let square_sum = columns.iter().flat_map(Columns::squares).sum();
        Self { counts, square_sum, width, sums }
    }

    /// Computes Σ‖x − c‖² over all points, `c` being what they are assigned to: Σ‖x‖² − 2 Σ c·Σx + Σ n ‖c‖², the last two
    /// sums over clusters. In f64 that leaves a dozen digits where points lie about as far from each other as from 0.
    #[must_use]
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
