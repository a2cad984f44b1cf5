//! The synthetic voice is reproducible, and has the requested properties.

use std::path::Path;

use affekt_audio::voice::{Delivery, Emotion, Speaker, synthesise};
use affekt_audio::{decode, digest, write_wav_i16};

const RATE_HZ: u32 = 16_000;

fn spoken(number: u32, emotion: Emotion, repetition: u32) -> Vec<f32> {
    let delivery = Delivery { emotion, strong: emotion != Emotion::Neutral, sentence: 1, repetition };
    synthesise(&Speaker::new(number, 1), &delivery, RATE_HZ)
}

fn level(samples: &[f32]) -> f32 {
    (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
}

/// Computes the energy of the slope relative to that of the signal, which grows with the mean frequency.
fn brightness(samples: &[f32]) -> f32 {
    let slope: Vec<f32> = samples.windows(2).map(|pair| pair[1] - pair[0]).collect();
    level(&slope) / level(samples)
}

#[test]
fn the_same_take_is_the_same_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    write_wav_i16(&path, &spoken(3, Emotion::Happy, 1), RATE_HZ).unwrap();
    let decoded = decode(&path).unwrap();
    assert_eq!(
        digest(&decoded).short(),
        "9df8206f5aa1",
        "corpora made with this voice are no longer what they were"
    );
    assert_ne!(spoken(3, Emotion::Happy, 1), spoken(3, Emotion::Happy, 2));
    assert_ne!(spoken(3, Emotion::Happy, 1), spoken(5, Emotion::Happy, 1));
}

#[test]
fn lengths_and_levels_are_those_of_speech() {
    for number in 1..=6 {
        for emotion in Emotion::ALL {
            let samples = spoken(number, emotion, 1);
            let seconds = samples.len() as f32 / RATE_HZ as f32;
            assert!((1.49..=2.51).contains(&seconds), "{seconds} s");
            let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
            assert!((0.01..1.0).contains(&peak), "{number} {emotion:?}: peak {peak}");
            assert!(level(&samples) > 0.002, "{number} {emotion:?}: {}", level(&samples));
        }
    }
}

#[test]
fn anger_is_louder_and_brighter_than_sadness() {
    for number in 1..=8 {
        let (angry, sad) = (spoken(number, Emotion::Angry, 1), spoken(number, Emotion::Sad, 1));
        assert!(level(&angry) > 2.0 * level(&sad), "speaker {number}");
        assert!(brightness(&angry) > brightness(&sad), "speaker {number}");
        assert!(angry.len() < sad.len(), "speaker {number}: sad speech is slower");
    }
}

#[test]
fn names_are_those_of_ravdess() {
    for emotion in Emotion::ALL {
        assert_eq!(Emotion::from_name(emotion.name()), Some(emotion));
    }
    assert_eq!(Emotion::from_name("bored"), None);
}

#[test]
fn writing_says_where_it_failed() {
    let error = write_wav_i16(Path::new("/nowhere/a.wav"), &[0.0], RATE_HZ).unwrap_err();
    assert_eq!(error.to_string(), "`/nowhere/a.wav`: No such file or directory (os error 2)");
}

#[test]
fn samples_survive_writing_and_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    write_wav_i16(&path, &[0.0, 0.5, -0.25, 1.5, -1.5, 1.0 / 32_768.0], RATE_HZ).unwrap();
    let full = 32_767.0 / 32_768.0;
    assert_eq!(decode(&path).unwrap().samples(), [0.0, 0.5, -0.25, full, -1.0, 1.0 / 32_768.0]);
}
