//! Spans by chance: how many and where as in `_compute_mask_indices` of transformers. At least the given number, else as
//! many as the share asks for, rounded by chance; they begin anywhere where they fit, each elsewhere, and may overlap.

use affekt_spec::network::SpansOver;
use affekt_torch::Random;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::EncoderConfig;
use super::valid::Valid;

/// How much of a row is masked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spans {
    /// About the share of positions masked, if spans did not overlap.
    pub share: f64,
    /// Positions of a span.
    pub length: usize,
    /// Spans at least.
    pub least: usize,
}

impl Spans {
    /// Those of frames that a configuration asks for.
    #[must_use]
    pub const fn of_frames(config: &EncoderConfig) -> Self {
        let (share, length) = (config.mask_time_prob, config.mask_time_length);
        Self { share, length, least: config.mask_time_min_masks }
    }

    /// Those of features.
    #[must_use]
    pub const fn of_features(config: &EncoderConfig) -> Self {
        let (share, length) = (config.mask_feature_prob, config.mask_feature_length);
        Self { share, length, least: config.mask_feature_min_masks }
    }

    /// `[clips, total]`, on the CPU, true at spans, for rows of `total` positions of which the first `counts` are a clip's.
    pub fn mask(&self, counts: &[i64], total: i64, over: SpansOver, random: &mut Random) -> Tensor {
        self.draw(&Valid::new(counts.to_vec(), total), over, random)
    }

    pub(super) fn draw(&self, valid: &Valid, over: SpansOver, random: &mut Random) -> Tensor {
        let total = valid.total() as usize;
        let rounding = f64::from(random.uniform(0.0, 1.0)); // one for the batch
        let mut masked = vec![false; valid.counts().len() * total];
        for (row, &count) in masked.chunks_exact_mut(total).zip(valid.counts()) {
            let count = count as usize;
            let drawn_over = match over {
                SpansOver::Clips => count,
                SpansOver::Rows => total,
            };
            let mut starts: Vec<usize> = (0..(drawn_over + 1).saturating_sub(self.length)).collect();
            let spans = (self.share * drawn_over as f64 / self.length as f64 + rounding) as usize;
            let spans = spans.max(self.least).min(total / self.length);
            random.shuffle(&mut starts);
            for start in starts.into_iter().take(spans) {
                row[start..start + self.length].fill(true);
            }
            row[count..].fill(false);
        }
        Tensor::from_slice(&masked).view([valid.counts().len() as i64, total as i64])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(spans: &Spans, counts: &[i64], total: i64, over: SpansOver, seed: u64) -> Vec<Vec<bool>> {
        Vec::try_from(spans.mask(counts, total, over, &mut Random::new(seed, "test"))).unwrap()
    }

    fn masked(row: &[bool]) -> usize {
        row.iter().filter(|masked| **masked).count()
    }

    #[test]
    fn spans_lie_within_the_clip() {
        let spans = Spans { share: 0.05, length: 10, least: 2 };
        for seed in 0..200 {
            let rows = drawn(&spans, &[149, 30, 9], 149, SpansOver::Clips, seed);
            let counts: Vec<_> = rows.iter().map(|row| masked(row)).collect();
            // Two spans at least, which may overlap in all but a frame; none where none fits.
            assert!((11..=20).contains(&counts[0]) && (11..=20).contains(&counts[1]), "{counts:?}");
            assert!(rows[1][30..].iter().all(|masked| !masked));
            assert_eq!(counts[2], 0);
        }
    }

    #[test]
    fn spans_over_rows_are_cut_where_clips_end() {
        let spans = Spans { share: 0.05, length: 10, least: 2 };
        let rows: Vec<_> =
            (0..500).map(|seed| drawn(&spans, &[149, 30, 9], 149, SpansOver::Rows, seed)).collect();
        assert!(rows.iter().all(|rows| (11..=20).contains(&masked(&rows[0]))));
        assert!(rows.iter().all(|rows| !rows[1][30..].contains(&true) && !rows[2][9..].contains(&true)));
        // Some spans of the short clips are cut, and some clips have none: neither happens within clips.
        assert!(rows.iter().any(|rows| masked(&rows[1]) == 0));
        assert!(rows.iter().any(|rows| (1..10).contains(&masked(&rows[1]))));
        assert!(rows.iter().any(|rows| masked(&rows[2]) > 0));
        // In the middle of the row, each of two starts of 140 covers a frame with a chance of 10 / 140.
        let middle = rows.iter().filter(|rows| rows[0][75]).count() as f64 / 500.0;
        let expected = 1.0 - (1.0 - 10.0 / 140.0) * (1.0 - 10.0 / 139.0);
        assert!((middle - expected).abs() < 0.077, "{middle} of {expected}"); // five standard errors
    }

    #[test]
    fn rounding_by_chance_keeps_the_mean() {
        // Spans of one frame do not overlap: 0.07 · 50 = 3.5 of them.
        let spans = Spans { share: 0.07, length: 1, least: 0 };
        let count = |seed| masked(&drawn(&spans, &[50], 50, SpansOver::Clips, seed)[0]);
        let counts: Vec<_> = (0..1000).map(count).collect();
        assert!(counts.iter().all(|count| [3, 4].contains(count)));
        let mean = counts.iter().sum::<usize>() as f64 / 1000.0;
        assert!((mean - 3.5).abs() < 0.08, "{mean}"); // five standard errors
    }
}
