//! The screen in 8 bits: four products for one of f32's, where the processor has VNNI.
//!
//! A point, less the mean, is a step times whole numbers from −127 to 127, and a rest: x = sq + e; a centroid likewise,
//! c = tr + f. Then x·c = st q·r + sq·f + e·c: the first is exact but for the steps' rounding, and the others are at most
//! ‖sq‖‖f‖ + ‖e‖‖c‖.

use crate::block::{BLOCK, Block, norm_at_least, slack};
use crate::mean::Mean;
use crate::panel::{Lanes, Line, PANEL, ROWS, larger, largest, panels};

/// Values that are multiplied and added by one instruction.
const GROUP: usize = 4;

/// Bytes between points.
const GAP: usize = 64;

/// Centroids less their mean in 8 bits, in panels.
pub(crate) struct Bytes {
    panels: Vec<Panel>,
    width: usize,
}

struct Panel {
    /// `[width / GROUP rounded up, PANEL, GROUP]`
    values: Vec<Line<[i8; GROUP]>>,
    /// 128 times the sum of a centroid's values: what makes points' bytes unsigned adds this to their products.
    offsets: [i32; PANEL],
    /// A step of each.
    steps: Lanes,
    /// ‖c − m‖²/2, and infinity where there is no centroid.
    half_squares: Lanes,
    /// The error of a score is at most the point's norm times this, …
    error_per_norm: Lanes,
    /// … the norm of its rest times this …
    error_per_rest: Lanes,
    /// … and this.
    error: Lanes,
}

/// Points in 8 bits.
pub(crate) struct Points {
    stride: usize,
    /// Plus 128: `[BLOCK, stride]`.
    values: Vec<u8>,
    steps: [f32; BLOCK],
    /// At least ‖sq‖.
    norms: [f32; BLOCK],
    /// At least ‖e‖.
    rests: [f32; BLOCK],
}

impl Bytes {
    pub(crate) fn new(values: &[f32], mean: &Mean, half_squares: &[f64]) -> Self {
        let width = mean.values.len();
        let slack = slack(width);
        let mut made: Vec<Panel> = (0..panels(half_squares.len())).map(|_| Panel::empty(width)).collect();
        for (id, (centroid, half_square)) in values.chunks_exact(width).zip(half_squares).enumerate() {
            let (panel, lane) = (&mut made[id / PANEL], id % PANEL);
            let centred = || {
                centroid.iter().zip(&mean.values).map(|(value, mean)| f64::from(*value) - f64::from(*mean))
            };
            let step = (centred().fold(0.0, |most, value| f64::max(most, value.abs())) / 127.0) as f32;
            let (mut sum, mut rest) = (0, 0.0);
            for (at, value) in centred().enumerate() {
                let byte =
                    if step > 0.0 { (value / f64::from(step)).round().clamp(-127.0, 127.0) } else { 0.0 };
                panel.values[at / GROUP].0[lane][at % GROUP] = byte as i8;
                sum += byte as i32;
                rest += (value - byte * f64::from(step)).powi(2);
            }
            let norm = (2.0 * half_square).sqrt() as f32 * slack;
            panel.offsets[lane] = 128 * sum;
            panel.steps[lane] = step;
            panel.half_squares[lane] = *half_square as f32;
            let (decided_per_norm, decided) = mean.error_of_scores(norm);
            let per_norm = rest.sqrt() as f32 + 16.0 * f32::EPSILON * norm + decided_per_norm;
            panel.error_per_norm[lane] = per_norm * slack;
            panel.error_per_rest[lane] = norm * slack;
            panel.error[lane] = (16.0 * f32::EPSILON * *half_square as f32 + decided) * slack;
        }
        Self { panels: made, width }
    }

    /// Makes room for a block's points.
    pub(crate) fn room(&self) -> Points {
        let stride = self.width.next_multiple_of(GAP) + GAP;
        Points {
            stride,
            values: vec![128; BLOCK * stride],
            steps: [0.0; BLOCK],
            norms: [0.0; BLOCK],
            rests: [0.0; BLOCK],
        }
    }

    /// Returns whether so many candidates of some points are few enough: each costs about width / 4 cycles, and the screen
    /// saves about width / 40 of them a centroid.
    pub(crate) fn pays(&self, candidates: usize, points: usize) -> bool {
        candidates < points * (2 + self.panels.len() * PANEL / 10)
    }

    /// Computes the most that each score of a block's points can be, and what the best one is at least.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2,fma")]
    pub(crate) fn screen(&self, block: &mut Block, points: &mut Points) {
        points.take(block);
        let mut floors = [[f32::NEG_INFINITY; PANEL]; BLOCK];
        let mut sums = [[0; PANEL]; ROWS];
        let padded = self.panels.len() * PANEL;
        for (number, panel) in self.panels.iter().enumerate() {
            for tile in 0..block.tiles() {
                let first = tile * ROWS;
                let values = &points.values[first * points.stride..(first + ROWS) * points.stride];
                products(values, points.stride, &panel.values, &mut sums);
                for (row, sums) in sums.iter().enumerate() {
                    let (step, norm) = (points.steps[first + row], points.norms[first + row]);
                    let rest = points.rests[first + row];
                    let most = &mut block.most[(first + row) * padded + number * PANEL..][..PANEL];
                    let floor = &mut floors[first + row];
                    for lane in 0..PANEL {
                        let product = (sums[lane] - panel.offsets[lane]) as f32;
                        let score = product * (step * panel.steps[lane]) - panel.half_squares[lane];
                        let error = norm * panel.error_per_norm[lane]
                            + rest * panel.error_per_rest[lane]
                            + panel.error[lane];
                        most[lane] = score + error;
                        floor[lane] = larger(score - error, floor[lane]);
                    }
                }
            }
        }
        for (floor, floors) in block.floor.iter_mut().zip(&floors) {
            *floor = largest(floors);
        }
    }
}

impl Panel {
    fn empty(width: usize) -> Self {
        Self {
            values: vec![Line([[0; GROUP]; PANEL]); width.div_ceil(GROUP)],
            offsets: [0; PANEL],
            steps: [0.0; PANEL],
            half_squares: [f32::INFINITY; PANEL],
            error_per_norm: [0.0; PANEL],
            error_per_rest: [0.0; PANEL],
            error: [0.0; PANEL],
        }
    }
}

impl Points {
    /// Rounds a block's points.
    #[inline(always)]
    fn take(&mut self, block: &Block) {
        /// Added to a number below 2²², it leaves the nearest whole number in the lowest bits.
        const ROUNDING: f32 = 12_582_912.0;
        let centred = block.centred.chunks_exact(block.stride).take(block.points);
        for (row, (point, values)) in centred.zip(self.values.chunks_exact_mut(self.stride)).enumerate() {
            let (norm, most) = (block.norms[row], block.largest[row]);
            let step = most / 127.0;
            // Where that is no number, everything is rest.
            let per_step = if most > 1e-30 { 127.0 / most } else { 0.0 };
            let mut squares = [0.0; PANEL];
            let (chunks, last) = point[..block.width].as_chunks::<PANEL>();
            let (bytes, last_bytes) = values[..block.width].as_chunks_mut::<PANEL>();
            let round = |value: f32, byte: &mut u8, square: &mut f32| {
                let rounded = value * per_step + ROUNDING;
                *byte = (rounded.to_bits() as u8) ^ 0x80;
                let rest = value - (rounded - ROUNDING) * step;
                *square += rest * rest;
            };
            for (chunk, bytes) in chunks.iter().zip(bytes) {
                for lane in 0..PANEL {
                    round(chunk[lane], &mut bytes[lane], &mut squares[lane]);
                }
            }
            for (lane, (value, byte)) in last.iter().zip(last_bytes).enumerate() {
                round(*value, byte, &mut squares[lane]);
            }
            self.steps[row] = step;
            self.rests[row] = norm_at_least(&squares, block.width) + 4.0 * f32::EPSILON * norm;
            self.norms[row] = norm + self.rests[row];
        }
    }
}

/// Multiplies a tile of points with a panel: `[ROWS, PANEL]`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2,fma")]
#[inline]
fn products(points: &[u8], stride: usize, panel: &[Line<[i8; GROUP]>], sums: &mut [[i32; PANEL]; ROWS]) {
    use std::arch::x86_64::{
        _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
    };
    const HALF: usize = PANEL / 2;
    let rows: [&[u8]; ROWS] = std::array::from_fn(|row| &points[row * stride..][..panel.len() * GROUP]);
    let mut tile = [[_mm512_setzero_si512(); 2]; ROWS];
    for (at, centroids) in panel.iter().enumerate() {
        // SAFETY: a panel has 128 bytes for every group, and every row has all groups.
        unsafe {
            let first = _mm512_loadu_si512(centroids.0.as_ptr().cast());
            let second = _mm512_loadu_si512(centroids.0.as_ptr().add(HALF).cast());
            for row in 0..ROWS {
                let values = rows[row].as_ptr().add(at * GROUP).cast::<i32>().read_unaligned();
                let values = _mm512_set1_epi32(values);
                tile[row][0] = _mm512_dpbusd_epi32(tile[row][0], values, first);
                tile[row][1] = _mm512_dpbusd_epi32(tile[row][1], values, second);
            }
        }
    }
    for (sums, tile) in sums.iter_mut().zip(&tile) {
        // SAFETY: there is room for two registers.
        unsafe {
            _mm512_storeu_si512(sums.as_mut_ptr().cast(), tile[0]);
            _mm512_storeu_si512(sums.as_mut_ptr().add(HALF).cast(), tile[1]);
        }
    }
}
