//! Centroids side by side, as the kernels read them.

/// Centroids of a panel.
pub(crate) const PANEL: usize = 32;

/// Points of a tile: with a panel, their sums fill the registers of AVX-512.
pub(crate) const ROWS: usize = 12;

/// One number for every centroid of a panel.
pub(crate) type Lanes = [f32; PANEL];

/// The same where registers are loaded from it: at a cache line, so that no load crosses two.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line<T>(pub(crate) [T; PANEL]);

/// Returns how many panels hold so many centroids.
pub(crate) const fn panels(centroids: usize) -> usize {
    centroids.div_ceil(PANEL)
}

#[inline(always)]
pub(crate) fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The largest of a few numbers, by halves: one after the other, each would wait for the one before.
#[inline(always)]
pub(crate) fn largest(lanes: &Lanes) -> f32 {
    halved(lanes, larger)
}

/// The sum of a few numbers, by halves.
#[inline(always)]
pub(crate) fn total(lanes: &Lanes) -> f32 {
    halved(lanes, |a, b| a + b)
}

#[inline(always)]
fn halved(lanes: &Lanes, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = *lanes;
    let mut left = PANEL;
    while left > 1 {
        left /= 2;
        for lane in 0..left {
            lanes[lane] = join(lanes[lane], lanes[lane + left]);
        }
    }
    lanes[0]
}
