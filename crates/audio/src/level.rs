//! Levels of whole recordings.

/// Scales a waveform so that its largest sample, in magnitude, is at `peak_db` dB of full scale: −3 dB is 0.708. Digital silence
/// stays as it is.
#[must_use]
pub fn at_peak(mut samples: Vec<f32>, peak_db: f64) -> Vec<f32> {
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    if peak > 0.0 {
        let gain = 10_f64.powf(peak_db / 20.0) / f64::from(peak);
        samples.iter_mut().for_each(|sample| *sample = (f64::from(*sample) * gain) as f32);
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_sample_is_at_the_level() {
        let scaled = at_peak(vec![0.1, -0.25, 0.0], -3.0);
        let peak = 10_f32.powf(-0.15); // 0.7079
        for (found, expected) in scaled.iter().zip([0.4 * peak, -peak, 0.0]) {
            assert!((found - expected).abs() < 1e-7, "{found} {expected}");
        }
        // Whatever the level was before.
        let louder = at_peak(vec![0.4, -1.0, 0.0], -3.0);
        assert!(scaled.iter().zip(&louder).all(|(a, b)| (a - b).abs() < 1e-7));
        assert_eq!(at_peak(vec![0.5], 0.0), [1.0]);
        assert_eq!(at_peak(vec![0.0; 3], -3.0), [0.0; 3]);
        assert_eq!(at_peak(Vec::new(), -3.0), [0.0; 0]);
    }
}
