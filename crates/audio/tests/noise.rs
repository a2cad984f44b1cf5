//! The noise of augmented copies is white, Gaussian, of the right level, and independent of other computations.

use affekt_audio::noisy_copy;

/// Returns three seconds at 16 kHz: a tone that swells and ends, then silence.
fn signal() -> Vec<f32> {
    (0..48_000)
        .map(|n| {
            let time = f64::from(n) / 16_000.0;
            let swell = (std::f64::consts::PI * time / 2.0).sin().max(0.0);
            (0.5 * swell * (2.0 * std::f64::consts::PI * 220.0 * time).sin()) as f32
        })
        .collect()
}

fn power(samples: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = samples.len() as f64;
    samples.map(|sample| sample * sample).sum::<f64>() / count
}

fn noise(signal: &[f32], noisy: &[f32]) -> Vec<f64> {
    noisy.iter().zip(signal).map(|(noisy, signal)| f64::from(*noisy) - f64::from(*signal)).collect()
}

fn realised_snr_db(signal: &[f32], noisy: &[f32]) -> f64 {
    let signal_power = power(signal.iter().map(|sample| f64::from(*sample)));
    10.0 * (signal_power / power(noise(signal, noisy).into_iter())).log10()
}

/// Returns 960 000 samples of noise of deviation 1 over a signal that is a constant 1 (so that its power is 0 dB).
fn standard_noise() -> Vec<f64> {
    let signal = vec![1.0; 48_000];
    (1..=20).flat_map(|copy| noise(&signal, &noisy_copy(&signal, [0.0, 0.0], 7, "a/1", copy))).collect()
}

#[test]
fn noise_is_gaussian() {
    let mut noise = standard_noise();
    let count = noise.len() as f64;
    let moment = |power: i32| noise.iter().map(|x| x.powi(power)).sum::<f64>() / count;
    // Five standard errors: of the mean 1/√n, of the square √(2/n), of the cube √(15/n), of the fourth √(96/n).
    for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
        let found = moment(power);
        assert!(
            (found - expected).abs() < 5.0 * (f64::sqrt(variance / count)),
            "moment {power} is {found}, expected {expected}"
        );
    }
    // Kolmogorov and Smirnov: √n D exceeds 1.95 once in a thousand times.
    noise.sort_by(f64::total_cmp);
    let furthest = noise.iter().enumerate().map(|(rank, x)| {
        let (expected, rank) = (normal_distribution(*x), rank as f64);
        (expected - rank / count).abs().max(((rank + 1.0) / count - expected).abs())
    });
    let distance = furthest.fold(0.0, f64::max);
    assert!(count.sqrt() * distance < 1.95, "Kolmogorov-Smirnov distance {distance}");
    // Beyond the base of the ziggurat, 3.654: 2.5815e-4 of all, 248 ± 16 here.
    let tail = noise.iter().filter(|x| x.abs() > 3.654_152_885_361_009).count();
    assert!((169..=327).contains(&tail), "{tail} in the tails");
}

/// Computes Φ(x) by the series of its integral (A&S 26.2.11), exact to 1e-12 within ±6.
fn normal_distribution(x: f64) -> f64 {
    let mut term = x;
    let mut sum = x;
    for n in 1..120 {
        term *= x * x / f64::from(2 * n + 1);
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

#[test]
fn noise_is_white() {
    let noise = standard_noise();
    let count = noise.len() as f64;
    for lag in (1..=64).chain([255, 256, 1024, 48_000]) {
        let correlation: f64 = noise.iter().zip(&noise[lag..]).map(|(a, b)| a * b).sum::<f64>() / count;
        assert!(correlation.abs() < 5.0 / count.sqrt(), "correlation {correlation} at lag {lag}");
    }
}

#[test]
fn the_ratio_holds_in_expectation() {
    let signal = signal();
    for expected in [15.0, 30.0] {
        let ratios: Vec<f64> = (1..=100)
            .map(|copy| realised_snr_db(&signal, &noisy_copy(&signal, [expected; 2], 0, "a/1", copy)))
            .collect();
        // One copy's noise power has a relative deviation of √(2/48000): 0.028 dB.
        assert!(ratios.iter().all(|ratio| (ratio - expected).abs() < 0.14), "{ratios:?}");
        let mean = ratios.iter().sum::<f64>() / 100.0;
        assert!((mean - expected).abs() < 0.014, "{mean} dB instead of {expected}");
    }
}

#[test]
fn ratios_are_uniform_and_differ_from_copy_to_copy() {
    let signal = &signal()[..4_000];
    let mut ratios: Vec<f64> = (0..2_000)
        .map(|number| {
            let utterance = format!("a/{}", number / 2);
            realised_snr_db(signal, &noisy_copy(signal, [15.0, 30.0], 0, &utterance, 1 + number % 2))
        })
        .collect();
    let neighbours = ratios.chunks_exact(2).map(|pair| (pair[0] - 22.5) * (pair[1] - 22.5));
    let correlation = neighbours.sum::<f64>() / 1_000.0 / (15.0 * 15.0 / 12.0);
    assert!(correlation.abs() < 5.0 / 1_000_f64.sqrt(), "copies share their ratio: {correlation}");
    ratios.sort_by(f64::total_cmp);
    let furthest = ratios.iter().enumerate().map(|(rank, ratio)| {
        let uniform = ((ratio - 15.0) / 15.0).clamp(0.0, 1.0);
        (uniform - (rank as f64 + 0.5) / 2_000.0).abs()
    });
    let distance = furthest.fold(0.0, f64::max);
    assert!(2_000_f64.sqrt() * distance < 1.95, "Kolmogorov-Smirnov distance {distance}");
}

#[test]
fn noise_depends_on_seed_utterance_and_copy_alone() {
    let signal = signal();
    let copy = |seed, utterance: &str, copy| noisy_copy(&signal, [15.0, 30.0], seed, utterance, copy);
    let first = copy(0, "a/1", 1);
    let others = [copy(1, "a/1", 1), copy(0, "a/2", 1), copy(0, "a/1", 2)];
    assert!(others.iter().all(|other| *other != first));
    assert_eq!(copy(0, "a/1", 1), first, "what was drawn in between changes nothing");
    let elsewhere = std::thread::scope(|scope| scope.spawn(|| copy(0, "a/1", 1)).join().unwrap());
    assert_eq!(elsewhere, first);
    let pinned = noisy_copy(&[1.0; 3], [0.0, 0.0], 0, "a/1", 1);
    assert_eq!(
        pinned,
        [1.887_166_1, -0.311_014_18, 1.178_843_6],
        "another noise: raise the version of `awgn`"
    );
}

#[test]
fn silence_stays_silent_and_nothing_is_clipped() {
    assert_eq!(noisy_copy(&[0.0; 100], [15.0, 30.0], 0, "a/1", 1), [0.0; 100]);
    assert!(noisy_copy(&[], [15.0, 30.0], 0, "a/1", 1).is_empty());
    let loud = noisy_copy(&[1.0; 1_000], [15.0, 15.0], 0, "a/1", 1);
    assert!(loud.iter().any(|sample| *sample > 1.2), "noise may go beyond full scale");
}
