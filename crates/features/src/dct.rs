//! The discrete cosine transform, type II, orthonormal.

use std::f64::consts::PI;

#[cfg(target_arch = "x86_64")]
use affekt_simd::Level;

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
        #[cfg(target_arch = "x86_64")]
        match Level::highest() {
            // SAFETY: the processor has it.
            Level::Avx512 | Level::Vnni => return unsafe { self.columns_avx512(matrix, columns) },
            // SAFETY: as above.
            Level::Avx2 => return unsafe { self.columns_avx2(matrix, columns) },
            Level::Portable => {}
        }
        self.columns_any(matrix, columns)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn columns_avx512(&self, matrix: &[f32], columns: usize) -> Vec<f32> {
        self.columns_any(matrix, columns)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn columns_avx2(&self, matrix: &[f32], columns: usize) -> Vec<f32> {
        self.columns_any(matrix, columns)
    }

    /// Every column is by itself: nothing is rounded otherwise in wider registers.
    #[inline(always)]
    fn columns_any(&self, matrix: &[f32], columns: usize) -> Vec<f32> {
        let padded = columns.next_multiple_of(LANES);
        let (even, odd) = self.mirrored(matrix, columns, padded);
        let mut output = vec![0.0; self.cosines.len() * columns];
        let mut sums = vec![0.0; padded];
        for (k, (cosines, out)) in self.cosines.iter().zip(output.chunks_exact_mut(columns)).enumerate() {
            sums.fill(0.0);
            weighted_sum(cosines, if k % 2 == 0 { &even } else { &odd }, &mut sums);
            out.copy_from_slice(&sums[..columns]);
        }
        output
    }

    /// Returns row m plus, and minus, row `inputs` − 1 − m, each of `padded` columns. A middle row is its own mirror image and
    /// counts once.
    #[inline(always)]
    fn mirrored(&self, matrix: &[f32], columns: usize, padded: usize) -> (Vec<f32>, Vec<f32>) {
        let rows = self.inputs.div_ceil(2);
        let (mut even, mut odd) = (vec![0.0; rows * padded], vec![0.0; rows * padded]);
        let targets = even.chunks_exact_mut(padded).zip(odd.chunks_exact_mut(padded));
        let mirrors = matrix.chunks_exact(columns).zip(matrix.rchunks_exact(columns));
        for (number, ((even, odd), (row, mirror))) in targets.zip(mirrors).enumerate() {
            if 2 * number + 1 == self.inputs {
                even[..columns].copy_from_slice(row);
                continue;
            }
            for (column, (a, b)) in row.iter().zip(mirror).enumerate() {
                even[column] = a + b;
                odd[column] = a - b;
            }
        }
        (even, odd)
    }
}

/// Columns of a register, or a few.
const LANES: usize = 16;

/// Adds Σ weightₘ · rowₘ to `out`, four rows at a time so that `out` is read and written a quarter as often.
#[inline(always)]
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
