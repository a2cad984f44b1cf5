//! Random numbers that are reproducible on every machine.

use affekt_domain::SplitMix64;

use crate::draws::uniform;

/// A stream of random numbers.
pub(super) struct Random(SplitMix64);

impl Random {
    /// Creates the stream identified by `parts`.
    pub(super) fn new(parts: &[u64]) -> Self {
        let mut random = SplitMix64(0);
        for part in parts {
            random.0 ^= *part;
            random.0 = random.bits();
        }
        Self(random)
    }

    /// Returns a uniform number in `[0, 1)`.
    pub(super) fn uniform(&mut self) -> f64 {
        uniform(&mut self.0)
    }

    /// Returns a uniform number in `[low, high)`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Returns an approximately normal number of mean 0 and standard deviation 1, within ±3.5: a sum of four uniforms.
    pub(super) fn normal(&mut self) -> f64 {
        ((0..4).map(|_| self.uniform()).sum::<f64>() - 2.0) * 3.0_f64.sqrt()
    }

    /// Returns one of `choices`.
    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[(self.uniform() * choices.len() as f64) as usize]
    }
}
