//! Which rows make a batch, and in what order the batches come: a function of seed and epoch.

use affekt_torch::Random;
use serde::{Deserialize, Serialize};

use crate::{Examples, TrainConfig};

/// How batches are put together.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Batching {
    /// `batch_size` rows at random.
    #[default]
    Shuffled,
    /// Waveforms of about the same length, so that little is padding; the batches in random order.
    Bucketed {
        /// As many as fit into so many seconds, padding counted, and at least one; without it, `batch_size` of them.
        #[serde(default)]
        seconds: Option<f64>,
        /// Rows are sorted by their length times a number within 1 ± this, so that each epoch has other batches.
        #[serde(default = "default_noise")]
        noise: f64,
    },
}

/// What [`Batching::Bucketed`] takes where `noise` is not given.
pub const fn default_noise() -> f64 {
    0.1
}

/// The batches of a stage's epochs.
pub struct Order {
    batching: Batching,
    batch_size: usize,
    drop_last: bool,
    seed: u64,
    rows: Vec<usize>,
    /// Of each of the examples' rows, as trained on; none where they are all alike.
    lengths: Vec<usize>,
    /// Of a batch, padding counted.
    samples: usize,
    /// How many batches there are before each epoch, and in all.
    before: Vec<u64>,
}

impl Order {
    /// The order of training rows in `max_epochs` epochs. Everything was checked.
    pub fn new(
        config: &TrainConfig,
        seed: u64,
        examples: &dyn Examples,
        rows: &[usize],
        max_epochs: u32,
    ) -> Self {
        let rate_hz = examples.rate_hz().unwrap_or(0);
        let most = config.crop.map_or(usize::MAX, |crop| crop.samples(rate_hz));
        let (lengths, samples) = match config.batching {
            Batching::Shuffled => (Vec::new(), 0),
            Batching::Bucketed { seconds, .. } => (
                (0..examples.len()).map(|row| examples.values(row).len().min(most)).collect(),
                seconds.map_or(usize::MAX, |seconds| (seconds * f64::from(rate_hz)) as usize),
            ),
        };
        let mut order = Self {
            batching: config.batching,
            batch_size: config.batch_size,
            drop_last: config.drop_last,
            seed,
            rows: rows.to_vec(),
            lengths,
            samples,
            before: vec![0],
        };
        let mut before = 0;
        for epoch in 1..=max_epochs {
            before += order.count(epoch);
            order.before.push(before);
        }
        order
    }

    /// The batches of an epoch, from 1.
    pub fn epoch(&self, epoch: u32) -> Vec<Vec<usize>> {
        let mut random = Random::new(self.seed, &format!("epoch {epoch}"));
        let mut rows = self.rows.clone();
        random.shuffle(&mut rows);
        if self.drop_last {
            // Before they are sorted, or those left out would be the longest.
            rows.truncate(rows.len() / self.batch_size * self.batch_size);
        }
        let chunks = |rows: &[usize]| rows.chunks(self.batch_size).map(<[usize]>::to_vec).collect();
        let Batching::Bucketed { seconds, noise } = self.batching else { return chunks(&rows) };
        let mut noised: Vec<(f64, usize)> = rows
            .into_iter()
            .map(|row| {
                let factor = 1.0 + noise * f64::from(random.uniform(-1.0, 1.0));
                (self.lengths[row] as f64 * factor, row)
            })
            .collect();
        // Stable: rows of the same length stay shuffled.
        noised.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let sorted: Vec<usize> = noised.into_iter().map(|(_, row)| row).collect();
        let mut batches = if seconds.is_some() { self.filled(&sorted) } else { chunks(&sorted) };
        random.shuffle(&mut batches);
        batches
    }

    /// Batches of as many rows as fit.
    fn filled(&self, sorted: &[usize]) -> Vec<Vec<usize>> {
        let mut batches: Vec<Vec<usize>> = Vec::new();
        let mut longest = 0;
        for &row in sorted {
            longest = self.lengths[row].max(longest);
            match batches.last_mut() {
                Some(batch) if (batch.len() + 1).saturating_mul(longest) <= self.samples => batch.push(row),
                _ => {
                    longest = self.lengths[row];
                    batches.push(vec![row]);
                }
            }
        }
        batches
    }

    /// How many batches an epoch has.
    fn count(&self, epoch: u32) -> u64 {
        let count = match self.batching {
            Batching::Bucketed { seconds: Some(_), .. } => self.epoch(epoch).len(),
            _ if self.drop_last => self.rows.len() / self.batch_size,
            _ => self.rows.len().div_ceil(self.batch_size),
        };
        count as u64
    }

    /// How many batches come before an epoch, from 1.
    pub fn before(&self, epoch: u32) -> u64 {
        self.before.get(epoch as usize - 1).copied().unwrap_or_else(|| self.total())
    }

    /// How many batches there are in all epochs.
    pub fn total(&self) -> u64 {
        self.before.last().copied().unwrap_or(0)
    }
}
