//! A few tiles of points, prepared for a screen, and what it leaves of their candidates.

use crate::panel::{Lanes, PANEL, ROWS, largest, panels, total};

/// Points of a block: a panel of centroids is read once for all its tiles.
pub(crate) const BLOCK: usize = 4 * ROWS;

/// Values between points, so that those of one column do not share a set of the first cache.
const GAP: usize = 16;

/// Room for one block, used again for the next one.
pub(crate) struct Block {
    pub(crate) width: usize,
    /// How many points there are.
    pub(crate) points: usize,
    /// From one point's values to the next one's.
    pub(crate) stride: usize,
    /// x − m, rounded: `[BLOCK, stride]`.
    pub(crate) centred: Vec<f32>,
    /// At least ‖x − m‖.
    pub(crate) norms: [f32; BLOCK],
    /// The largest magnitude in x − m.
    pub(crate) largest: [f32; BLOCK],
    /// The most that each score can be: `[BLOCK, centroids padded to PANEL]`.
    pub(crate) most: Vec<f32>,
    /// What the best score is at least.
    pub(crate) floor: [f32; BLOCK],
}

impl Block {
    /// Makes room for points of `width` values and so many centroids.
    pub(crate) fn new(width: usize, centroids: usize) -> Self {
        let stride = width.next_multiple_of(GAP) + GAP;
        Self {
            width,
            points: 0,
            stride,
            centred: vec![0.0; BLOCK * stride],
            norms: [0.0; BLOCK],
            largest: [0.0; BLOCK],
            most: vec![0.0; BLOCK * panels(centroids) * PANEL],
            floor: [0.0; BLOCK],
        }
    }

    /// Takes points, at most [`BLOCK`] of them, less `mean`; has those that follow come nearer meanwhile.
    #[inline(always)]
    pub(crate) fn take(&mut self, points: &[f32], following: &[f32], mean: &[f32]) {
        self.points = points.len() / self.width;
        let centred = self.centred.chunks_exact_mut(self.stride).zip(&mut self.norms).zip(&mut self.largest);
        let mut following = following.chunks_exact(self.width);
        for (point, ((centred, norm), most)) in points.chunks_exact(self.width).zip(centred) {
            if let Some(point) = following.next() {
                come_nearer(point);
            }
            // Magnitudes are ordered as their bits are, whose maximum is one instruction.
            let (mut sums, mut magnitudes) = ([0.0; PANEL], [0_u32; PANEL]);
            let (chunks, rest) = point.as_chunks::<PANEL>();
            let (means, rest_means) = mean.as_chunks::<PANEL>();
            let (centred, rest_centred) = centred[..self.width].as_chunks_mut::<PANEL>();
            for ((centred, chunk), mean) in centred.iter_mut().zip(chunks).zip(means) {
                for lane in 0..PANEL {
                    let value = chunk[lane] - mean[lane];
                    centred[lane] = value;
                    sums[lane] += value * value;
                    magnitudes[lane] = magnitudes[lane].max(value.abs().to_bits());
                }
            }
            for (lane, centred) in rest_centred.iter_mut().enumerate() {
                let value = rest[lane] - rest_means[lane];
                *centred = value;
                sums[lane] += value * value;
                magnitudes[lane] = magnitudes[lane].max(value.abs().to_bits());
            }
            *norm = norm_at_least(&sums, self.width);
            *most = largest(&magnitudes.map(f32::from_bits));
        }
    }

    /// Returns how many tiles hold its points.
    pub(crate) const fn tiles(&self) -> usize {
        self.points.div_ceil(ROWS)
    }
}

/// More than what rounding takes from a norm of so many f32 values, or from one of the values, relatively.
pub(crate) fn slack(width: usize) -> f32 {
    1.0 + (width as f32 + 64.0) * f32::EPSILON
}

/// Computes a number that is at least the norm of so many values, of sums of their squares.
#[inline(always)]
pub(crate) fn norm_at_least(squares: &Lanes, width: usize) -> f32 {
    /// More than what squares that underflow would have added.
    const UNDERFLOW: f32 = 1e-15;
    total(squares).sqrt() * slack(width) + UNDERFLOW
}

/// Has the processor fetch a point before it is asked for.
#[inline(always)]
fn come_nearer(point: &[f32]) {
    /// f32 in a cache line.
    const LINE: usize = 16;
    #[cfg(target_arch = "x86_64")]
    for line in point.chunks(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has it, and it changes nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}
