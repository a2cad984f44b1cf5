//! Where centroids begin.

use std::collections::HashSet;
use std::iter;

use affekt_nearest::squared_distance;
use affekt_torch::Random;
use serde::{Deserialize, Serialize};

use super::points::{Points, read};
use super::threads::side_by_side;
use super::{KmeansConfig, KmeansError};

/// How the first centroids are chosen among the points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seeding {
    /// At random, each point at most once. (Points may be equal all the same: one of two equal centroids gets no points,
    /// and is filled as empty ones are.)
    #[serde(rename = "random")]
    Random,
    /// k-means++ (Arthur and Vassilvitskii, 2007): one after the other, with probabilities proportional to the squared
    /// distance to the nearest of those chosen before. Chosen among a random sample of 32 points a cluster, but at least
    /// 16 384, because a pass over millions of points for each of thousands of centroids would take longer than the
    /// clustering (scikit-learn's mini-batch k-means seeds on a sample too). The sample is held in memory.
    #[serde(rename = "k-means++")]
    PlusPlus,
}

/// How many points of the sample k-means++ has for each cluster, and how many it has at least.
const SAMPLE: (usize, usize) = (32, 1 << 14);

/// The first centroids, `[k, width]`.
pub fn centroids<P: Points>(
    points: &P,
    config: &KmeansConfig,
    threads: usize,
) -> Result<Vec<f32>, KmeansError<P::Error>> {
    let mut random = Random::new(config.seed, "k-means, first centroids");
    match config.seeding {
        Seeding::Random => some(points, config.clusters, &mut random),
        Seeding::PlusPlus => {
            let count = (SAMPLE.0 * config.clusters).max(SAMPLE.1).min(points.len());
            let sample = some(points, count, &mut random)?;
            Ok(plus_plus(&sample, points.width(), config.clusters, threads, &mut random))
        }
    }
}

/// So many points, drawn at random without putting them back.
fn some<P: Points>(points: &P, count: usize, random: &mut Random) -> Result<Vec<f32>, KmeansError<P::Error>> {
    let width = points.width();
    let mut rows = vec![0.0; count * width];
    let mut drawn = HashSet::with_capacity(count);
    for row in rows.chunks_exact_mut(width) {
        let fresh = iter::repeat_with(|| random.below(points.len())).find(|point| drawn.insert(*point));
        let point = fresh.expect("there are more points than are drawn");
        read(points, point..point + 1, row)?;
    }
    Ok(rows)
}

/// `k` of the sample's rows.
fn plus_plus(sample: &[f32], width: usize, k: usize, threads: usize, random: &mut Random) -> Vec<f32> {
    let rows = sample.len() / width;
    let share = rows.div_ceil(threads);
    let mut squares = vec![f32::INFINITY; rows];
    let mut chosen = random.below(rows);
    let mut centroids = Vec::with_capacity(k * width);
    loop {
        let centroid = &sample[chosen * width..][..width];
        centroids.extend_from_slice(centroid);
        if centroids.len() == k * width {
            return centroids;
        }
        side_by_side(sample.chunks(share * width).zip(squares.chunks_mut(share)), |(sample, squares)| {
            for (row, square) in sample.chunks_exact(width).zip(squares) {
                *square = square.min(squared_distance(row, centroid));
            }
        });
        chosen = draw(&squares, random);
    }
}

/// A place drawn with probabilities proportional to `weights`; where all are 0, any.
fn draw(weights: &[f32], random: &mut Random) -> usize {
    let sum: f64 = weights.iter().copied().map(f64::from).sum();
    let unit = (random.bits() >> 11) as f64 / (1_u64 << 53) as f64;
    let mut left = unit * sum;
    let found = weights.iter().position(|weight| {
        left -= f64::from(*weight);
        left < 0.0
    });
    found.unwrap_or_else(|| random.below(weights.len()))
}
