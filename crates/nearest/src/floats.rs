//! The screen in f32: scores as accurate as f32 makes them.

use crate::block::{BLOCK, Block, slack};
use crate::mean::Mean;
use crate::panel::{Lanes, Line, PANEL, ROWS, larger, largest, panels};
use affekt_simd::{Level, Portable, Register};

/// Centroids less their mean, in panels.
pub(crate) struct Floats {
    panels: Vec<Panel>,
}

struct Panel {
    /// `[width, PANEL]`
    values: Vec<Line<f32>>,
    /// ‖c − m‖²/2, and infinity where there is no centroid.
    half_squares: Lanes,
    /// The error of a score is at most the point's norm times this …
    error_per_norm: Lanes,
    /// … and this.
    error: Lanes,
}

impl Floats {
    pub(crate) fn new(values: &[f32], mean: &Mean, half_squares: &[f64]) -> Self {
        let width = mean.values.len();
        // f32's products, sums in any order, and x − m and c − m rounded: all together less than this, relatively.
        let relative = (width as f32 + 16.0) * f32::EPSILON;
        let mut made: Vec<Panel> = (0..panels(half_squares.len())).map(|_| Panel::empty(width)).collect();
        for (id, (centroid, half_square)) in values.chunks_exact(width).zip(half_squares).enumerate() {
            let (panel, lane) = (&mut made[id / PANEL], id % PANEL);
            for ((values, value), mean) in panel.values.iter_mut().zip(centroid).zip(&mean.values) {
                values.0[lane] = value - mean;
            }
            panel.half_squares[lane] = *half_square as f32;
            let norm = (2.0 * half_square).sqrt() as f32 * slack(width);
            let (decided_per_norm, decided) = mean.error_of_scores(norm);
            panel.error_per_norm[lane] = (relative * norm + decided_per_norm) * slack(width);
            panel.error[lane] = (8.0 * f32::EPSILON * *half_square as f32 + decided) * slack(width);
        }
        Self { panels: made }
    }

    /// Computes the most that each score of a block's points can be, and what the best one is at least.
    pub(crate) fn screen(&self, block: &mut Block, level: Level) {
        match level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: levels are those that the processor has.
            Level::Avx512 | Level::Vnni => unsafe { self.screen_avx512(block) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx2 => unsafe { self.screen_avx2(block) },
            _ => self.screen_with::<Portable, 2>(block),
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx2,fma")]
    fn screen_avx512(&self, block: &mut Block) {
        self.screen_with::<std::arch::x86_64::__m512, ROWS>(block);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn screen_avx2(&self, block: &mut Block) {
        self.screen_with::<std::arch::x86_64::__m256, { ROWS / 2 }>(block);
    }

    /// With registers of one kind, `R` points at a time.
    #[inline(always)]
    fn screen_with<V: Register, const R: usize>(&self, block: &mut Block) {
        let mut floors = [[f32::NEG_INFINITY; PANEL]; BLOCK];
        let mut sums = [[0.0; PANEL]; ROWS];
        let padded = self.panels.len() * PANEL;
        for (number, panel) in self.panels.iter().enumerate() {
            for tile in 0..block.tiles() {
                let first = tile * ROWS;
                let points = &block.centred[first * block.stride..(first + ROWS) * block.stride];
                products::<V, R>(points, block.stride, &panel.values, &mut sums);
                for (row, sums) in sums.iter().enumerate() {
                    let norm = block.norms[first + row];
                    let most = &mut block.most[(first + row) * padded + number * PANEL..][..PANEL];
                    let floor = &mut floors[first + row];
                    for lane in 0..PANEL {
                        let score = sums[lane] - panel.half_squares[lane];
                        let error = norm * panel.error_per_norm[lane] + panel.error[lane];
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
            values: vec![Line([0.0; PANEL]); width],
            half_squares: [f32::INFINITY; PANEL],
            error_per_norm: [0.0; PANEL],
            error: [0.0; PANEL],
        }
    }
}

/// Multiplies a tile of points with a panel: `[ROWS, PANEL]`. `R` points and two registers of centroids at a time.
#[inline(always)]
fn products<V: Register, const R: usize>(
    points: &[f32],
    stride: usize,
    panel: &[Line<f32>],
    sums: &mut [Lanes; ROWS],
) {
    const COLUMNS: usize = 2;
    let values = panel.as_ptr().cast::<f32>();
    let width = panel.len();
    for first in (0..ROWS).step_by(R) {
        let rows: [&[f32]; R] = std::array::from_fn(|row| &points[(first + row) * stride..][..width]);
        for column in (0..PANEL).step_by(COLUMNS * V::LANES) {
            let mut tile = [[V::zero(); COLUMNS]; R];
            for at in 0..width {
                // SAFETY: `panel` has PANEL numbers for each of `width`, and every row has `width`.
                unsafe {
                    let centroids: [V; COLUMNS] =
                        std::array::from_fn(|c| V::load(values.add(at * PANEL + column + c * V::LANES)));
                    for row in 0..R {
                        let value = V::splat(*rows[row].get_unchecked(at));
                        for c in 0..COLUMNS {
                            tile[row][c] = value.mul_add(centroids[c], tile[row][c]);
                        }
                    }
                }
            }
            for (row, tile) in tile.iter().enumerate() {
                for (c, register) in tile.iter().enumerate() {
                    register.store(&mut sums[first + row][column + c * V::LANES..]);
                }
            }
        }
    }
}
