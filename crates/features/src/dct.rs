//! The discrete cosine transform, type II, orthonormal.

use std::f64::consts::PI;

use affekt_simd::{Level, MOST_LANES, Portable, Register};

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
        match Level::highest() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has them.
            Level::Avx512 | Level::Vnni => unsafe { self.columns_avx512(matrix, columns) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx2 => unsafe { self.columns_avx2(matrix, columns) },
            _ => self.columns_with::<Portable>(matrix, columns),
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx2,fma")]
    fn columns_avx512(&self, matrix: &[f32], columns: usize) -> Vec<f32> {
        self.columns_with::<std::arch::x86_64::__m512>(matrix, columns)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn columns_avx2(&self, matrix: &[f32], columns: usize) -> Vec<f32> {
        self.columns_with::<std::arch::x86_64::__m256>(matrix, columns)
    }

    /// A few coefficients at a time, of even or of odd order, for a few registers of columns: their sums stay in registers.
    #[inline(always)]
    fn columns_with<V: Register>(&self, matrix: &[f32], columns: usize) -> Vec<f32> {
        const ORDERS: usize = 4;
        const REGISTERS: usize = 2;
        let padded = columns.next_multiple_of(REGISTERS * V::LANES);
        let (even, odd) = self.mirrored(matrix, columns, padded);
        let mut output = vec![0.0; self.cosines.len() * columns];
        for (parity, rows) in [even, odd].iter().enumerate() {
            for first in (parity..self.cosines.len()).step_by(2 * ORDERS) {
                // Behind the last, the first once more.
                let order = |i: usize| if first + 2 * i < self.cosines.len() { first + 2 * i } else { first };
                let cosines: [&[f32]; ORDERS] = std::array::from_fn(|i| &self.cosines[order(i)][..]);
                for column in (0..padded).step_by(REGISTERS * V::LANES) {
                    let mut sums = [[V::zero(); REGISTERS]; ORDERS];
                    for (m, row) in rows.chunks_exact(padded).enumerate() {
                        let row = &row[column..][..REGISTERS * V::LANES];
                        // SAFETY: so many numbers are there.
                        let values: [V; REGISTERS] =
                            std::array::from_fn(|r| unsafe { V::load(row.as_ptr().add(r * V::LANES)) });
                        for i in 0..ORDERS {
                            let weight = V::splat(cosines[i][m]);
                            for r in 0..REGISTERS {
                                sums[i][r] = weight.mul_add(values[r], sums[i][r]);
                            }
                        }
                    }
                    let count = (REGISTERS * V::LANES).min(columns.saturating_sub(column));
                    for i in 0..ORDERS {
                        let mut values = [0.0; REGISTERS * MOST_LANES];
                        for r in 0..REGISTERS {
                            sums[i][r].store(&mut values[r * V::LANES..]);
                        }
                        output[order(i) * columns + column..][..count].copy_from_slice(&values[..count]);
                    }
                }
            }
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
