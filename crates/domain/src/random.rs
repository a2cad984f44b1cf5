//! The pseudo-random generator from which all random draws of the program derive.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014), given by its state. Unlike
/// that of general-purpose generators, its stream is fixed by definition.
#[derive(Debug, Clone)]
pub struct SplitMix64(pub u64);

/// How far the state goes with every draw.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl SplitMix64 {
    /// Returns the next 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        Self::mix(self.0)
    }

    /// Returns what [`SplitMix64::bits`] will return after so many calls of it.
    #[inline]
    #[must_use]
    pub fn bits_at(&self, calls: usize) -> u64 {
        Self::mix(self.0.wrapping_add(STEP.wrapping_mul(calls as u64 + 1)))
    }

    /// Returns a random number below `bound`; the bias of the multiplication is below bound / 2⁶⁴.
    #[inline]
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// Mixes the bits of `z` so that each affects all others.
    #[inline]
    #[must_use]
    pub fn mix(mut z: u64) -> u64 {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_reference_stream() {
        // The first outputs of the published C code for seed 1234567.
        let mut random = SplitMix64(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        assert_eq!([0, 1].map(|calls| random.bits_at(calls)), expected);
        assert_eq!([random.bits(), random.bits()], expected);
    }
}
