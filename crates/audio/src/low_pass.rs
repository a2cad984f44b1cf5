//! The low-pass filter of soxr's high quality (librosa's default), designed in `f64`.

use std::f64::consts::PI;

/// A zero-phase low-pass filter: a sinc in a Kaiser window.
pub struct LowPass {
    /// Taps to each side of the middle one.
    reach: usize,
    /// In cycles per input sample, times 2.
    cutoff: f64,
}

impl LowPass {
    /// Where soxr's high quality begins to attenuate, as a part of the lower Nyquist frequency.
    const PASS: f64 = 0.913;
    /// soxr's 20 bits and one to spare, in dB.
    const ATTENUATION_DB: f64 = 21.0 * 6.020_6;

    /// Designs the filter for samples that go from a rate of `from` to `to`, in any unit.
    #[must_use]
    pub fn between(from: usize, to: usize) -> Self {
        let nyquist = (to as f64 / from as f64).min(1.0);
        let transition = (1.0 - Self::PASS) * nyquist;
        // Kaiser's formula for the length.
        let taps = (Self::ATTENUATION_DB - 7.95) / (2.285 * PI * transition);
        Self { reach: (taps / 2.0).ceil() as usize, cutoff: nyquist * (1.0 + Self::PASS) / 2.0 }
    }

    /// Returns how many taps there are to each side of the middle one, in samples at the rate `from`.
    #[must_use]
    pub const fn reach(&self) -> usize {
        self.reach
    }

    /// Returns the gains at the first `bins` bins of a transform of `size` samples, which must be more than twice the
    /// reach.
    ///
    /// A symmetric filter's transform is a sum of cosines. It is written out: an FFT in `f64` would take longer to
    /// compile than all filters take to design.
    pub fn response(&self, size: usize, bins: usize) -> impl Iterator<Item = f64> {
        let taps: Vec<f64> = (0..=self.reach).map(|tap| self.tap(tap)).collect();
        let cosines: Vec<f64> = (0..size).map(|k| (2.0 * PI * k as f64 / size as f64).cos()).collect();
        let gain = move |bin: usize| {
            let cosine = |tap: usize| cosines[bin * tap % size];
            taps[0]
                + 2.0 * taps.iter().enumerate().skip(1).map(|(tap, value)| value * cosine(tap)).sum::<f64>()
        };
        let sum = gain(0);
        (0..bins).map(move |bin| gain(bin) / sum)
    }

    /// Returns the tap so many samples from the middle one, unscaled.
    fn tap(&self, distance: usize) -> f64 {
        let beta = 0.1102 * (Self::ATTENUATION_DB - 8.7);
        let x = PI * self.cutoff * distance as f64;
        let sinc = if distance == 0 { 1.0 } else { x.sin() / x };
        let edge = distance as f64 / (self.reach + 1) as f64;
        sinc * bessel_i0(beta * (1.0 - edge * edge).sqrt())
    }
}

/// The modified Bessel function of the first kind, order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let mut sum = 1.0;
    let mut term = 1.0;
    for k in 1.. {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum
}
