//! How far a pooled figure might lie from what other speakers would have given.
//!
//! Percentile bootstrap over clusters: speakers are drawn with replacement, as many as there are, each with all
//! its predictions of every seed. A speaker whom the corpus does not tell has one recording. 2.5th and 97.5th percentile, interpolated linearly as numpy does.

use std::collections::BTreeMap;

use affekt_domain::SplitMix64;

use crate::measure::{mean, minus};
use crate::statistic::{Figures, Statistic};
use crate::sums::Sums;

/// How many times the speakers are resampled for an interval, and at least for a test.
pub const RESAMPLES: usize = 2000;

/// How many times they are resampled for so many tests that are corrected together. The smallest p that `n` draws can give
/// is 2 / (n + 1); corrected for many pairs, that of 2 000 draws would be too large to tell anything. It stays under 0.016 up
/// to 300 pairs.
pub(crate) fn resamples(pairs: usize) -> usize {
    (130 * pairs).clamp(RESAMPLES, 40_000)
}

/// Under this number of speakers an interval would say more about the resampling than about speakers.
pub const MIN_CLUSTERS: usize = 5;

/// Any fixed number: the same predictions must give the same interval.
const SEED: u64 = 0x5eed_0f5b_ea4e_2501;

/// So many draws are added up side by side: a speaker's sums are then read from memory once for all of them.
const SIDE_BY_SIDE: usize = 16;

/// How the pooled score of one variant differs from that of another over the same draws of speakers.
pub(crate) struct Difference {
    /// The percentile interval.
    pub ci95: [f64; 2],
    /// Two-sided: twice the share of draws on the rarer side of no difference, at most 1. The observed sample counts
    /// as one draw (Davison and Hinkley, "Bootstrap Methods and their Application", 1997, eq. 4.11), so it is never 0.
    pub p: f64,
}

/// The difference between two variants with the same speakers, `a` minus `b`, given what a measure of each comes to in
/// every draw; `None` where no draw has it.
pub(crate) fn difference(a: &[Option<f64>], b: &[Option<f64>]) -> Option<Difference> {
    let differences: Vec<f64> = a.iter().zip(b).filter_map(|(a, b)| Some(minus((*a)?, (*b)?))).collect();
    let tail = |is_beyond: fn(&f64) -> bool| {
        (differences.iter().filter(|difference| is_beyond(difference)).count() + 1) as f64
            / (differences.len() + 1) as f64
    };
    let p = (2.0 * tail(|difference| *difference <= 0.0).min(tail(|difference| *difference >= 0.0))).min(1.0);
    Some(Difference { ci95: interval(differences)?, p })
}

/// The interval of a pooled figure, given what every draw comes to, a figure a seed.
pub(crate) fn interval_of(
    resampled: &[Vec<Figures>],
    pick: impl Fn(&Figures) -> Option<f64>,
) -> Option<[f64; 2]> {
    interval(resampled.iter().filter_map(|seeds| mean(seeds.iter().filter_map(&pick))).collect())
}

/// The pooled figures of each of `resamples` draws of speakers, one for each seed; `None` where there are too few speakers.
/// Draws depend on the number of speakers alone.
pub(crate) fn resampled<S: Statistic>(sums: &Sums<'_, S>, resamples: usize) -> Option<Vec<Vec<Figures>>> {
    let speakers = sums.speakers();
    if speakers.len() < MIN_CLUSTERS {
        return None;
    }
    let position: BTreeMap<&str, usize> = speakers.into_iter().enumerate().map(|(i, s)| (s, i)).collect();
    // One list a seed; random splits give each seed its own speakers, so it names them.
    let mut seeds = BTreeMap::<u64, Vec<(usize, S)>>::new();
    for ((seed, speaker), sum) in sums.sum_by(|key| Some((key.seed, key.speaker))) {
        seeds.entry(seed).or_default().push((position[speaker], sum));
    }

    let mut random = SplitMix64(SEED);
    let mut times = vec![[0; SIDE_BY_SIDE]; position.len()];
    let mut all = Vec::with_capacity(resamples);
    while all.len() < resamples {
        times.fill([0; SIDE_BY_SIDE]);
        for draw in 0..SIDE_BY_SIDE {
            for _ in 0..times.len() {
                times[random.below(position.len())][draw] += 1;
            }
        }
        let mut figures: [Vec<Figures>; SIDE_BY_SIDE] = Default::default();
        for speakers in seeds.values() {
            for (figures, sum) in figures.iter_mut().zip(drawn(speakers, &times)) {
                figures.extend((sum.rows() > 0).then(|| sum.figures()));
            }
        }
        all.extend(figures);
    }
    all.truncate(resamples);
    Some(all)
}

/// What each draw adds up to, given how often it has every speaker.
fn drawn<S: Statistic>(speakers: &[(usize, S)], times: &[[u32; SIDE_BY_SIDE]]) -> Vec<S> {
    let Some((_, first)) = speakers.first() else { return Vec::new() };
    let mut empty = first.clone();
    empty.clear();
    let mut sums = vec![empty; SIDE_BY_SIDE];
    for (speaker, own) in speakers {
        for (sum, times) in sums.iter_mut().zip(times[*speaker]) {
            if times > 0 {
                sum.add(own, times);
            }
        }
    }
    sums
}

/// `None` for no values.
fn interval(mut values: Vec<f64>) -> Option<[f64; 2]> {
    values.sort_by(f64::total_cmp);
    (!values.is_empty()).then(|| [0.025, 0.975].map(|quantile| percentile(&values, quantile)))
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
