//! What seeding computes of points.

/// Computes ‖a − b‖² in 16 interleaved sums.
#[must_use]
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0; LANES];
    let (a, last_a) = a.as_chunks::<LANES>();
    let (b, last_b) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += (a[lane] - b[lane]).powi(2);
        }
    }
    let rest: f32 = last_a.iter().zip(last_b).map(|(a, b)| (a - b).powi(2)).sum();
    sums.iter().sum::<f32>() + rest
}
