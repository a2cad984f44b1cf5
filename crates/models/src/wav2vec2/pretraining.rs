//! The head of `Wav2Vec2ForPreTraining`: at every masked frame the transformer has to tell the frame's own codewords from
//! those of other masked frames of the clip.

use affekt_spec::training::{Diversity, NegativesFrom};
use affekt_torch::init::{self, Vars};
use affekt_torch::{Random, upload, uploaded, without_autocast};
use tch::nn::Module;
use tch::{Device, Kind, Tensor, nn};

use super::quantiser::{Choice, Quantiser, perplexity, perplexity_of_mean};
use super::{ConfigError, EncoderConfig};
use crate::dropout::dropout;
use crate::speech_encoder::Encoded;

/// Quantiser and projections, beside an encoder that is given masks ([`super::Wav2Vec2::forward_masked_t`]).
#[derive(Debug)]
pub struct PretrainingHead {
    quantizer: Quantiser,
    project_hid: nn::Linear,
    project_q: nn::Linear,
    dropout: f64,
    temperature: f64,
    counted: Diversity,
    diversity_weight: f64,
    groups: i64,
    codewords: i64,
}

/// The parts of the loss, summed over masked frames; each one number. Trainers divide by the number of masked frames.
#[derive(Debug)]
pub struct PretrainingLoss {
    /// Cross-entropy of telling each frame's codewords from the others'.
    pub contrastive: Tensor,
    /// 0 where all codewords are used alike, nearly 1 for each frame, or once, where only one is.
    pub diversity: Tensor,
    /// Codewords in use, of all groups together.
    pub perplexity: Tensor,
    /// `contrastive` and, by the configuration's weight, `diversity`: what is trained on.
    pub loss: Tensor,
}

/// What some clips of a batch give to its loss.
#[derive(Debug)]
pub struct PretrainingPart {
    /// As [`PretrainingLoss::contrastive`], of these clips.
    pub contrastive: Tensor,
    /// How likely each codeword is found, summed over masked frames. `[groups, codewords]`
    pub probabilities: Tensor,
}

impl PretrainingHead {
    /// A head whose parameters stand beside the encoder's: `quantizer.codevectors`, `quantizer.weight_proj.…`,
    /// `project_hid.…`, `project_q.…`. `counted` says what the diversity term counts for.
    ///
    /// # Errors
    /// Those of [`EncoderConfig::check`].
    pub fn new(vars: &Vars, config: &EncoderConfig, counted: Diversity) -> Result<Self, ConfigError> {
        config.check()?;
        let compared = config.proj_codevector_dim as i64;
        let linear = |name, inputs: usize| init::linear(&(vars / name), inputs as i64, compared);
        Ok(Self {
            quantizer: Quantiser::new(&(vars / "quantizer"), config),
            project_hid: linear("project_hid", config.hidden_size),
            project_q: linear("project_q", config.codevector_dim),
            dropout: config.feat_quantizer_dropout,
            temperature: config.contrastive_logits_temperature,
            counted,
            diversity_weight: config.diversity_loss_weight,
            groups: config.num_codevector_groups as i64,
            codewords: config.num_codevectors_per_group as i64,
        })
    }

    /// Noise for [`Choice::Gumbel`], for so many clips of so many frames, by libtorch's generator.
    pub fn gumbel_noise(&self, clips: i64, frames: i64, device: Device) -> Tensor {
        let shape = [clips, frames, self.groups, self.codewords];
        -Tensor::empty(shape, (Kind::Float, device)).exponential_(1.0).log()
    }

    /// The loss of encoded clips at the frames that `masked`, `[batch, frames]`, says were masked. `negatives` of each frame
    /// are frames of its clip, `[batch, frames, negatives]` of i64, as [`sample_negatives`] draws them. One that has the frame's
    /// own codewords does not count: there is nothing to tell it by.
    ///
    /// Equal to transformers', but where that takes equal codewords of two frames for different ones, after Gumbel softmax,
    /// because their sums are rounded differently.
    ///
    /// # Panics
    /// When the shapes do not fit, or a negative is no frame.
    #[must_use]
    pub fn forward_t(
        &self,
        encoded: &Encoded,
        masked: &Tensor,
        negatives: &Tensor,
        choice: Choice,
        train: bool,
    ) -> PretrainingLoss {
        let (contrastive, probabilities) = self.contrast(encoded, masked, negatives, choice, train);
        let perplexity = perplexity(&probabilities);
        let diversity = self.diversity(&perplexity, probabilities.size()[0]);
        let loss = &contrastive + self.diversity_weight * &diversity;
        PretrainingLoss { contrastive, diversity, perplexity, loss }
    }

    /// What some clips of a batch give to its loss, which [`Self::forward_t`] computes of all of them.
    ///
    /// # Panics
    /// As [`Self::forward_t`].
    #[must_use]
    pub fn part_t(
        &self,
        encoded: &Encoded,
        masked: &Tensor,
        negatives: &Tensor,
        choice: Choice,
        train: bool,
    ) -> PretrainingPart {
        let (contrastive, probabilities) = self.contrast(encoded, masked, negatives, choice, train);
        let probabilities = probabilities.sum_dim_intlist(0, /* keepdim */ false, Kind::Float);
        PretrainingPart { contrastive, probabilities }
    }

    /// What the diversity of a batch of `masked` masked frames adds to its loss, from the sum of all [`PretrainingPart::probabilities`].
    pub fn weighted_diversity(&self, probabilities: &Tensor, masked: i64) -> Tensor {
        let perplexity = perplexity_of_mean(&(probabilities / masked as f64));
        self.diversity_weight * self.diversity(&perplexity, masked)
    }

    fn diversity(&self, perplexity: &Tensor, masked: i64) -> Tensor {
        let codewords = (self.groups * self.codewords) as f64;
        let counts_for = match self.counted {
            Diversity::PerMaskedFrame => masked as f64,
            Diversity::PerBatch => 1.0,
        };
        (codewords - perplexity) / codewords * counts_for
    }

    /// The sum of the contrastive term over masked frames, and how likely each of these finds each codeword,
    /// `[masked, groups, codewords]`.
    fn contrast(
        &self,
        encoded: &Encoded,
        masked: &Tensor,
        negatives: &Tensor,
        choice: Choice,
        train: bool,
    ) -> (Tensor, Tensor) {
        let device = encoded.last.device();
        let shape = encoded.last.size();
        let [batch, frames] = [shape[0], shape[1]];
        let quantised = self.quantizer.forward(&dropout(&encoded.features, self.dropout, train), choice);
        let targets = direction(&self.project_q.forward(&quantised.vectors));
        let predictions = direction(&self.project_hid.forward(&encoded.last));

        // Every frame's prediction beside every target of its clip; then masked frames alone, one a row.
        let similarities = without_autocast(|| predictions.matmul(&targets.transpose(1, 2)));
        let similarities = similarities / self.temperature;
        // Which rows are masked is known to the host: nothing waits for the device to count them.
        let masked = Vec::<bool>::try_from(masked.reshape([-1])).expect("a mask of [batch, frames]");
        let rows: Vec<_> = (0..).zip(&masked).filter_map(|(row, masked)| masked.then_some(row)).collect();
        let own: Vec<i64> = rows.iter().map(|row| row % frames).collect();
        let rows = uploaded(&rows, device);
        let of_masked = |xs: &Tensor| xs.flatten(0, 1).index_select(0, &rows);
        let similarities = of_masked(&similarities); // [masked, frames]
        let negatives = of_masked(&upload(negatives, device)); // [masked, negatives]
        let own = uploaded(&own, device).unsqueeze(1); // [masked, 1]
        let codes = of_masked(&quantised.codes.unsqueeze(1).expand([batch, frames, frames], false));
        let same = codes.gather(1, &negatives, false).eq_tensor(&codes.gather(1, &own, false));
        let own = similarities.gather(1, &own, false);
        let others = similarities.gather(1, &negatives, false).masked_fill(&same, f64::NEG_INFINITY);
        let all = Tensor::cat(&[&own, &others], 1);
        let contrastive = (all.logsumexp([1], /* keepdim */ true) - own).sum(Kind::Float);
        (contrastive, of_masked(&quantised.probabilities))
    }
}

/// Vectors of length 1, in f32 whatever autocast made of them; as in PyTorch's `cosine_similarity`, nearly nothing stays so.
fn direction(xs: &Tensor) -> Tensor {
    let xs = xs.to_kind(Kind::Float);
    let length = xs.norm_scalaropt_dim(2, [-1], /* keepdim */ true).clamp_min(1e-8);
    xs / length
}

/// For every masked frame, `count` other frames of its row, drawn with replacement, each as likely: masked ones, as
/// `_sample_negative_indices` of transformers draws them, or any, as `_sample_negatives` of transformers 4.10.0; counted
/// within the row. A frame that has no other gets itself. `masked` is `[batch, frames]`, on the CPU; the result is
/// `[batch, frames, count]` of i64, with 0 at frames that are not masked.
///
/// # Panics
/// When `masked` has another shape or kind.
pub fn sample_negatives(masked: &Tensor, from: NegativesFrom, count: usize, random: &mut Random) -> Tensor {
    let rows = Vec::<Vec<bool>>::try_from(masked).expect("a mask of [batch, frames]");
    let frames = rows.first().map_or(0, Vec::len);
    let mut negatives = vec![0_i64; rows.len() * frames * count];
    for (row, negatives) in rows.iter().zip(negatives.chunks_exact_mut((frames * count).max(1))) {
        let is_candidate = |&frame: &usize| from == NegativesFrom::Row || row[frame];
        let candidates: Vec<usize> = (0..frames).filter(is_candidate).collect();
        for (place, &frame) in candidates.iter().enumerate().filter(|&(_, &frame)| row[frame]) {
            for negative in &mut negatives[frame * count..][..count] {
                *negative = match candidates.len() - 1 {
                    0 => frame,
                    others => {
                        let drawn = random.below(others);
                        candidates[drawn + usize::from(drawn >= place)] // passes over the frame itself
                    }
                } as i64;
            }
        }
    }
    Tensor::from_slice(&negatives).view([rows.len() as i64, frames as i64, count as i64])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negatives_are_other_masked_frames_of_the_clip() {
        let masked = Tensor::from_slice(&[
            false, true, true, false, true, true, // four
            false, false, true, false, false, false, // one
        ]);
        let drawn = sample_negatives(
            &masked.view([2, 6]),
            NegativesFrom::Masked,
            3000,
            &mut Random::new(1, "negatives"),
        );
        let drawn = Vec::<i64>::try_from(drawn.flatten(0, -1)).unwrap();
        let of = |clip: usize, frame: usize| &drawn[(6 * clip + frame) * 3000..][..3000];
        for frame in [1, 2, 4, 5] {
            let others: Vec<i64> = [1, 2, 4, 5].into_iter().filter(|other| *other != frame as i64).collect();
            for other in &others {
                let count = of(0, frame).iter().filter(|negative| *negative == other).count();
                assert!((871..1130).contains(&count), "{frame} {other}: {count}"); // five standard deviations
            }
            assert!(of(0, frame).iter().all(|negative| others.contains(negative)));
        }
        assert!(of(1, 2).iter().all(|negative| *negative == 2));
        assert!(of(0, 0).iter().chain(of(1, 5)).all(|negative| *negative == 0));
    }

    #[test]
    fn negatives_of_a_row_are_any_other_of_its_frames() {
        let masked = Tensor::from_slice(&[false, true, false, false, true, false]).view([1, 6]);
        let random = &mut Random::new(1, "negatives");
        let drawn = sample_negatives(&masked, NegativesFrom::Row, 5000, random);
        let drawn = Vec::<i64>::try_from(drawn.flatten(0, -1)).unwrap();
        for frame in [1, 4] {
            let of_frame = &drawn[5000 * frame..][..5000];
            for other in 0..6 {
                let count = of_frame.iter().filter(|negative| **negative == other).count();
                let expected = if other == frame as i64 { 0..=0 } else { 859..=1141 }; // five standard deviations
                assert!(expected.contains(&count), "{frame} {other}: {count}");
            }
        }
        assert!(
            drawn[..5000].iter().all(|negative| *negative == 0),
            "nothing is drawn for a frame that is heard"
        );
    }

    #[test]
    fn perplexity_counts_codewords_in_use() {
        let share =
            |values: &[f32]| perplexity(&Tensor::from_slice(values).view([2, 1, 2])).double_value(&[]);
        assert!((share(&[1.0, 0.0, 0.0, 1.0]) - 2.0).abs() < 1e-6);
        assert!((share(&[1.0, 0.0, 1.0, 0.0]) - 1.0).abs() < 1e-6);
    }
}
