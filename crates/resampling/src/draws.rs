//! Draws with replacement, as the number of times that each has every cluster.

use affekt_domain::SplitMix64;

use crate::columns::Columns;
use crate::product::product;

/// Draws that are computed side by side: each number of a panel is loaded once for all of them.
pub(crate) const GROUP: usize = 4;

/// A stream of draws of as many clusters as there are. It depends on seed and number of clusters alone.
#[derive(Debug, Clone)]
pub struct Draws {
    random: SplitMix64,
    clusters: usize,
}

/// The number of times that each of some draws has every cluster.
#[derive(Debug, Clone)]
pub struct Times {
    draws: usize,
    clusters: usize,
    /// `[groups, clusters, GROUP]`
    groups: Vec<[f64; GROUP]>,
}

impl Draws {
    /// Begins the stream.
    #[must_use]
    pub const fn new(seed: u64, clusters: usize) -> Self {
        Self { random: SplitMix64(seed), clusters }
    }

    /// Makes the next draws.
    pub fn next(&mut self, draws: usize) -> Times {
        let mut groups = vec![[0.0; GROUP]; draws.div_ceil(GROUP) * self.clusters];
        for draw in 0..draws {
            let group = &mut groups[draw / GROUP * self.clusters..][..self.clusters];
            for _ in 0..self.clusters {
                group[self.random.below(self.clusters)][draw % GROUP] += 1.0;
            }
        }
        Times { draws, clusters: self.clusters, groups }
    }
}

impl Times {
    /// Returns the sums of every draw, `[draws, columns]`, computed on all cores.
    ///
    /// # Panics
    /// Panics if `columns` is of another number of clusters.
    #[must_use]
    pub fn sums(&self, columns: &Columns) -> Vec<f64> {
        assert_eq!(columns.clusters(), self.clusters, "draws of other clusters");
        product(self, columns)
    }

    pub(crate) const fn draws(&self) -> usize {
        self.draws
    }

    /// Iterates over the groups of draws, `[clusters, GROUP]` each.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &[[f64; GROUP]]> {
        self.groups.chunks_exact(self.clusters.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sums by their definition, cluster by cluster.
    fn plain(times: &[Vec<f64>], rows: &[Vec<f64>]) -> Vec<f64> {
        let of = |times: &Vec<f64>| {
            let mut sums = vec![0.0; rows[0].len()];
            for (times, row) in times.iter().zip(rows) {
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += times * value);
            }
            sums
        };
        times.iter().flat_map(of).collect()
    }

    #[test]
    fn sums_are_those_of_the_definition_to_the_last_bit() {
        // Sizes that do and do not fill groups, panels and blocks.
        for (draws, clusters, columns) in [(1, 5, 1), (4, 8, 12), (7, 1100, 13), (18, 513, 40)] {
            let mut random = SplitMix64(3);
            let rows: Vec<Vec<f64>> = (0..clusters)
                .map(|_| (0..columns).map(|_| random.below(1 << 40) as f64 / 7e9 - 70.0).collect())
                .collect();
            let mut matrix = Columns::zeros(clusters, columns);
            rows.iter().enumerate().for_each(|(cluster, row)| matrix.set(cluster, row));
            let mut random = SplitMix64(9);
            let times: Vec<Vec<f64>> = (0..draws)
                .map(|_| {
                    let mut times = vec![0.0; clusters];
                    (0..clusters).for_each(|_| times[random.below(clusters)] += 1.0);
                    times
                })
                .collect();
            let sums = Draws::new(9, clusters).next(draws).sums(&matrix);
            assert_eq!(sums, plain(&times, &rows), "{draws} × {clusters} × {columns}");
        }
    }

    #[test]
    fn one_stream_is_the_same_in_parts() {
        let mut matrix = Columns::zeros(6, 1);
        (0..6).for_each(|cluster| matrix.set(cluster, &[10.0_f64.powi(cluster as i32)]));
        let whole = Draws::new(1, 6).next(10).sums(&matrix);
        let mut parts = Draws::new(1, 6);
        let joined = [parts.next(3).sums(&matrix), parts.next(7).sums(&matrix)].concat();
        assert_eq!(joined, whole);
        // A draw has as many clusters as there are.
        let digits = |sum: &f64| sum.to_string().chars().filter_map(|digit| digit.to_digit(10)).sum::<u32>();
        assert!(whole.iter().all(|sum| digits(sum) == 6), "{whole:?}");
    }
}
