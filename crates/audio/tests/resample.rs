//! Resampling compared with theory: a band-limited signal remains the same function of time.

use std::f64::consts::TAU;

use affekt_audio::{RateError, Resampler, resample};

/// Rates of the corpora, up and down.
const PAIRS: [(u32, u32); 7] = [
    (48_000, 16_000),
    (44_100, 16_000),
    (24_414, 16_000),
    (96_000, 16_000),
    (8_000, 16_000),
    (16_000, 22_050),
    (16_000, 44_100),
];

fn sine(hz: f64, rate_hz: u32, samples: usize) -> Vec<f32> {
    (0..samples).map(|n| (0.5 * (TAU * hz * n as f64 / f64::from(rate_hz)).sin()) as f32).collect()
}

#[test]
fn lengths_are_exact() {
    for (from, to) in PAIRS {
        for samples in [0, 1, 2, 999, 48_000, 100_003] {
            let expected = (samples as u64 * u64::from(to)).div_ceil(u64::from(from));
            assert_eq!(
                resample(&vec![0.1; samples], from, to).unwrap().len() as u64,
                expected,
                "{from} to {to}"
            );
        }
    }
}

#[test]
fn sines_keep_their_amplitude_and_phase() {
    for (from, to) in PAIRS {
        for part in [0.01, 0.3, 0.9] {
            let hz = part * f64::from(from.min(to)) / 2.0;
            let output = resample(&sine(hz, from, 2 * from as usize), from, to).unwrap();
            let expected = sine(hz, to, output.len());
            // The ends see silence beyond them.
            let edge = to as usize / 50;
            let largest =
                (edge..output.len() - edge).map(|n| (output[n] - expected[n]).abs()).fold(0.0, f32::max);
            assert!(largest < 2e-6, "{from} to {to}, {hz} Hz: off by {largest}");
        }
    }
}

#[test]
fn what_the_new_rate_cannot_hold_is_gone() {
    for (from, to) in PAIRS.into_iter().filter(|(from, to)| from > to) {
        let hz = 1.01 * f64::from(to) / 2.0;
        let output = resample(&sine(hz, from, from as usize), from, to).unwrap();
        let edge = to as usize / 50;
        let largest =
            output[edge..output.len() - edge].iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        assert!(largest < 1e-6, "{from} to {to}, {hz} Hz: {largest} left");
    }
}

/// White noise fills the band where resamplers differ, up to the new Nyquist frequency: a far harder case than
/// speech. The remainder is the shape of soxr's own approximations there.
#[test]
fn equals_soxr_in_high_quality() {
    for from in [24_414, 44_100, 48_000] {
        let path = format!("{}/../../tests/goldens/audio/noise_{from}.f32", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let expected: Vec<f32> =
            bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
        let output = resample(&noise(from as usize / 40), from, 16_000).unwrap();
        assert_eq!(output.len(), expected.len());
        let square = |value: f32| f64::from(value).powi(2);
        let difference: f64 = output.iter().zip(&expected).map(|(a, b)| square(a - b)).sum();
        let size: f64 = expected.iter().map(|value| square(*value)).sum();
        let error = (difference / size).sqrt();
        assert!(error < 3e-3, "{from} Hz: relative error {error:e}");
    }
}

/// The noise of `tests/goldens/audio/make.py`.
fn noise(samples: usize) -> Vec<f32> {
    let mut state = 1_u64;
    let next = || {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        (state as f64 / f64::from(1_u32 << 31) - 0.5) as f32
    };
    std::iter::repeat_with(next).take(samples).collect()
}

#[test]
fn a_plan_gives_what_the_function_gives_and_equal_rates_change_nothing() {
    let samples = sine(440.0, 48_000, 10_000);
    let plan = Resampler::new(48_000, 16_000).unwrap();
    assert_eq!(plan.process(&samples), resample(&samples, 48_000, 16_000).unwrap());
    assert_eq!(resample(&samples, 16_000, 16_000).unwrap(), samples);
}

#[test]
fn impossible_rates_are_refused() {
    for (from, to, hz) in [(0, 16_000, 0), (16_000, 0, 0), (u32::MAX, 16_000, u32::MAX)] {
        assert_eq!(resample(&[0.0], from, to), Err(RateError { hz }));
    }
}
