//! Random numbers that are the same on every device and machine.

use affekt_domain::SplitMix64;

/// A stream whose start is a seed and the name of what is drawn. So what one name gets does not depend on what else is
/// drawn.
#[derive(Debug, Clone)]
pub struct Random(SplitMix64);

impl Random {
    /// The stream called `name` of `seed`.
    #[must_use]
    pub fn new(seed: u64, name: &str) -> Self {
        // FNV-1a spreads the name over 64 bits; the mixing keeps neighbouring seeds apart.
        let name = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        Self(SplitMix64(SplitMix64::mix(seed ^ SplitMix64::mix(name))))
    }

    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0.bits()
    }

    /// Fills `values` with draws of [`Random::uniform`].
    pub fn fill_uniform(&mut self, low: f32, high: f32, values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = self.uniform(low, high));
    }

    /// Fills `values` with draws of [`Random::normal`], times `deviation`.
    pub fn fill_normal(&mut self, deviation: f32, values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = deviation * self.normal());
    }

    /// Uniform in `[low, high)`.
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        let unit = (self.bits() >> 40) as f32 / (1_u32 << 24) as f32;
        low + (high - low) * unit
    }

    /// Normal with mean 0 and variance 1 (Box and Muller), at most 6.7 from 0.
    pub fn normal(&mut self) -> f32 {
        let bits = self.bits();
        let unit = |bits: u64| (bits as u32 as f32 + 0.5) / (1_u64 << 32) as f32;
        (-2.0 * unit(bits >> 32).ln()).sqrt() * (std::f32::consts::TAU * unit(bits)).cos()
    }

    /// Uniform in `0..count`, which must hold a number.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.below(count)
    }

    /// The generator in its present state.
    pub(crate) fn into_inner(self) -> SplitMix64 {
        self.0
    }

    /// Puts `items` into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_repeat() {
        let draw = |seed, name| Random::new(seed, name).bits();
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
    }

    #[test]
    fn uniform_fills_its_range() {
        let mut random = Random::new(7, "uniform");
        let values: Vec<f32> = (0..10_000).map(|_| random.uniform(-2.0, 2.0)).collect();
        let mean = values.iter().sum::<f32>() / 10_000.0;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / 10_000.0 - mean * mean;
        assert!(values.iter().all(|v| (-2.0..2.0).contains(v)));
        // A uniform distribution of width 4 has variance 16 / 12; both bounds are five standard errors.
        assert!(mean.abs() < 0.06, "{mean}");
        assert!((variance - 16.0 / 12.0).abs() < 0.06, "{variance}");
    }

    #[test]
    fn normal_has_its_moments() {
        let mut random = Random::new(7, "normal");
        let values: Vec<f64> = (0..100_000).map(|_| f64::from(random.normal())).collect();
        let moment = |power: i32| values.iter().map(|v| v.powi(power)).sum::<f64>() / 100_000.0;
        // Moments 1 to 4 are 0, 1, 0 and 3; the bounds are five standard errors: √(1, 2, 15, 96) / √100 000 each.
        for (power, expected, bound) in [(1, 0.0, 0.016), (2, 1.0, 0.023), (3, 0.0, 0.062), (4, 3.0, 0.155)] {
            assert!((moment(power) - expected).abs() < bound, "moment {power}: {}", moment(power));
        }
    }

    #[test]
    fn every_order_is_as_likely() {
        let mut counts = std::collections::BTreeMap::new();
        let mut random = Random::new(3, "orders");
        for _ in 0..6000 {
            let mut items = [0, 1, 2];
            random.shuffle(&mut items);
            *counts.entry(items).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
