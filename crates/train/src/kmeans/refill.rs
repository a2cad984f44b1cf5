//! What becomes of empty clusters: each gets a part of the largest one.

use affekt_torch::Random;

use super::Clustering;

/// How far from the largest cluster's centroid an empty one's is put, in root mean square distances a dimension: enough to
/// differ in f32, so little that about half the points go over.
const STEP: f64 = 1.0 / 256.0;

/// Fills the clusters that an iteration left empty, and counts them. What it draws depends on `seed` and the iteration.
pub fn refill(now: &mut Clustering, seed: u64) {
    let (width, iteration) = (now.width, now.objective.len());
    let points: u64 = now.counts.iter().sum();
    let square = now.objective.last().copied().unwrap_or(0.0) / (points * width as u64) as f64;
    let step = (STEP * square.sqrt()) as f32;
    let mut random = Random::new(seed, &format!("k-means, empty clusters of iteration {iteration}"));
    let mut sizes = now.counts.clone();
    for empty in (0..sizes.len()).filter(|id| now.counts[*id] == 0) {
        let largest = (0..sizes.len()).rev().max_by_key(|id| sizes[*id]).unwrap_or(empty);
        now.centroids.copy_within(largest * width..(largest + 1) * width, empty * width);
        for value in &mut now.centroids[empty * width..][..width] {
            *value += if random.bits() >> 63 == 0 { step } else { -step };
        }
        sizes[empty] = sizes[largest] / 2;
        sizes[largest] -= sizes[empty];
        now.refilled += 1;
    }
}
