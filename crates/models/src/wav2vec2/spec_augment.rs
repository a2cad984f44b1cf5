//! Masks in training (SpecAugment, Park et al., arXiv 1904.08779): spans of frames become a learned vector, spans of
//! features 0. How many and where as in transformers: at least the given number, else as many as the share asks for,
//! rounded by chance; they begin anywhere where they fit, each elsewhere, and may overlap.

use affekt_torch::Random;
use affekt_torch::init::Vars;
use tch::{Device, Kind, Tensor};

use super::Wav2Vec2Config;
use super::valid::Valid;

#[derive(Debug)]
pub struct SpecAugment {
    /// What stands for a masked frame. `[width]`
    masked_spec_embed: Option<Tensor>,
    time: Spans,
    feature: Spans,
}

#[derive(Debug)]
struct Spans {
    share: f64,
    length: usize,
    least: usize,
}

impl SpecAugment {
    pub fn new(vars: &Vars, config: &Wav2Vec2Config) -> Self {
        let embedded = config.mask_time_prob > 0.0 || config.mask_feature_prob > 0.0;
        let width = [config.hidden_size as i64];
        // Where nothing is to be masked the vector is kept all the same, for checkpoints hold it.
        let share = |share: f64| if config.apply_spec_augment { share } else { 0.0 };
        Self {
            masked_spec_embed: embedded.then(|| vars.uniform("masked_spec_embed", &width, 0.0, 1.0)),
            time: Spans {
                share: share(config.mask_time_prob),
                length: config.mask_time_length,
                least: config.mask_time_min_masks,
            },
            feature: Spans {
                share: share(config.mask_feature_prob),
                length: config.mask_feature_length,
                least: config.mask_feature_min_masks,
            },
        }
    }

    /// `[batch, frames, width]`, the same out, where frames of the clips alone are masked. By libtorch's generator.
    pub fn forward(&self, xs: &Tensor, valid: &Valid) -> Tensor {
        let seed = Tensor::empty([1], (Kind::Int64, Device::Cpu)).random_().int64_value(&[0]);
        let mut random = Random::new(seed as u64, "spec-augment");
        let (batch, width) = (valid.counts().len(), xs.size()[2]);
        let mut xs = xs.shallow_clone();
        if let (Some(embed), true) = (&self.masked_spec_embed, self.time.share > 0.0) {
            let masked = self.time.draw(valid.counts(), valid.total(), &mut random);
            xs = embed.where_self(&masked.to_device(xs.device()).unsqueeze(-1), &xs);
        }
        if self.feature.share > 0.0 {
            let masked = self.feature.draw(&vec![width; batch], width, &mut random);
            xs = xs.masked_fill(&masked.to_device(xs.device()).unsqueeze(1), 0.0);
        }
        xs
    }
}

impl Spans {
    /// `[rows, total]`, true at spans, which lie in the first `counts` positions of a row.
    fn draw(&self, counts: &[i64], total: i64, random: &mut Random) -> Tensor {
        let total = total as usize;
        let rounding = f64::from(random.uniform(0.0, 1.0)); // one for the batch
        let mut masked = vec![false; counts.len() * total];
        for (row, &count) in masked.chunks_exact_mut(total).zip(counts) {
            let count = count as usize;
            let mut starts: Vec<usize> = (0..(count + 1).saturating_sub(self.length)).collect();
            let spans = (self.share * count as f64 / self.length as f64 + rounding) as usize;
            let spans = spans.max(self.least).min(total / self.length);
            random.shuffle(&mut starts);
            for start in starts.into_iter().take(spans) {
                row[start..start + self.length].fill(true);
            }
        }
        Tensor::from_slice(&masked).view([counts.len() as i64, total as i64])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(spans: &Spans, counts: &[i64], total: i64, seed: u64) -> Vec<Vec<bool>> {
        Vec::try_from(spans.draw(counts, total, &mut Random::new(seed, "test"))).unwrap()
    }

    #[test]
    fn spans_lie_within_the_clip() {
        let spans = Spans { share: 0.05, length: 10, least: 2 };
        for seed in 0..200 {
            let rows = drawn(&spans, &[149, 30, 9], 149, seed);
            let masked: Vec<_> = rows.iter().map(|row| row.iter().filter(|m| **m).count()).collect();
            // Two spans at least, which may overlap in all but a frame; none where none fits.
            assert!((11..=20).contains(&masked[0]) && (11..=20).contains(&masked[1]), "{masked:?}");
            assert!(rows[1][30..].iter().all(|masked| !masked));
            assert_eq!(masked[2], 0);
        }
    }

    #[test]
    fn rounding_by_chance_keeps_the_mean() {
        // Spans of one frame do not overlap: 0.07 · 50 = 3.5 of them.
        let spans = Spans { share: 0.07, length: 1, least: 0 };
        let count = |seed| drawn(&spans, &[50], 50, seed)[0].iter().filter(|m| **m).count();
        let counts: Vec<_> = (0..1000).map(count).collect();
        assert!(counts.iter().all(|count| [3, 4].contains(count)));
        let mean = counts.iter().sum::<usize>() as f64 / 1000.0;
        assert!((mean - 3.5).abs() < 0.08, "{mean}"); // five standard errors
    }
}
