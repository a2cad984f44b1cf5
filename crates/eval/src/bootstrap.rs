//! How far a pooled figure might lie from what other speakers would have given.
//!
//! Percentile bootstrap over clusters: speakers are drawn with replacement, as many as there are, each with all
//! its predictions of every seed; 2.5th and 97.5th percentile, interpolated linearly as numpy does.

use std::collections::BTreeMap;

use affekt_domain::SplitMix64;

use crate::confusion::Tally;
use crate::count::Counts;
use crate::scores::{Measure, Scores};

/// How many times the speakers are resampled.
pub const RESAMPLES: usize = 2000;

/// Under this number of speakers an interval would say more about the resampling than about speakers.
pub const MIN_CLUSTERS: usize = 5;

/// Any fixed number: the same predictions must give the same interval.
const SEED: u64 = 0x5eed_0f5b_ea4e_2501;

/// The lower and upper ends for the pooled scores, or `None` where there are too few speakers.
pub(crate) fn intervals(counts: &Counts) -> Option<[Scores; 2]> {
    let speakers = counts.speakers();
    if speakers.len() < MIN_CLUSTERS {
        return None;
    }
    let position: BTreeMap<&str, usize> = speakers.into_iter().enumerate().map(|(i, s)| (s, i)).collect();
    // One list a seed; random splits give each seed its own speakers, so it names them.
    let mut seeds = BTreeMap::<u64, Vec<(usize, Tally)>>::new();
    for ((seed, speaker), matrix) in counts.sum_by(|key| (key.seed, key.speaker), |_| true) {
        seeds.entry(seed).or_default().push((position[speaker], matrix.tally()));
    }
    let classes = seeds.values().next()?.first()?.1.truth.len();

    let mut random = SplitMix64(SEED);
    let mut times = vec![0; position.len()];
    let mut tally = Tally::new(classes);
    let resampled: Vec<Scores> = (0..RESAMPLES)
        .map(|_| {
            times.fill(0);
            for _ in 0..times.len() {
                times[random.below(position.len())] += 1;
            }
            let scores: Vec<Scores> = seeds
                .values()
                .filter_map(|speakers| {
                    tally.clear();
                    for (speaker, own) in speakers.iter().filter(|(speaker, _)| times[*speaker] > 0) {
                        tally.add(own, times[*speaker]);
                    }
                    (tally.total() > 0).then(|| Scores::of(&tally))
                })
                .collect();
            Scores::mean(&scores)
        })
        .collect();

    let sorted = Measure::ALL.map(|measure| {
        let mut values: Vec<f64> = resampled.iter().map(|scores| scores.get(measure)).collect();
        values.sort_by(f64::total_cmp);
        values
    });
    Some([0.025, 0.975].map(|quantile| {
        let [uar, wa, macro_f1] = [0, 1, 2].map(|measure| percentile(&sorted[measure], quantile));
        Scores { uar, wa, macro_f1 }
    }))
}

fn percentile(sorted: &[f64], quantile: f64) -> f64 {
    let position = quantile * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    low + (high - low) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_interpolates() {
        // numpy.percentile([1, 2, 4, 8], [2.5, 50, 97.5]) = 1.075, 3, 7.7
        let values = [1.0, 2.0, 4.0, 8.0];
        for (quantile, expected) in [(0.025, 1.075), (0.5, 3.0), (0.975, 7.7)] {
            assert!((percentile(&values, quantile) - expected).abs() < 1e-12);
        }
    }
}
