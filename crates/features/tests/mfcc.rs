//! MFCC against librosa, and what a plan must promise whatever the reference.

use std::fs;
use std::path::Path;

use affekt_features::{Feature, FeatureError, Mfcc, MfccConfig};

/// The signal of `tests/goldens/features/make.py`.
fn signal() -> Vec<f32> {
    let mut state = 1_u64;
    (0..12_345)
        .map(|i| {
            let n = f64::from(i);
            let tone = 0.5 * (0.02 * n + 1e-5 * n * n).sin();
            state = (state * 1_103_515_245 + 12_345) % (1 << 31);
            let noise = state as f64 / f64::from(1_u32 << 31) - 0.5;
            if i < 9000 { (tone + 0.01 * noise) as f32 } else { 0.0 }
        })
        .collect()
}

fn golden(name: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/features").join(name);
    fs::read(path).unwrap().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// ‖a − b‖ / ‖b‖
fn relative_error(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let square = |value: f64| value * value;
    let difference: f64 = a.iter().zip(b).map(|(a, b)| square(f64::from(a - b))).sum();
    let size: f64 = b.iter().map(|b| square(f64::from(*b))).sum();
    (difference / size).sqrt()
}

#[test]
fn equals_librosa() {
    let small = MfccConfig { rate_hz: 22_050, n_fft: 1000, hop_length: 250, n_mels: 41, n_mfcc: 13 };
    for (name, config) in [("mfcc_default.f32", MfccConfig::default()), ("mfcc_small.f32", small)] {
        let mfcc = Mfcc::new(&config).unwrap();
        let signal = signal();
        let features = mfcc.compute(&signal);
        assert_eq!(features.len(), mfcc.shape(signal.len()).iter().product::<usize>());
        let error = relative_error(&features, &golden(name));
        assert!(error < 1e-6, "{name}: relative error {error:e}");
    }
}

#[test]
fn three_seconds_are_ninety_four_frames() {
    let mfcc = Mfcc::new(&MfccConfig::default()).unwrap();
    assert_eq!(mfcc.shape(48_000), [128, 94]);
    assert_eq!(mfcc.compute(&vec![0.0; 48_000]).len(), 128 * 94);
}

#[test]
fn short_and_silent_waveforms_have_features() {
    let mfcc = Mfcc::new(&MfccConfig::default()).unwrap();
    for samples in [0, 1, 511, 512, 1025] {
        let features = mfcc.compute(&vec![0.0; samples]);
        assert_eq!(features.len(), mfcc.shape(samples).iter().product::<usize>());
        // Silence is -100 dB in every band: all of it is in the first coefficient.
        let frames = features.len() / 128;
        assert!((features[0] + 100.0 * 128_f32.sqrt()).abs() < 1e-3, "{}", features[0]);
        assert!(features[frames..].iter().all(|value| value.abs() < 1e-3));
    }
}

#[test]
fn plans_are_shared_between_threads() {
    let mfcc = Mfcc::new(&MfccConfig::default()).unwrap();
    let signal = signal();
    let alone = mfcc.compute(&signal);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| mfcc.compute(&signal))).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
}

#[test]
fn configs_that_cannot_work_are_refused() {
    let refused = |change: fn(&mut MfccConfig)| {
        let mut config = MfccConfig::default();
        change(&mut config);
        Mfcc::new(&config).err()
    };
    let too_small = |name, least| Some(FeatureError::TooSmall { name, value: 0, least });
    assert_eq!(refused(|config| config.hop_length = 0), too_small("hop_length", 1));
    assert_eq!(refused(|config| config.n_fft = 0), too_small("n_fft", 2));
    assert_eq!(refused(|config| config.n_mels = 0), too_small("n_mels", 1));
    assert_eq!(refused(|config| config.n_mfcc = 0), too_small("n_mfcc", 1));
    assert_eq!(refused(|config| config.rate_hz = 0), too_small("rate_hz", 1));
    assert_eq!(refused(|config| config.n_fft = 2047), Some(FeatureError::OddFft(2047)));
    assert_eq!(
        refused(|config| config.n_mfcc = 129).unwrap().to_string(),
        "`n_mfcc` is 129 but there are only 128 mel bands: raise `n_mels` or lower `n_mfcc`"
    );
}

#[test]
fn configs_are_written_with_librosas_names() {
    let text = serde_json::to_string(&MfccConfig::default()).unwrap();
    assert_eq!(text, r#"{"rate_hz":16000,"n_fft":2048,"hop_length":512,"n_mels":128,"n_mfcc":128}"#);
    assert_eq!(serde_json::from_str::<MfccConfig>(&text).unwrap(), MfccConfig::default());
    assert_eq!(serde_json::from_str::<MfccConfig>("{}").unwrap(), MfccConfig::default());
    assert!(serde_json::from_str::<MfccConfig>(r#"{"hop": 1}"#).is_err());
}
