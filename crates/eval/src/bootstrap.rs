//! Bootstrap confidence intervals of pooled figures, over speakers.
//!
//! Percentile bootstrap over clusters: speakers are drawn with replacement, as many as there are, each with all its
//! predictions of every seed. An unknown speaker has one recording. 2.5th and 97.5th percentile, interpolated
//! linearly as in numpy.

use std::collections::BTreeMap;

use affekt_domain::SplitMix64;

use crate::measure::{mean, minus};
use crate::statistic::{Figures, Statistic};
use crate::sums::Sums;

/// The number of resamples for an interval, and the minimum for a test.
pub const RESAMPLES: usize = 2000;

/// Returns the number of resamples for a number of tests that are corrected together. The smallest p of `n` draws is
/// 2 / (n + 1), which for 2 000 draws, corrected for many pairs, would be too large. It stays below 0.016 up to 300
/// pairs.
pub(crate) fn resamples(pairs: usize) -> usize {
    (130 * pairs).clamp(RESAMPLES, 40_000)
}

/// The minimum number of speakers for an interval; with fewer it would reflect the resampling more than the speakers.
pub const MIN_CLUSTERS: usize = 5;

/// A fixed seed, so that the same predictions give the same interval.
const SEED: u64 = 0x5eed_0f5b_ea4e_2501;

/// The number of draws that are summed together, so that a speaker's sums are read from memory once for all of them.
const SIDE_BY_SIDE: usize = 16;

/// The difference between the pooled scores of two variants, over the same draws of speakers.
pub(crate) struct Difference {
    /// The percentile interval.
    pub ci95: [f64; 2],
    /// Two-sided: twice the share of draws on the rarer side of zero, at most 1. The observed sample counts as one
    /// draw (Davison and Hinkley, "Bootstrap Methods and their Application", 1997, eq. 4.11), so that it is never 0.
    pub p: f64,
}

/// Computes the difference `a` minus `b` between two variants with the same speakers, from a measure of each in every
/// draw; `None` if no draw has it.
pub(crate) fn difference(a: &[Option<f64>], b: &[Option<f64>]) -> Option<Difference> {
    let differences: Vec<f64> = a.iter().zip(b).filter_map(|(a, b)| Some(minus((*a)?, (*b)?))).collect();
    let tail = |is_beyond: fn(&f64) -> bool| {
        (differences.iter().filter(|difference| is_beyond(difference)).count() + 1) as f64
            / (differences.len() + 1) as f64
    };
    let p = (2.0 * tail(|difference| *difference <= 0.0).min(tail(|difference| *difference >= 0.0))).min(1.0);
    Some(Difference { ci95: interval(differences)?, p })
}

/// Computes the interval of a pooled figure, from the figures of every draw, one per seed.
pub(crate) fn interval_of(
    resampled: &[Vec<Figures>],
    pick: impl Fn(&Figures) -> Option<f64>,
) -> Option<[f64; 2]> {
    interval(resampled.iter().filter_map(|seeds| mean(seeds.iter().filter_map(&pick))).collect())
}

/// Computes the pooled figures of each of `resamples` draws of speakers, one per seed; `None` if there are too few
/// speakers. Draws depend on the number of speakers only.
pub(crate) fn resampled<S: Statistic>(sums: &Sums<'_, S>, resamples: usize) -> Option<Vec<Vec<Figures>>> {
    let speakers = sums.speakers();
    if speakers.len() < MIN_CLUSTERS {
        return None;
    }
    let position: BTreeMap<&str, usize> = speakers.into_iter().enumerate().map(|(i, s)| (s, i)).collect();
    // One list per seed; random splits give each seed its own speakers, so they are named.
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

/// Computes the sums of each draw from the number of times it has every speaker.
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

/// Computes the interval; `None` for no values.
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
