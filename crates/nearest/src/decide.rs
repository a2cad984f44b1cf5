//! The nearest among the candidates that a screen leaves.

use crate::block::Block;
use crate::centroids::Centroids;
use crate::panel::PANEL;

/// The best of the candidates so far.
struct Best {
    id: usize,
    /// Computed where a second candidate asks for it.
    score: Option<f64>,
}

/// Finds the nearest centroid of every point of a block, `points` before they were prepared. Returns how many candidates
/// there were.
#[inline(always)]
pub(crate) fn decide(centroids: &Centroids, points: &[f32], block: &Block, ids: &mut [u16]) -> usize {
    let padded = block.most.len() / block.floor.len();
    let most = block.most.chunks_exact(padded);
    let points = points.chunks_exact(block.width);
    let mut candidates = 0;
    for (((point, most), floor), id) in points.zip(most).zip(&block.floor).zip(ids) {
        let mut best: Option<Best> = None;
        for (number, most) in most.as_chunks::<PANEL>().0.iter().enumerate() {
            // Without a way out of the loop, it is done many at a time.
            let mut there = 0_u32;
            for (lane, most) in most.iter().enumerate() {
                there |= u32::from(most >= floor) << lane;
            }
            while there != 0 {
                let candidate = number * PANEL + there.trailing_zeros() as usize;
                there &= there - 1;
                candidates += 1;
                let Some(before) = &mut best else {
                    best = Some(Best { id: candidate, score: None });
                    continue;
                };
                let least = match before.score {
                    Some(score) => score,
                    None => centroids.score(point, before.id),
                };
                let score = centroids.score(point, candidate);
                // Of equals the one before: it has the lower id.
                *before = if score > least {
                    Best { id: candidate, score: Some(score) }
                } else {
                    Best { id: before.id, score: Some(least) }
                };
            }
        }
        *id = best.map_or(0, |best| best.id) as u16;
    }
    candidates
}

impl Centroids<'_> {
    /// The score, x·c − ‖c‖²/2, in f64: products of two f32 are exact, and they are added in a fixed order, so that it is the
    /// same on every processor.
    #[inline(always)]
    fn score(&self, point: &[f32], id: usize) -> f64 {
        const LANES: usize = 32;
        let centroid = &self.values[id * self.width..][..self.width];
        let (points, last_points) = point.as_chunks::<LANES>();
        let (centroids, last_centroids) = centroid.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for (point, centroid) in points.iter().zip(centroids) {
            for lane in 0..LANES {
                sums[lane] += f64::from(point[lane]) * f64::from(centroid[lane]);
            }
        }
        for (lane, (value, centroid)) in last_points.iter().zip(last_centroids).enumerate() {
            sums[lane] += f64::from(*value) * f64::from(*centroid);
        }
        // By halves: one after the other, each would wait for the one before.
        let mut left = LANES;
        while left > 1 {
            left /= 2;
            for lane in 0..left {
                sums[lane] += sums[lane + left];
            }
        }
        sums[0] - self.half_squares[id]
    }
}
