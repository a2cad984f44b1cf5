//! The discrete cosine transform, type II, orthonormal.

use std::f64::consts::PI;

use crate::error::{FeatureError, at_least};

/// The first `outputs` coefficients of columns of `inputs` values (`scipy.fft.dct(type=2, norm="ortho")` along the
/// first axis); created once.
///
/// Cosines of even order are symmetric about the column's middle and those of odd order antisymmetric, so the
/// sums and differences of mirrored rows halve the work.
pub struct Dct {
    inputs: usize,
    /// One row of ⌈inputs / 2⌉ cosines per coefficient.
    cosines: Vec<Vec<f32>>,
}

impl Dct {
    /// Prepares the first `outputs` coefficients of `inputs` values.
    ///
    /// # Errors
    /// Fails if a number is zero or there are more outputs than inputs.
    pub fn new(inputs: usize, outputs: usize) -> Result<Self, FeatureError> {
        at_least("n_mels", inputs, 1)?;
        at_least("n_mfcc", outputs, 1)?;
        if outputs > inputs {
            return Err(FeatureError::TooManyCoefficients { n_mfcc: outputs, n_mels: inputs });
        }
        let n = inputs as f64;
        let row = |k: usize| {
            let scale = if k == 0 { 1.0 / n } else { 2.0 / n }.sqrt();
            (0..inputs.div_ceil(2))
                .map(|m| (scale * (PI / n * (m as f64 + 0.5) * k as f64).cos()) as f32)
                .collect()
        };
        Ok(Self { inputs, cosines: (0..outputs).map(row).collect() })
    }

    /// Transforms `[inputs, columns]` to `[outputs, columns]`.
    ///
    /// # Panics
    /// Panics if `matrix` does not hold `inputs` rows of `columns` values.
    #[must_use]
    pub fn columns(&self, matrix: &[f32], columns: usize) -> Vec<f32> {
        assert_eq!(matrix.len(), self.inputs * columns, "the matrix must be [inputs, columns]");
        if columns == 0 {
            return Vec::new();
        }
        let (even, odd) = self.mirrored(matrix, columns);
        let mut output = vec![0.0; self.cosines.len() * columns];
        for (k, (cosines, out)) in self.cosines.iter().zip(output.chunks_exact_mut(columns)).enumerate() {
            let rows = if k % 2 == 0 { &even } else { &odd };
            weighted_sum(cosines, rows, out);
        }
        output
    }

    /// Returns row m plus, and minus, row `inputs` − 1 − m. A middle row is its own mirror image and counts once.
    fn mirrored(&self, matrix: &[f32], columns: usize) -> (Vec<f32>, Vec<f32>) {
        let middle = self.inputs / 2 * columns;
        let (upper, lower) = matrix.split_at(middle);
        let mirror = lower.rchunks_exact(columns);
        let mut even = Vec::with_capacity(matrix.len() / 2 + columns);
        let mut odd = Vec::with_capacity(matrix.len() / 2 + columns);
        for (row, mirror) in upper.chunks_exact(columns).zip(mirror) {
            even.extend(row.iter().zip(mirror).map(|(a, b)| a + b));
            odd.extend(row.iter().zip(mirror).map(|(a, b)| a - b));
        }
        if !self.inputs.is_multiple_of(2) {
            even.extend_from_slice(&lower[..columns]);
            odd.resize(even.len(), 0.0);
        }
        (even, odd)
    }
}

/// Adds Σ weightₘ · rowₘ to `out`, four rows at a time so that `out` is read and written a quarter as often.
fn weighted_sum(weights: &[f32], rows: &[f32], out: &mut [f32]) {
    let n = out.len();
    let (fours, rest) = weights.as_chunks::<4>();
    let (four_rows, rest_rows) = rows.split_at(fours.len() * 4 * n);
    for ([a, b, c, d], rows) in fours.iter().zip(four_rows.chunks_exact(4 * n)) {
        let (row_a, rows) = rows.split_at(n);
        let (row_b, rows) = rows.split_at(n);
        let (row_c, row_d) = rows.split_at(n);
        for i in 0..n {
            out[i] += (a * row_a[i] + b * row_b[i]) + (c * row_c[i] + d * row_d[i]);
        }
    }
    for (weight, row) in rest.iter().zip(rest_rows.chunks_exact(n)) {
        out.iter_mut().zip(row).for_each(|(out, value)| *out += weight * value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes a coefficient term by term from the definition.
    fn by_definition(column: &[f64], k: usize) -> f64 {
        let n = column.len() as f64;
        let scale = if k == 0 { (1.0 / n).sqrt() } else { (2.0 / n).sqrt() };
        let sum: f64 = column
            .iter()
            .enumerate()
            .map(|(m, x)| x * (PI * k as f64 * (2 * m + 1) as f64 / (2.0 * n)).cos())
            .sum();
        scale * sum
    }

    #[test]
    fn follows_the_definition_for_even_and_odd_lengths() {
        for (inputs, outputs, columns) in [(1, 1, 1), (8, 8, 3), (13, 5, 2), (128, 128, 5)] {
            let matrix: Vec<f32> =
                (0..inputs * columns).map(|i| ((i * 7919) % 101) as f32 / 50.0 - 1.0).collect();
            let output = Dct::new(inputs, outputs).unwrap().columns(&matrix, columns);
            for column in 0..columns {
                let values: Vec<f64> = (0..inputs).map(|m| f64::from(matrix[m * columns + column])).collect();
                for k in 0..outputs {
                    let difference = f64::from(output[k * columns + column]) - by_definition(&values, k);
                    assert!(difference.abs() < 2e-5, "{inputs} inputs, coefficient {k}: off by {difference}");
                }
            }
        }
    }
}
