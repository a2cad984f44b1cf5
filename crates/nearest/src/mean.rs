//! The mean of all centroids: screens compute with what is left of points and centroids without it.

use crate::block::slack;

pub(crate) struct Mean {
    /// m, rounded.
    pub(crate) values: Vec<f32>,
    /// At least ‖m‖.
    pub(crate) norm: f32,
}

impl Mean {
    /// The mean of `[k, width]`.
    pub(crate) fn of(centroids: &[f32], width: usize) -> Self {
        let mut sums = vec![0.0; width];
        for centroid in centroids.chunks_exact(width) {
            sums.iter_mut().zip(centroid).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let count = (centroids.len() / width) as f64;
        let values: Vec<f32> = sums.iter().map(|sum| (sum / count) as f32).collect();
        let square: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
        Self { values, norm: square.sqrt() as f32 * slack(width) }
    }

    /// Returns how far a score in f64 of a centroid of which at most `norm` is left can be from the true one: the norm of what
    /// is left of the point times the first, plus the second. Scores are of points and centroids as they are, so that a mean
    /// far from 0 counts.
    pub(crate) fn error_of_scores(&self, norm: f32) -> (f32, f32) {
        let relative = (self.values.len() as f64 + 16.0) * f64::EPSILON;
        let per_norm = relative as f32 * (norm + self.norm);
        (per_norm, (self.norm + norm) * per_norm)
    }
}
