//! k-means over more points than memory holds: Lloyd's algorithm ("Least squares quantization in PCM", 1982), a pass over
//! the points an iteration.
//!
//! A pass reads [`Points`] a chunk at a time, finds the nearest centroid of every point, and adds the point to the sum of
//! that centroid's, in f64 and in the order of the points. So sums, centroids and objective depend neither on how the points
//! are stored, nor on how they are cut into chunks, nor on the number of threads, nor, on the CPU, on the processor
//! ([`affekt_nearest`]). On a GPU the distances are a matrix product of libtorch's, and a point may change sides that is as
//! near to two centroids as f32 can tell.

mod error;
mod nearest;
mod points;
mod refill;
mod seeding;
mod sums;
mod threads;

use std::ops::ControlFlow;

use affekt_torch::device;
use serde::{Deserialize, Serialize};
use tch::Device;

pub use error::KmeansError;
pub use points::{InMemory, Points};
pub use seeding::Seeding;

use nearest::{Centroids, Pace};
use sums::Sums;

/// The most clusters that there can be: their ids are 16 bits wide.
const MAX_CLUSTERS: usize = 1 << 16;

/// How to cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KmeansConfig {
    /// How many clusters, `k`.
    pub clusters: usize,
    /// How often points are assigned and centroids moved. There is no stopping before.
    pub iterations: usize,
    /// Where centroids begin.
    pub seeding: Seeding,
    /// What random draws start from.
    pub seed: u64,
}

impl Default for KmeansConfig {
    fn default() -> Self {
        Self { clusters: 64, iterations: 20, seeding: Seeding::Random, seed: 0 }
    }
}

/// Centroids after some iterations, and how they came about: the result, and all that the next iteration depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    /// The values of a point.
    pub width: usize,
    /// `[k, width]`, row by row.
    pub centroids: Vec<f32>,
    /// How many points each cluster had in the last iteration; 0 where it was empty and was filled again after it.
    pub counts: Vec<u64>,
    /// For each iteration, the sum over all points of the squared distance to the centroid that the point was assigned to,
    /// before the iteration moved it (as faiss counts).
    pub objective: Vec<f64>,
    /// How often an empty cluster was filled again, in all iterations together.
    pub refilled: u64,
}

/// Clusters `points`. `from` is what an earlier call handed to `progress`, to go on from there as if nothing had been in
/// between. `progress` hears of every iteration and may break off.
///
/// A cluster that nothing is assigned to gets a part of the largest one, as in faiss: its centroid is put beside that
/// one's, a 256th of the root mean square distance off in every dimension, up or down at random, and the two are taken for
/// half as large when the next empty one comes to choose.
///
/// Takes the memory of the points' ids and of sums: `k × width` f64 for every thread, and twice that.
///
/// # Errors
/// When there are fewer points than clusters, a point's value is no number that can be computed with, points cannot be
/// read, settings make no clustering, `from` is of another one, `progress` breaks off, or libtorch refuses.
pub fn kmeans<P: Points>(
    points: &P,
    config: &KmeansConfig,
    device: Device,
    from: Option<Clustering>,
    progress: &mut dyn FnMut(&Clustering) -> ControlFlow<()>,
) -> Result<Clustering, KmeansError<P::Error>> {
    check(points, config)?;
    let pace = Pace::new(config.clusters, points.width(), device, device::threads());
    cluster(points, config, device, pace, from, progress)
}

/// Hands the nearest of `centroids`, `[k, width]`, for each of `points` to `sink`: runs of ids, in the points' order. Of
/// centroids equally near it is the one of the lowest id. `sink` may break off.
///
/// # Errors
/// When a point's value is no number that can be computed with, points cannot be read, the centroids are none of such
/// points, `sink` breaks off, or libtorch refuses.
pub fn assign<P: Points>(
    points: &P,
    centroids: &[f32],
    device: Device,
    sink: &mut dyn FnMut(&[u16]) -> ControlFlow<()>,
) -> Result<(), KmeansError<P::Error>> {
    let width = points.width();
    let k = centroids.len().checked_div(width).unwrap_or(0);
    if !(1..=MAX_CLUSTERS).contains(&k) || k * width != centroids.len() {
        let (what, values) = ("the matrix of centroids", centroids.len());
        return Err(KmeansError::Centroids { what, values, width });
    }
    let pace = Pace::new(k, width, device, device::threads());
    Centroids::new(centroids, width, device)?.pass(points, pace, None, sink)
}

fn cluster<P: Points>(
    points: &P,
    config: &KmeansConfig,
    device: Device,
    pace: Pace,
    from: Option<Clustering>,
    progress: &mut dyn FnMut(&Clustering) -> ControlFlow<()>,
) -> Result<Clustering, KmeansError<P::Error>> {
    let (width, k) = (points.width(), config.clusters);
    let mut now = match from {
        Some(from) => begun(from, width, k)?,
        None => Clustering {
            width,
            centroids: seeding::centroids(points, config, pace.threads)?,
            counts: vec![0; k],
            objective: vec![],
            refilled: 0,
        },
    };
    let mut square_sum = None;
    while now.objective.len() < config.iterations {
        let mut sums = Sums::new(width, k, pace.threads, square_sum.is_none());
        let centroids = Centroids::new(&now.centroids, width, device)?;
        centroids.pass(points, pace, Some(&mut sums), &mut |_| ControlFlow::Continue(()))?;
        let moments = sums.finish();
        let square_sum = *square_sum.get_or_insert(moments.square_sum);
        now.objective.push(moments.objective(&now.centroids, square_sum));
        moments.move_centroids(&mut now.centroids);
        now.counts = moments.counts;
        refill::refill(&mut now, config.seed);
        if progress(&now).is_break() {
            return Err(KmeansError::Cancelled);
        }
    }
    Ok(now)
}

fn check<P: Points>(points: &P, config: &KmeansConfig) -> Result<(), KmeansError<P::Error>> {
    let wrong = |name, value: usize, expected| Err(KmeansError::Config { name, value, expected });
    if !(1..=MAX_CLUSTERS).contains(&config.clusters) {
        return wrong("clusters", config.clusters, "1 to 65536");
    }
    if config.iterations == 0 {
        return wrong("iterations", 0, "1 or more");
    }
    if points.width() == 0 {
        return wrong("the width of points", 0, "1 or more");
    }
    if points.len() < config.clusters {
        return Err(KmeansError::TooFewPoints { points: points.len(), clusters: config.clusters });
    }
    Ok(())
}

/// A clustering to go on from, if it is one of so many clusters of such points.
fn begun<E>(from: Clustering, width: usize, clusters: usize) -> Result<Clustering, KmeansError<E>> {
    if from.width == width && from.centroids.len() == clusters * width && from.counts.len() == clusters {
        return Ok(from);
    }
    let (what, values) = ("the clustering to go on from", from.centroids.len());
    Err(KmeansError::Centroids { what, values, width })
}

#[cfg(test)]
mod tests {
    use affekt_torch::Random;

    use super::*;

    /// The points are no round numbers: what rounding does to their products must not matter.
    #[test]
    fn neither_chunks_nor_threads_change_a_bit() {
        let mut random = Random::new(1, "points");
        let rows: Vec<f32> = (0..3_000 * 21).map(|_| random.normal()).collect();
        let points = InMemory::new(&rows, 21);
        let clustered = |chunk, threads, seeding| {
            let config = KmeansConfig { clusters: 33, iterations: 4, seeding, seed: 2 };
            let pace = Pace { chunk, threads };
            cluster(&points, &config, Device::Cpu, pace, None, &mut |_| ControlFlow::Continue(())).unwrap()
        };
        for seeding in [Seeding::Random, Seeding::PlusPlus] {
            let expected = clustered(3_000, 1, seeding);
            for (chunk, threads) in [(61, 3), (256, 2), (2_999, 5), (1 << 20, 40)] {
                assert_eq!(
                    clustered(chunk, threads, seeding),
                    expected,
                    "chunks of {chunk}, {threads} threads"
                );
            }
        }
    }
}
