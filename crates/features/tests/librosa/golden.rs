//! The signals of `tests/goldens/features/make.py` and the results of the references.

use std::f64::consts::{PI, TAU};
use std::fs;
use std::path::Path;

/// A rising tone, faint noise, then a tail of exact silence.
pub fn mixed() -> Vec<f32> {
    let noise = uniform();
    samples(12_345, |n| 0.5 * (0.02 * n + 1e-5 * n * n).sin())
        .zip(noise)
        .enumerate()
        .map(|(n, (tone, noise))| if n < 9000 { (tone + 0.01 * noise) as f32 } else { 0.0 })
        .collect()
}

/// A sweep from 0 Hz to the Nyquist frequency in half a second.
pub fn chirp() -> Vec<f32> {
    samples(8_000, |n| 0.8 * (PI * n * n / 16_000.0).sin()).map(|sample| sample as f32).collect()
}

/// White noise.
pub fn noise() -> Vec<f32> {
    uniform().take(6_000).map(|noise| (0.2 * noise) as f32).collect()
}

/// A voice of 24 falling harmonics under two formants that move, syllable by syllable, with a pause after each.
pub fn vowels() -> Vec<f32> {
    let bell = |hz: f64, centre_hz: f64, width_hz: f64| (-((hz - centre_hz) / width_hz).powi(2)).exp();
    let sample = |n: f64| {
        let syllable = n % 2500.0 / 2500.0;
        let phase = TAU * (140.0 * n - 1e-3 * n * n) / 16_000.0;
        let voice = (1..=24).map(|harmonic| {
            let hz = 130.0 * f64::from(harmonic);
            let first = bell(hz, 500.0 + 300.0 * syllable, 200.0);
            let second = 0.5 * bell(hz, 2000.0 - 800.0 * syllable, 300.0);
            (first + second + 0.01) * (f64::from(harmonic) * phase).sin()
        });
        0.1 * (TAU * syllable).sin().max(0.0) * voice.sum::<f64>()
    };
    samples(10_000, sample).map(|sample| sample as f32).collect()
}

/// A tone shorter than a hop.
pub fn short() -> Vec<f32> {
    samples(100, |n| 0.1 * (0.3 * n).sin()).map(|sample| sample as f32).collect()
}

fn samples(count: u32, sample: impl Fn(f64) -> f64) -> impl Iterator<Item = f64> {
    (0..count).map(move |n| sample(f64::from(n)))
}

/// Noise from a linear congruential generator, in [-0.5, 0.5).
fn uniform() -> impl Iterator<Item = f64> {
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        state as f64 / f64::from(1_u32 << 31) - 0.5
    })
}

/// Reads the numbers of a reference.
pub fn golden(name: &str) -> Vec<f32> {
    golden_bytes(name).as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Reads the bytes of a golden.
pub fn golden_bytes(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/features").join(name);
    fs::read(path).unwrap()
}

/// ‖a − b‖ / ‖b‖
pub fn relative_error(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let square = |value: f64| value * value;
    let difference: f64 = a.iter().zip(b).map(|(a, b)| square(f64::from(a - b))).sum();
    let size: f64 = b.iter().map(|b| square(f64::from(*b))).sum();
    (difference / size).sqrt()
}
