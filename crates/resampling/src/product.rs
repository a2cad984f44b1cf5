//! The product of draws and columns.

use rayon::prelude::*;

use crate::columns::{Columns, WIDTH};
use crate::draws::{GROUP, Times};

/// Clusters of a block: those of a panel (48 kB) stay in the first cache while every group of draws passes over them.
const BLOCK: usize = 512;

/// The sums of a group of draws over a panel, `[GROUP, WIDTH]`.
type Tile = [[f64; WIDTH]; GROUP];

/// Multiplies `[draws, clusters]` by `[clusters, columns]`.
pub(crate) fn product(times: &Times, columns: &Columns) -> Vec<f64> {
    let panels: Vec<&[[f64; WIDTH]]> = columns.panels().collect();
    let tiles: Vec<Vec<Tile>> = panels.par_iter().map(|panel| tiles(times, panel)).collect();
    let width = columns.columns();
    let mut sums = vec![0.0; times.draws() * width];
    for (draw, row) in sums.chunks_exact_mut(width.max(1)).enumerate() {
        for (part, tiles) in row.chunks_mut(WIDTH).zip(&tiles) {
            part.copy_from_slice(&tiles[draw / GROUP][draw % GROUP][..part.len()]);
        }
    }
    sums
}

/// Sums a panel for every group of draws.
fn tiles(times: &Times, panel: &[[f64; WIDTH]]) -> Vec<Tile> {
    let mut tiles: Vec<Tile> = times.groups().map(|_| [[0.0; WIDTH]; GROUP]).collect();
    for (block, rows) in panel.chunks(BLOCK).enumerate() {
        for (tile, group) in tiles.iter_mut().zip(times.groups()) {
            add(tile, &group[block * BLOCK..][..rows.len()], rows);
        }
    }
    tiles
}

/// Adds the rows to each draw's sums, in order, with the widest registers of this machine.
fn add(tile: &mut Tile, times: &[[f64; GROUP]], rows: &[[f64; WIDTH]]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx") {
        // SAFETY: the machine has AVX.
        return unsafe { add_with_avx(tile, times, rows) };
    }
    add_rows(tile, times, rows);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
fn add_with_avx(tile: &mut Tile, times: &[[f64; GROUP]], rows: &[[f64; WIDTH]]) {
    add_rows(tile, times, rows);
}

/// Rust contracts no multiplication and addition into one: wider registers change no bit.
#[inline(always)]
fn add_rows(tile: &mut Tile, times: &[[f64; GROUP]], rows: &[[f64; WIDTH]]) {
    let mut sums = *tile;
    for (times, row) in times.iter().zip(rows) {
        for draw in 0..GROUP {
            for column in 0..WIDTH {
                sums[draw][column] += times[draw] * row[column];
            }
        }
    }
    *tile = sums;
}
