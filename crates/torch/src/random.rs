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

    /// Uniform in `[low, high)`.
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        let unit = (self.bits() >> 40) as f32 / (1_u32 << 24) as f32;
        low + (high - low) * unit
    }

    /// Puts `items` into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.0.below(last + 1));
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
