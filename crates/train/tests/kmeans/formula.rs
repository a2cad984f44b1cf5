//! Points around random centres by formula, as tests/goldens/kmeans/points.py has them.

use affekt_domain::SplitMix64;

const BLOCK: usize = 10_000;

/// So many numbers, uniform in -1..1.
fn noise(name: &str, count: usize) -> Vec<f32> {
    let start = name.bytes().fold(0_u64, |start, byte| start.wrapping_mul(31).wrapping_add(byte.into()));
    let mut random = SplitMix64(start << 32);
    (0..count).map(|_| (random.bits() >> 40) as f32 / (1_u32 << 23) as f32 - 1.0).collect()
}

/// Row by row, `[count, width]`: each around one of so many centres, and as far from it as centres are from 0.
pub fn points(count: usize, width: usize, centres: usize) -> Vec<f32> {
    let around = noise("centres", centres * width);
    let mut rows = Vec::with_capacity(count * width);
    for first in (0..count).step_by(BLOCK) {
        let block = noise(&format!("points {first}"), BLOCK.min(count - first) * width);
        for (number, row) in (first..).zip(block.chunks_exact(width)) {
            let centre = &around[number * 7919 % centres * width..][..width];
            rows.extend(row.iter().zip(centre).map(|(value, centre)| value + centre));
        }
    }
    rows
}

/// Centroids to begin with: every so many rows one.
pub fn start(rows: &[f32], width: usize, k: usize) -> Vec<f32> {
    let every = rows.len() / width / k;
    rows.chunks_exact(width).step_by(every).take(k).flatten().copied().collect()
}
