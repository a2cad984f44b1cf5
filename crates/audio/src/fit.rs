//! Fitting of waveforms to a fixed length.

use crate::draws::draws;

/// Truncates a waveform to `length` samples at most; a shorter one stays as it is.
#[must_use]
pub fn cut(mut samples: Vec<f32>, length: usize) -> Vec<f32> {
    samples.truncate(length);
    samples
}

/// Truncates or zero-pads a waveform to `length` samples.
#[must_use]
pub fn fit(mut samples: Vec<f32>, length: usize) -> Vec<f32> {
    samples.resize(length, 0.0);
    samples
}

/// Truncates a waveform to `length` samples, or extends it with samples drawn from its own, independently and with
/// replacement. An empty waveform is extended with zeros.
///
/// The draws depend on `seed` and `utterance` only.
#[must_use]
pub fn fit_with_own_samples(mut samples: Vec<f32>, length: usize, seed: u64, utterance: &str) -> Vec<f32> {
    let own = samples.len();
    if own == 0 {
        return fit(samples, length);
    }
    let mut random = draws("affekt fill with own samples 1", seed, utterance, 0);
    samples.truncate(length);
    samples.reserve_exact(length - samples.len());
    for _ in samples.len()..length {
        samples.push(samples[random.below(own)]);
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_and_pads() {
        assert_eq!(cut(vec![1.0, 2.0, 3.0], 2), [1.0, 2.0]);
        assert_eq!(cut(vec![1.0, 2.0], 5), [1.0, 2.0]);
        assert_eq!(fit(vec![1.0, 2.0, 3.0], 2), [1.0, 2.0]);
        assert_eq!(fit(vec![1.0, 2.0, 3.0], 5), [1.0, 2.0, 3.0, 0.0, 0.0]);
        assert_eq!(fit(Vec::new(), 2), [0.0, 0.0]);
    }

    #[test]
    fn fills_with_own_samples() {
        let ramp: Vec<f32> = (0..1000_u16).map(f32::from).collect();
        let filled = fit_with_own_samples(ramp.clone(), 101_000, 0, "a/1");
        assert_eq!(filled[..1000], ramp);
        let mut drawn = [0_u32; 1000];
        filled[1000..].iter().for_each(|sample| drawn[*sample as usize] += 1);
        // Every sample is equally likely: each count is binomial with mean 100 and standard deviation 10.
        assert!(drawn.iter().all(|count| (40..=160).contains(count)), "{drawn:?}");
        let chi_squared: f64 = drawn.iter().map(|count| (f64::from(*count) - 100.0).powi(2) / 100.0).sum();
        assert!((850.0..1150.0).contains(&chi_squared), "{chi_squared} of 999 degrees of freedom");
        let rises = filled[1000..].windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((49_000..51_000).contains(&rises), "the order is random: {rises} of 99 999 rise");

        assert_eq!(fit_with_own_samples(ramp.clone(), 101_000, 0, "a/1"), filled);
        assert_ne!(fit_with_own_samples(ramp.clone(), 101_000, 1, "a/1"), filled);
        assert_ne!(fit_with_own_samples(ramp.clone(), 101_000, 0, "a/2"), filled);
        assert_eq!(fit_with_own_samples(ramp.clone(), 10, 0, "a/1"), ramp[..10]);
        assert_eq!(fit_with_own_samples(vec![0.5], 3, 0, "a/1"), [0.5; 3]);
        assert_eq!(fit_with_own_samples(Vec::new(), 3, 0, "a/1"), [0.0; 3]);
    }
}
