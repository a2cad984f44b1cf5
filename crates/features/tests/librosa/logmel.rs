//! Mel spectrograms in decibels.

use affekt_features::{Feature, FeatureError, LogMel, LogMelConfig, Reference};

use crate::golden::{chirp, golden, mixed, noise, relative_error, short, vowels};

fn logmel(config: &LogMelConfig, signal: &[f32]) -> Vec<f32> {
    let logmel = LogMel::new(config).unwrap();
    let features = logmel.compute(signal);
    assert_eq!(features.len(), logmel.shape(signal.len()).iter().product::<usize>());
    features
}

#[test]
fn equals_librosa() {
    let default = LogMelConfig::default();
    let small = LogMelConfig {
        rate_hz: 22_050,
        n_fft: 1000,
        hop_length: 250,
        n_mels: 41,
        reference: Reference::One,
        top_db: None,
    };
    for (name, config, signal) in [
        ("logmel_mixed.f32", &default, mixed()),
        ("logmel_chirp.f32", &default, chirp()),
        ("logmel_noise.f32", &default, noise()),
        ("logmel_vowels.f32", &default, vowels()),
        ("logmel_short.f32", &default, short()),
        ("logmel_small.f32", &small, mixed()),
    ] {
        let error = relative_error(&logmel(config, &signal), &golden(name));
        assert!(error < 1e-6, "{name}: relative error {error:e}");
    }
}

#[test]
fn silence_is_its_own_maximum_as_in_librosa() {
    let features = logmel(&LogMelConfig::default(), &[0.0; 3_000]);
    assert_eq!(features, golden("logmel_silence.f32"));
    assert_eq!(features, vec![0.0; features.len()]);
}

#[test]
fn three_seconds_are_one_hundred_and_eighty_eight_frames() {
    assert_eq!(LogMel::new(&LogMelConfig::default()).unwrap().shape(48_000), [128, 188]);
}

#[test]
fn loudness_is_only_kept_relative_to_one() {
    let quiet: Vec<f32> = vowels().iter().map(|sample| sample / 8.0).collect();
    for (reference, expected) in [(Reference::Max, 0.0), (Reference::One, 20.0 * 8_f32.log10())] {
        let config = LogMelConfig { reference, ..LogMelConfig::default() };
        let (loud, quiet) = (logmel(&config, &vowels()), logmel(&config, &quiet));
        let mut differences = loud.iter().zip(&quiet).map(|(loud, quiet)| loud - quiet);
        assert!(differences.all(|difference| (difference - expected).abs() < 1e-4), "{reference:?}");
    }
}

#[test]
fn configs_that_cannot_work_are_refused() {
    let config = LogMelConfig { n_mels: 0, ..LogMelConfig::default() };
    let error = FeatureError::TooSmall { name: "n_mels", value: 0, least: 1 };
    assert_eq!(LogMel::new(&config).err(), Some(error));
}

#[test]
fn configs_are_written_with_librosas_names() {
    let text = serde_json::to_string(&LogMelConfig::default()).unwrap();
    let expected =
        r#"{"rate_hz":16000,"n_fft":2048,"hop_length":256,"n_mels":128,"reference":"max","top_db":80.0}"#;
    assert_eq!(text, expected);
    assert_eq!(serde_json::from_str::<LogMelConfig>("{}").unwrap(), LogMelConfig::default());
}
