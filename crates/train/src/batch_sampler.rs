//! Draws batches: which rows make one, and in what order they come, are functions of seed and epoch.

use std::collections::BTreeMap;

use affekt_spec::training::{Balance, Counted};
use affekt_torch::Random;

use crate::{Batching, Dataset, Target, TrainConfig};

/// How long a training is.
#[derive(Debug, Clone, Copy)]
pub enum TrainLength {
    /// So many epochs.
    Epochs(u32),
    /// So many steps: the last epoch ends where they do.
    Steps(u64),
}

/// Draws the batches of a stage's epochs.
pub struct BatchSampler {
    batching: Batching,
    batch_size: usize,
    drop_last: bool,
    seed: u64,
    rows: Vec<usize>,
    /// The same by what batches are balanced by; none where they are not.
    groups: Vec<Vec<usize>>,
    /// Of each of the examples' rows, as trained on; none where they are all alike.
    lengths: Vec<usize>,
    /// Of a batch.
    samples: usize,
    /// Of a batch at the least: one of fewer joins the one before.
    least_rows: usize,
    /// How many batches there are before each epoch, and in all.
    before: Vec<u64>,
}

impl BatchSampler {
    /// Returns a sampler of training rows, whose batches have `least_rows` at the least. Everything was checked.
    pub fn new(
        config: &TrainConfig,
        seed: u64,
        dataset: &dyn Dataset,
        rows: &[usize],
        length: TrainLength,
        least_rows: usize,
    ) -> Self {
        let rate_hz = dataset.rate_hz().unwrap_or(0);
        let most = config.optimisation.crop.map_or(usize::MAX, |crop| crop.samples(rate_hz));
        let (lengths, samples) = match config.optimisation.batching {
            Batching::Shuffled | Batching::Balanced { .. } => (Vec::new(), 0),
            Batching::Bucketed { seconds, .. } => (
                (0..dataset.len()).map(|row| dataset.values(row).len().min(most)).collect(),
                seconds.map_or(usize::MAX, |seconds| (seconds * f64::from(rate_hz)) as usize),
            ),
        };
        let mut order = Self {
            batching: config.optimisation.batching,
            batch_size: config.optimisation.batch_size,
            drop_last: config.optimisation.drop_last,
            seed,
            rows: rows.to_vec(),
            groups: match config.optimisation.batching {
                Batching::Balanced { balance } => groups(dataset, rows, balance),
                Batching::Shuffled | Batching::Bucketed { .. } => Vec::new(),
            },
            lengths,
            samples,
            least_rows,
            before: vec![0],
        };
        let (epochs, steps) = match length {
            TrainLength::Epochs(epochs) => (epochs, u64::MAX),
            TrainLength::Steps(steps) => (u32::MAX, steps),
        };
        let mut before = 0_u64;
        for epoch in 1..=epochs {
            before += order.count(epoch);
            order.before.push(before.min(steps));
            if before >= steps {
                break;
            }
        }
        order
    }

    /// Returns how many epochs there are, the last of which may be a part of one.
    pub fn epochs(&self) -> u32 {
        self.before.len() as u32 - 1
    }

    /// Returns the batches of an epoch, from 1.
    pub fn epoch(&self, epoch: u32) -> Vec<Vec<usize>> {
        let mut random = Random::new(self.seed, &format!("epoch {epoch}"));
        let mut rows = match self.batching {
            Batching::Balanced { .. } => balanced(&self.groups, self.rows.len(), &mut random),
            Batching::Shuffled | Batching::Bucketed { .. } => {
                let mut rows = self.rows.clone();
                random.shuffle(&mut rows);
                rows
            }
        };
        let fills = matches!(self.batching, Batching::Bucketed { seconds: Some(_), .. });
        if self.drop_last && !fills {
            // Before they are sorted, or those left out would be the longest.
            rows.truncate(rows.len() / self.batch_size * self.batch_size);
        }
        let chunks = |rows: &[usize]| rows.chunks(self.batch_size).map(<[usize]>::to_vec).collect();
        let Batching::Bucketed { seconds, counted, noise } = self.batching else {
            return self.up_to_the_end(epoch, self.merged(chunks(&rows)));
        };
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
        let batches = match (seconds, counted) {
            (None, _) => chunks(&sorted),
            (Some(_), Counted::Padded) => self.filled(&sorted),
            (Some(_), Counted::Unpadded) => self.closed(&sorted),
        };
        let mut batches = self.merged(batches);
        random.shuffle(&mut batches);
        self.up_to_the_end(epoch, batches)
    }

    /// Keeps what of an epoch's batches comes before the training's last step.
    fn up_to_the_end(&self, epoch: u32, mut batches: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
        let epoch = epoch as usize;
        if let (Some(before), Some(after)) = (self.before.get(epoch - 1), self.before.get(epoch)) {
            batches.truncate((after - before) as usize);
        }
        batches
    }

    /// Joins every batch of too few rows to the one before it, and a first one to the second.
    fn merged(&self, batches: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
        let mut merged: Vec<Vec<usize>> = Vec::with_capacity(batches.len());
        for batch in batches {
            match merged.last_mut() {
                Some(last) if last.len().min(batch.len()) < self.least_rows => last.extend(batch),
                _ => merged.push(batch),
            }
        }
        merged
    }

    /// Makes batches of as many rows as fit.
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

    /// Makes batches that are closed once their rows, without padding, reach the samples of a batch. The last one, of the
    /// longest, may not.
    fn closed(&self, sorted: &[usize]) -> Vec<Vec<usize>> {
        let mut batches: Vec<Vec<usize>> = Vec::new();
        let mut batch = Vec::new();
        let mut samples = 0;
        for &row in sorted {
            batch.push(row);
            samples += self.lengths[row];
            if samples >= self.samples {
                batches.push(std::mem::take(&mut batch));
                samples = 0;
            }
        }
        if !batch.is_empty() && !self.drop_last {
            batches.push(batch);
        }
        batches
    }

    /// Returns how many batches an epoch has.
    fn count(&self, epoch: u32) -> u64 {
        let count = match self.batching {
            Batching::Bucketed { seconds: Some(_), .. } => self.epoch(epoch).len(),
            _ if self.drop_last => self.rows.len() / self.batch_size,
            _ => {
                let (whole, left) = (self.rows.len() / self.batch_size, self.rows.len() % self.batch_size);
                let joins = whole > 0 && left < self.least_rows;
                whole + usize::from(left > 0 && !joins)
            }
        };
        count as u64
    }

    /// Returns how many batches come before an epoch, from 1.
    pub fn before(&self, epoch: u32) -> u64 {
        self.before.get(epoch as usize - 1).copied().unwrap_or_else(|| self.total())
    }

    /// Returns how many batches there are in all epochs.
    pub fn total(&self) -> u64 {
        self.before.last().copied().unwrap_or(0)
    }
}

/// Returns the rows of each class, speaker or corpus.
fn groups(dataset: &dyn Dataset, rows: &[usize], balance: Balance) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<(i64, &str), Vec<usize>> = BTreeMap::new();
    for &row in rows {
        let speaker = dataset.speaker(row);
        let group = match (balance, dataset.target(row)) {
            (Balance::Class, Target::Class(class)) => (class, ""),
            (Balance::Class, Target::Values(_)) => (0, ""), // refused before
            (Balance::Speaker, _) => (0, speaker),
            (Balance::Corpus, _) => (0, speaker.split_once('/').map_or(speaker, |(corpus, _)| corpus)),
        };
        groups.entry(group).or_default().push(row);
    }
    groups.into_values().collect()
}

/// Draws `count` rows in which groups take turns, so that any stretch of them holds as many of each group but for one: rows of a
/// small group come again, those of a large one are not all there. Each group is gone through in random order, and anew once all
/// of it came.
fn balanced(groups: &[Vec<usize>], count: usize, random: &mut Random) -> Vec<usize> {
    let mut left: Vec<Vec<usize>> = vec![Vec::new(); groups.len()];
    let mut turns: Vec<usize> = (0..groups.len()).collect();
    let mut drawn = Vec::with_capacity(count);
    while drawn.len() < count {
        random.shuffle(&mut turns);
        for &group in &turns {
            let left = &mut left[group];
            if left.is_empty() {
                left.clone_from(&groups[group]);
                random.shuffle(left);
            }
            drawn.extend(left.pop());
        }
    }
    drawn.truncate(count);
    drawn
}

#[cfg(test)]
mod tests {
    use affekt_domain::Role;
    use affekt_models::InputShape;

    use affekt_spec::training::{Counted, Optimisation};

    use super::*;
    use crate::Target;

    /// 100 waveforms of 1 to 100 samples, at 10 Hz.
    struct Lengths(Vec<f32>);

    impl Dataset for Lengths {
        fn len(&self) -> usize {
            100
        }
        fn input(&self) -> InputShape {
            InputShape::Waveforms
        }
        fn rate_hz(&self) -> Option<u32> {
            Some(10)
        }
        fn values(&self, row: usize) -> &[f32] {
            &self.0[..=row]
        }
        fn target(&self, _: usize) -> Target<'_> {
            Target::Class(0)
        }
        fn name(&self, _: usize) -> &str {
            "length"
        }
        fn speaker(&self, _: usize) -> &str {
            "C/1"
        }
        fn role(&self, _: usize) -> Option<Role> {
            Some(Role::Train)
        }
    }

    fn order(config: &TrainConfig) -> BatchSampler {
        let rows: Vec<usize> = (0..100).collect();
        BatchSampler::new(config, 1, &Lengths(vec![0.0; 100]), &rows, TrainLength::Epochs(3), 1)
    }

    fn config(batching: Batching) -> TrainConfig {
        TrainConfig {
            optimisation: Optimisation { batching, batch_size: 8, ..Optimisation::default() },
            ..TrainConfig::default()
        }
    }

    /// What share of the batches is padding.
    fn padding(batches: &[Vec<usize>]) -> f64 {
        let samples: usize = batches.iter().flatten().map(|row| row + 1).sum();
        let padded: usize = batches.iter().map(|batch| batch.len() * (batch.iter().max().unwrap() + 1)).sum();
        1.0 - samples as f64 / padded as f64
    }

    const BUCKETED: Batching = Batching::Bucketed { seconds: None, counted: Counted::Padded, noise: 0.1 };
    const FILLED: Batching = Batching::Bucketed { seconds: Some(40.0), counted: Counted::Padded, noise: 0.1 };
    const CLOSED: Batching =
        Batching::Bucketed { seconds: Some(40.0), counted: Counted::Unpadded, noise: 0.1 };

    #[test]
    fn every_row_comes_once_an_epoch_and_every_epoch_is_another() {
        for batching in [Batching::Shuffled, BUCKETED, FILLED, CLOSED] {
            let order = order(&config(batching));
            let [first, second] = [1, 2].map(|epoch| order.epoch(epoch));
            for epoch in [&first, &second] {
                let mut rows = epoch.concat();
                rows.sort_unstable();
                assert!(rows.into_iter().eq(0..100), "{batching:?}");
            }
            assert_eq!(order.epoch(1), first);
            assert_ne!(first, second);
            let counts: Vec<u64> = (1..=3).map(|epoch| order.epoch(epoch).len() as u64).collect();
            assert_eq!(order.total(), counts.iter().sum::<u64>());
            assert_eq!([1, 2, 3].map(|epoch| order.before(epoch)), [0, counts[0], counts[0] + counts[1]]);
        }
    }

    #[test]
    fn buckets_hold_waveforms_of_a_length() {
        let [shuffled, bucketed, filled] =
            [Batching::Shuffled, BUCKETED, FILLED].map(|batching| order(&config(batching)).epoch(1));
        assert!(padding(&shuffled) > 0.3, "{}", padding(&shuffled));
        assert!(padding(&bucketed) < 0.15, "{}", padding(&bucketed));
        assert!(padding(&filled) < 0.15, "{}", padding(&filled));
        assert!(bucketed.iter().filter(|batch| batch.len() == 8).count() == 12);
        // Batches do not come in the order of their lengths.
        let longest: Vec<_> = bucketed.iter().map(|batch| batch.iter().max()).collect();
        assert!(!longest.is_sorted());
    }

    #[test]
    fn batches_are_filled_up_to_their_seconds_and_no_further() {
        for batch in order(&config(FILLED)).epoch(1) {
            let padded = batch.len() * (batch.iter().max().unwrap() + 1);
            assert!(padded <= 400 || batch.len() == 1, "{batch:?}");
        }
        let crop = Some(crate::Crop { seconds: 1.0, at: crate::CropAt::Start });
        let cropped = order(&TrainConfig {
            optimisation: Optimisation { crop, ..config(FILLED).optimisation },
            ..config(FILLED)
        })
        .epoch(1);
        assert_eq!(cropped.iter().filter(|batch| batch.len() >= 40).count(), 2);
        let tiny = Batching::Bucketed { seconds: Some(0.01), counted: Counted::Padded, noise: 0.0 };
        assert_eq!(order(&config(tiny)).epoch(1).len(), 100);
    }

    #[test]
    fn batches_are_closed_once_their_own_seconds_reach_the_limit() {
        let samples = |batch: &[usize]| batch.iter().map(|row| row + 1).sum::<usize>();
        let whole = order(&config(CLOSED)).epoch(1);
        let (full, rest): (Vec<_>, Vec<_>) = whole.iter().partition(|batch| samples(batch) >= 400);
        assert!(rest.len() <= 1, "{rest:?}");
        // Without its last row, of 100 samples at most, none reaches it.
        assert!(full.iter().all(|batch| samples(batch) < 400 + 100) && full.len() > 5, "{full:?}");
        assert_ne!(whole, order(&config(FILLED)).epoch(1));

        let dropping = order(&TrainConfig {
            optimisation: Optimisation { drop_last: true, ..config(CLOSED).optimisation },
            ..config(CLOSED)
        });
        for epoch in 1..=3 {
            let batches = dropping.epoch(epoch);
            assert!(batches.iter().all(|batch| samples(batch) >= 400));
            assert_eq!(dropping.before(epoch + 1) - dropping.before(epoch), batches.len() as u64);
        }
        assert_eq!(dropping.epoch(1).len(), full.len());
    }

    /// 100 rows, of which one in ten is of class 1, of four speakers in two corpora.
    struct Skewed;

    impl Dataset for Skewed {
        fn len(&self) -> usize {
            100
        }
        fn input(&self) -> InputShape {
            InputShape::Frames([1, 1])
        }
        fn values(&self, _: usize) -> &[f32] {
            &[0.0]
        }
        fn target(&self, row: usize) -> Target<'_> {
            Target::Class(i64::from(row.is_multiple_of(10)))
        }
        fn name(&self, _: usize) -> &str {
            "row"
        }
        fn speaker(&self, row: usize) -> &str {
            ["A/1", "B/1", "B/2", "B/3"]
                [usize::from(row >= 5) + usize::from(row >= 20) + usize::from(row >= 90)]
        }
        fn role(&self, _: usize) -> Option<Role> {
            Some(Role::Train)
        }
    }

    #[test]
    fn balanced_batches_hold_as_many_of_each() {
        let rows: Vec<usize> = (0..100).collect();
        for (balance, groups) in [(Balance::Class, 2), (Balance::Speaker, 4), (Balance::Corpus, 2)] {
            let config = config(Batching::Balanced { balance });
            let sampler = BatchSampler::new(&config, 1, &Skewed, &rows, TrainLength::Epochs(2), 1);
            let of = |row: usize| match balance {
                Balance::Class => row.is_multiple_of(10),
                Balance::Speaker => row < 5,
                Balance::Corpus => row < 5,
            };
            let batches = sampler.epoch(1);
            assert_eq!((batches.len(), batches.concat().len() as u64), (13, 100));
            assert_eq!(sampler.total(), 26);
            for batch in batches.iter().filter(|batch| batch.len() == 8) {
                assert_eq!(
                    batch.iter().filter(|row| of(**row)).count(),
                    8 / groups,
                    "{balance:?}: {batch:?}"
                );
            }
            // Every row of a small group comes, as often as any other of it but for once.
            let mut times = BTreeMap::new();
            batches
                .concat()
                .into_iter()
                .filter(|row| of(*row))
                .for_each(|row| *times.entry(row).or_insert(0) += 1);
            let (least, most) = (times.values().min().unwrap(), times.values().max().unwrap());
            assert!(
                times.len() == if balance == Balance::Class { 10 } else { 5 } && most - least <= 1,
                "{times:?}"
            );
            assert_eq!(sampler.epoch(1), batches);
            assert_ne!(sampler.epoch(2), batches);
        }
    }

    #[test]
    fn dropping_the_last_drops_at_random() {
        for batching in [Batching::Shuffled, BUCKETED] {
            let order = order(&TrainConfig {
                optimisation: Optimisation { drop_last: true, ..config(batching).optimisation },
                ..config(batching)
            });
            let mut dropped = Vec::new();
            for epoch in 1..=3 {
                let batches = order.epoch(epoch);
                assert!(batches.len() == 12 && batches.iter().all(|batch| batch.len() == 8));
                dropped.extend((0..100).filter(|row| !batches.iter().any(|batch| batch.contains(row))));
            }
            assert!(dropped.len() == 12 && dropped.iter().any(|row| *row < 50), "{dropped:?}");
            assert_eq!(order.total(), 36);
        }
    }

    #[test]
    fn a_batch_of_too_few_rows_joins_the_one_before() {
        let dataset = Lengths(vec![0.0; 100]);
        let sizes = |batching, rows: usize, least_rows| {
            let rows: Vec<usize> = (0..rows).collect();
            let length = TrainLength::Epochs(2);
            let sampler = BatchSampler::new(&config(batching), 1, &dataset, &rows, length, least_rows);
            let batches = sampler.epoch(1);
            assert_eq!(sampler.before(2), batches.len() as u64, "{batching:?}");
            let mut seen = batches.concat();
            seen.sort_unstable();
            assert_eq!(seen, rows, "{batching:?}");
            let mut sizes: Vec<usize> = batches.iter().map(Vec::len).collect();
            sizes.sort_unstable();
            sizes
        };
        for batching in [Batching::Shuffled, BUCKETED] {
            assert_eq!(sizes(batching, 25, 1), [1, 8, 8, 8]);
            assert_eq!(sizes(batching, 25, 2), [8, 8, 9]);
            assert_eq!(sizes(batching, 26, 2), [2, 8, 8, 8]);
            assert_eq!(sizes(batching, 24, 2), [8, 8, 8]);
            assert_eq!(sizes(batching, 1, 2), [1], "there is none before");
        }
        assert!(sizes(FILLED, 100, 1).contains(&4) && sizes(FILLED, 100, 5).iter().all(|size| *size >= 5));
    }

    #[test]
    fn steps_end_in_the_middle_of_an_epoch() {
        for batching in [Batching::Shuffled, FILLED] {
            let config = config(batching);
            let whole = order(&config);
            let (one, steps) = (whole.before(2), whole.before(2) + 3);
            let rows: Vec<usize> = (0..100).collect();
            let cut =
                BatchSampler::new(&config, 1, &Lengths(vec![0.0; 100]), &rows, TrainLength::Steps(steps), 1);
            assert_eq!((cut.epochs(), cut.total(), cut.before(2)), (2, steps, one));
            assert_eq!(cut.epoch(1), whole.epoch(1));
            assert_eq!(cut.epoch(2), whole.epoch(2)[..3]);
        }
    }
}
