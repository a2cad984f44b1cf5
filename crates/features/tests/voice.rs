//! The synthetic voice is learnable: MFCC distinguish its emotions across speakers, though not perfectly.

use affekt_audio::fit;
use affekt_audio::voice::{Delivery, Emotion, Speaker, synthesise};
use affekt_features::{Feature, Mfcc, MfccConfig};

const COEFFICIENTS: usize = 20;

/// Computes the mean of each coefficient over time.
fn summary(mfcc: &Mfcc, speaker: u32, emotion: Emotion, sentence: u32) -> Vec<f32> {
    let delivery = Delivery { emotion, strong: emotion != Emotion::Neutral, sentence, repetition: 1 };
    let waveform = fit(synthesise(&Speaker::new(speaker, 7), &delivery, 16_000), 48_000);
    let features = mfcc.compute(&waveform);
    features.chunks_exact(94).map(|row| row.iter().sum::<f32>() / 94.0).collect()
}

#[test]
fn emotions_of_unseen_speakers_are_told_apart_but_not_always() {
    let mfcc = Mfcc::new(&MfccConfig { n_mfcc: COEFFICIENTS, ..MfccConfig::default() }).unwrap();
    let centroids: Vec<Vec<f32>> = Emotion::ALL
        .iter()
        .map(|emotion| {
            let mut sum = vec![0.0; COEFFICIENTS];
            for speaker in 1..=8 {
                for (sum, value) in sum.iter_mut().zip(summary(&mfcc, speaker, *emotion, 1)) {
                    *sum += value / 8.0;
                }
            }
            sum
        })
        .collect();
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();

    let mut right = 0;
    let mut total = 0;
    for speaker in 9..=16 {
        for (truth, emotion) in Emotion::ALL.into_iter().enumerate() {
            let features = summary(&mfcc, speaker, emotion, 2);
            let nearest = (0..centroids.len()).min_by(|a, b| {
                distance(&features, &centroids[*a]).total_cmp(&distance(&features, &centroids[*b]))
            });
            right += u32::from(nearest == Some(truth));
            total += 1;
        }
    }
    let accuracy = f64::from(right) / f64::from(total);
    // Chance is 0.125. Time, pitch and range are not in these means: a network does better.
    assert!((0.3..0.9).contains(&accuracy), "accuracy {accuracy}");
}
