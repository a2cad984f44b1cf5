//! Small corpora, made for tests.

use std::fs;
use std::path::Path;

use affekt_corpus::SyntheticConfig;

/// Makes `data/RAVDESS`: three actors with 15 recordings each, at 8 kHz.
pub fn ravdess(data: &Path) {
    let config = SyntheticConfig { actors: 3, statements: 1, repetitions: 1, seed: 1, rate_hz: 8_000 };
    affekt_corpus::generate(data, &config).unwrap();
}

/// The card of a corpus that nobody has heard of.
pub const KITCHEN_CARD: &str = "\
name: Kitchen
title: Voices of a kitchen
licence: CC BY 4.0
citation: nobody yet
origin: the kitchen
obtain: ask the cook
path: '(?P<cook>[a-z]+)/(?P<mood>[a-z]+)-(?P<number>\\d+)'
speaker: '{cook}'
label: '{mood}'
labels: { hungry: hungry, cross: angry }
emotions: [hungry]
";

/// The rate of the kitchen's recordings, which is that of the golden audio files.
const RATE_HZ: u32 = 16_000;

/// Makes `data/Kitchen`: three cooks, two moods, `numbers` recordings of each, 25 ms long.
pub fn kitchen(data: &Path, numbers: usize) {
    for cook in ["ann", "bob", "eve"] {
        for mood in ["hungry", "cross"] {
            for number in 0..numbers {
                say(data, cook, mood, 2 * number);
            }
        }
    }
}

/// Makes one recording of the kitchen. No two are alike.
pub fn say(data: &Path, cook: &str, mood: &str, number: usize) {
    let folder = data.join("Kitchen").join(cook);
    fs::create_dir_all(&folder).unwrap();
    let voice = cook.len() + usize::from(cook.as_bytes()[0]);
    let pitch_hz = if mood == "cross" { 400.0 } else { 150.0 } + number as f32 / 10.0 + voice as f32 / 100.0;
    let sample = |n: usize| 0.5 * (std::f32::consts::TAU * pitch_hz * n as f32 / RATE_HZ as f32).sin();
    let samples: Vec<f32> = (0..RATE_HZ as usize / 40).map(sample).collect();
    affekt_audio::write_wav_i16(&folder.join(format!("{mood}-{number:04}.wav")), &samples, RATE_HZ).unwrap();
}
