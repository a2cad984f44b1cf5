//! Bootstrap confidence intervals of pooled figures, over speakers.
//!
//! Percentile bootstrap over clusters: speakers are drawn with replacement, as many as there are, each with all its
//! predictions of every seed. An unknown speaker has one recording. 2.5th and 97.5th percentile, interpolated
//! linearly as in numpy.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use affekt_resampling::{Columns, Draws, Times};
use rayon::prelude::*;

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

/// The number of draws that are made and summed together.
const BLOCK: usize = 64;

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

/// The sums of a variant's speakers, of which draws are made.
pub(crate) struct Resampler {
    clusters: usize,
    /// Random splits give each seed its own speakers; in the sums of a seed, those of the others are 0.
    seeds: Vec<SeedSums>,
}

struct SeedSums {
    columns: Columns,
    figures: FiguresOfSums,
}

/// Computes the figures of a draw from its sums; `None` if it has no rows.
type FiguresOfSums = Box<dyn Fn(&[f64]) -> Option<Figures> + Send + Sync>;

impl Resampler {
    /// Collects the sums; `None` if there are too few speakers.
    pub fn new<S: Statistic + Send + Sync + 'static>(sums: &Sums<'_, S>) -> Option<Self> {
        let speakers = sums.speakers();
        let clusters = speakers.len();
        if clusters < MIN_CLUSTERS {
            return None;
        }
        let position: HashMap<&str, usize> = speakers.into_iter().zip(0..).collect();
        let mut by_speaker = BTreeMap::<u64, Vec<(usize, S)>>::new();
        for ((seed, speaker), sum) in sums.sum_by(|key| Some((key.seed, key.speaker))) {
            by_speaker.entry(seed).or_default().push((position[speaker], sum));
        }
        let seeds = sums.sum_by(|key| Some(key.seed)).into_iter().map(|(seed, total)| {
            let mut columns = Columns::zeros(clusters, total.columns());
            let mut row = Vec::new();
            for (speaker, sum) in &by_speaker[&seed] {
                row.clear();
                sum.write(&total, &mut row);
                columns.set(*speaker, &row);
            }
            SeedSums { columns, figures: Box::new(move |sums| total.drawn(sums)) }
        });
        Some(Self { clusters, seeds: seeds.collect() })
    }

    /// Returns the number of speakers, on which alone draws depend.
    pub const fn clusters(&self) -> usize {
        self.clusters
    }

    /// Computes the figures of `draws` draws, one per seed that a draw has rows of.
    fn figures(&self, times: &Times, draws: usize) -> Vec<Vec<Figures>> {
        let sums: Vec<Vec<f64>> = self.seeds.iter().map(|seed| times.sums(&seed.columns)).collect();
        let of = |draw: usize| {
            let of_seed = |(seed, sums): (&SeedSums, &Vec<f64>)| {
                let columns = seed.columns.columns();
                (seed.figures)(&sums[draw * columns..][..columns])
            };
            self.seeds.iter().zip(&sums).filter_map(of_seed).collect()
        };
        (0..draws).into_par_iter().map(of).collect()
    }
}

/// Computes the pooled figures of each of `resamples` draws of speakers, one per seed.
pub(crate) fn resampled(resampler: &Resampler, resamples: usize) -> Vec<Vec<Figures>> {
    let mut draws = Draws::new(SEED, resampler.clusters);
    let mut all = Vec::with_capacity(resamples);
    while all.len() < resamples {
        let next = BLOCK.min(resamples - all.len());
        all.extend(resampler.figures(&draws.next(next), next));
    }
    all
}

/// Computes what `pick` takes of the figures of each of `resamples` draws of speakers, for every variant: all are scored
/// on the same draws. They must have the same number of speakers. `done` hears how many more draws are finished.
pub(crate) fn resampled_together<P: Sync>(
    variants: &[(&Resampler, P)],
    resamples: usize,
    pick: impl Fn(&P, &[Figures]) -> Option<f64> + Sync,
    mut done: impl FnMut(usize) -> ControlFlow<()>,
) -> ControlFlow<(), Vec<Vec<Option<f64>>>> {
    let mut all = vec![Vec::with_capacity(resamples); variants.len()];
    let Some((first, _)) = variants.first() else { return ControlFlow::Continue(all) };
    let mut draws = Draws::new(SEED, first.clusters);
    while all[0].len() < resamples {
        let next = BLOCK.min(resamples - all[0].len());
        let times = draws.next(next);
        variants.par_iter().zip(&mut all).for_each(|((resampler, of), all)| {
            all.extend(resampler.figures(&times, next).iter().map(|seeds| pick(of, seeds)));
        });
        done(next)?;
    }
    ControlFlow::Continue(all)
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
