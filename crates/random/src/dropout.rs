//! Masks of dropout (Srivastava et al., 2014): every 64 random bits decide about two numbers.

use affekt_domain::SplitMix64;

use crate::Random;

/// A mask of as many numbers as are asked for. Which are dropped is a function of the stream and of their place, so that
/// parts of a mask can be made in any order.
#[derive(Debug, Clone)]
pub struct DropoutMask {
    stream: SplitMix64,
    /// How many of 2³² equally likely numbers mean that one is dropped.
    dropped: u32,
    /// What those are multiplied with that are kept.
    kept: f32,
}

/// Draws that are made side by side; of fewer, the compiler unrolls the loops and uses no wide registers.
const DRAWS: usize = 64;

impl DropoutMask {
    /// Describes a mask in which a `share` of the numbers, below 1, is 0 by chance and the others are 1 / (1 − `share`).
    #[must_use]
    pub fn new(random: Random, share: f64) -> Self {
        let dropped = (share * 2_f64.powi(32)) as u32;
        Self { stream: random.into_inner(), dropped, kept: (1.0 - share).recip() as f32 }
    }

    /// Writes the numbers from the place `first` on.
    pub fn write(&self, first: usize, values: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx512f") && has!("avx512dq") {
                // SAFETY: the processor has them.
                return unsafe { self.write_avx512(first, values) };
            } else if has!("avx2") {
                // SAFETY: the processor has it.
                return unsafe { self.write_avx2(first, values) };
            }
        }
        self.write_any(first, values);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512dq")]
    fn write_avx512(&self, first: usize, values: &mut [f32]) {
        self.write_any(first, values);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn write_avx2(&self, first: usize, values: &mut [f32]) {
        self.write_any(first, values);
    }

    #[inline(always)]
    fn write_any(&self, first: usize, values: &mut [f32]) {
        let mut draw = first / 2;
        // A part that begins within a pair has one number of it.
        let (half, values) = values.split_at_mut((first % 2).min(values.len()));
        if let [value] = half {
            *value = self.value((self.stream.bits_at(draw) >> 32) as u32);
            draw += 1;
        }
        let (chunks, last) = values.as_chunks_mut::<{ 2 * DRAWS }>();
        for chunk in chunks {
            let mut words = [[0; 2]; DRAWS];
            for (lane, words) in words.iter_mut().enumerate() {
                let bits = self.stream.bits_at(draw + lane);
                *words = [bits as u32, (bits >> 32) as u32];
            }
            for (value, word) in chunk.iter_mut().zip(words.as_flattened()) {
                *value = self.value(*word);
            }
            draw += DRAWS;
        }
        for pair in last.chunks_mut(2) {
            let bits = self.stream.bits_at(draw);
            pair.iter_mut()
                .zip([bits, bits >> 32])
                .for_each(|(value, bits)| *value = self.value(bits as u32));
            draw += 1;
        }
    }

    /// What 32 random bits mean. There is no branch in it, which would be foretold wrongly half of the time.
    #[inline(always)]
    fn value(&self, bits: u32) -> f32 {
        if bits >= self.dropped { self.kept } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mask as it is defined: number by number.
    fn defined(seed: u64, share: f64, count: usize) -> Vec<f32> {
        let mut random = Random::new(seed, "mask");
        let kept = (1.0 / (1.0 - share)) as f32;
        let value = |bits: u32| if f64::from(bits) >= (share * 2_f64.powi(32)).floor() { kept } else { 0.0 };
        let pairs = std::iter::repeat_with(|| random.bits());
        pairs.flat_map(|bits| [value(bits as u32), value((bits >> 32) as u32)]).take(count).collect()
    }

    #[test]
    fn every_part_is_what_the_stream_says() {
        const COUNT: usize = 211;
        for share in [0.1, 0.3, 0.5, 0.9] {
            let expected = defined(7, share, COUNT);
            let mask = DropoutMask::new(Random::new(7, "mask"), share);
            for [first, end] in [[0, COUNT], [0, 1], [1, 2], [3, 100], [64, 192], [5, 5], [17, COUNT]] {
                let (mut any, mut chosen) = (vec![f32::NAN; end - first], vec![f32::NAN; end - first]);
                mask.write_any(first, &mut any);
                mask.write(first, &mut chosen);
                assert_eq!(any, expected[first..end], "{share}: {first} to {end}");
                assert_eq!(chosen, any, "{share}: {first} to {end}");
            }
        }
    }
}
