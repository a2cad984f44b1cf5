//! MFCC.

use affekt_features::{Feature, FeatureError, Mfcc, MfccConfig};

use crate::golden::{golden, mixed, relative_error};

#[test]
fn equals_librosa() {
    let small = MfccConfig { rate_hz: 22_050, n_fft: 1000, hop_length: 250, n_mels: 41, n_mfcc: 13 };
    for (name, config) in [("mfcc_default.f32", MfccConfig::default()), ("mfcc_small.f32", small)] {
        let mfcc = Mfcc::new(&config).unwrap();
        let signal = mixed();
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
    let signal = mixed();
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
