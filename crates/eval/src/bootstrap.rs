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

/// How the pooled score of one variant differs from that of another over the same draws of speakers.
pub(crate) struct Difference {
    /// The percentile interval.
    pub ci95: [f64; 2],
    /// Two-sided: twice the share of draws on the rarer side of no difference, at most 1. The observed sample counts
    /// as one draw (Davison and Hinkley, "Bootstrap Methods and their Application", 1997, eq. 4.11), so it is never 0.
    pub p: f64,
}

/// The lower and upper ends for the pooled scores, or `None` where there are too few speakers.
pub(crate) fn intervals(counts: &Counts) -> Option<[Scores; 2]> {
    let resampled = resampled(counts)?;
    let ends =
        Measure::ALL.map(|measure| interval(resampled.iter().map(|scores| scores.get(measure)).collect()));
    Some([0, 1].map(|end| {
        let [uar, wa, macro_f1] = ends.map(|ends| ends[end]);
        Scores { uar, wa, macro_f1 }
    }))
}

/// The difference of `measure` between two variants with the same speakers, `a` minus `b`.
pub(crate) fn difference(a: &[Scores], b: &[Scores], measure: Measure) -> Difference {
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a.minus(b, measure)).collect();
    let tail = |is_beyond: fn(&f64) -> bool| {
        (differences.iter().filter(|difference| is_beyond(difference)).count() + 1) as f64
            / (differences.len() + 1) as f64
    };
    let p = (2.0 * tail(|difference| *difference <= 0.0).min(tail(|difference| *difference >= 0.0))).min(1.0);
    Difference { ci95: interval(differences), p }
}

/// The pooled scores of every draw of speakers, or `None` where there are too few speakers. Draws depend on the
/// number of speakers alone.
pub(crate) fn resampled(counts: &Counts) -> Option<Vec<Scores>> {
    let speakers = counts.speakers();
    if speakers.len() < MIN_CLUSTERS {
        return None;
    }
    let position: BTreeMap<&str, usize> = speakers.into_iter().enumerate().map(|(i, s)| (s, i)).collect();
    // One list a seed; random splits give each seed its own speakers, so it names them.
    let mut seeds = BTreeMap::<u64, Vec<(usize, Tally)>>::new();
    for ((seed, speaker), matrix) in counts.sum_by(|key| Some((key.seed, key.speaker))) {
        seeds.entry(seed).or_default().push((position[speaker], matrix.tally()));
    }
    let classes = seeds.values().next()?.first()?.1.truth.len();

    let mut random = SplitMix64(SEED);
    let mut times = vec![0; position.len()];
    let mut tally = Tally::new(classes);
    let resampled = (0..RESAMPLES)
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

    Some(resampled)
}

fn interval(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    [0.025, 0.975].map(|quantile| percentile(&values, quantile))
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
