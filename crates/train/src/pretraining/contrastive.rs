//! Wav2vec 2.0's own pretraining, gone on with on a task's recordings: TAPT (arXiv 2110.06309). Contrastive and diversity loss
//! as transformers' `Wav2Vec2ForPreTraining`.

use std::sync::Arc;

use affekt_models::Encoded;
use affekt_models::wav2vec2::{Choice, PretrainingHead, sample_negatives};
use affekt_models::{Accounting, BuildError, caught};
use affekt_spec::encoder::EncoderConfig;
use affekt_spec::network::Padding;
use affekt_spec::training::{ContrastiveObjective, NegativesFrom, PaddedClips, Reduction};
use affekt_torch::{NamedTensors, Random, drawn_seed};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::learner::PretrainingLearner;
use super::masked::{MaskedEncoder, Masks};
use crate::{Batch, BatchDraws, BatchLoss, Coupled, CoupledPart, Learner, LossWeights, TrainError};

/// A contrastive pretraining of an encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContrastiveConfig {
    /// The encoder as its checkpoint has it.
    pub encoder: EncoderConfig,
    /// Whether waveforms are brought to mean 0 and variance 1.
    pub normalise: bool,
    /// What is asked of masked frames.
    pub objective: ContrastiveObjective,
}

/// An encoder with quantiser and projections, on a device.
#[derive(Debug)]
pub struct Contrastive {
    config: ContrastiveConfig,
    encoder: MaskedEncoder,
    head: PretrainingHead,
}

impl Contrastive {
    /// A learner whose weights are a function of `seed`.
    ///
    /// # Errors
    /// When the configuration contradicts itself.
    pub fn new(
        config: &ContrastiveConfig,
        gradient_checkpointing: bool,
        seed: u64,
        device: Device,
    ) -> Result<Self, TrainError> {
        let ContrastiveConfig { encoder, normalise, objective } = config;
        let overridden = objective.overrides.of(encoder);
        let encoder = MaskedEncoder::new(
            &overridden,
            *normalise,
            objective.spans_over,
            gradient_checkpointing,
            seed,
            device,
        )?;
        let head = PretrainingHead::new(&encoder.beside(seed), encoder.config(), objective.diversity);
        let head = head.map_err(BuildError::from)?;
        if objective.freeze_feature_encoder {
            encoder.freeze(&["feature_extractor"])?;
        }
        Ok(Self { config: config.clone(), encoder, head })
    }

    /// Takes over a checkpoint under transformers' names: the encoder, and quantiser and projections where it has them.
    /// Also returns the names of those it lacks, which then begin at random.
    ///
    /// # Errors
    /// When it lacks a tensor of the encoder.
    pub fn load_checkpoint(
        &mut self,
        checkpoint: &NamedTensors,
    ) -> Result<(Accounting, Vec<String>), TrainError> {
        let accounting = self.encoder.load(checkpoint)?;
        let mut lacking = Vec::new();
        for (name, mut tensor) in self.encoder.head() {
            match checkpoint.get(&name).filter(|given| given.size() == tensor.size()) {
                Some(given) => tensor.f_copy_(given)?,
                None => lacking.push(name),
            }
        }
        Ok((accounting, lacking))
    }
}

impl Contrastive {
    /// How many frames of a batch are masked.
    fn masked_frames(&self, batch: &Batch) -> Result<i64, TrainError> {
        Ok(self.encoder.masked(batch)?.f_sum(Kind::Int64)?.f_int64_value(&[])?)
    }

    /// What sums over a batch's masked frames are divided by.
    fn divisor(&self, batch: &Batch) -> Result<f64, TrainError> {
        Ok(match self.config.objective.reduction {
            Reduction::Mean => self.masked_frames(batch)? as f64,
            Reduction::Sum => 1.0,
        })
    }

    /// What `ask` makes of encoded clips, their masks and negatives, and how codewords are chosen: by the noise that was drawn
    /// for the whole batch, else by noise drawn here.
    fn asked<T>(
        &self,
        batch: &Batch,
        train: bool,
        ask: impl FnOnce(&Encoded, &Tensor, &Tensor, Choice) -> T,
    ) -> Result<T, TrainError> {
        let (waveforms, lengths) = batch.inputs.clips()?;
        let samples = waveforms.size()[1] as usize;
        let masked = self.encoder.masked(batch)?;
        let negatives = batch.negatives.as_ref().ok_or(TrainError::NotDrawn)?;
        let ContrastiveObjective { padding, temperature, .. } = self.config.objective;
        let heard = match padding {
            PaddedClips::Unmasked => vec![samples; lengths.len()],
            PaddedClips::Masked => lengths.to_vec(),
        };
        Ok(caught(|| {
            let encoded =
                self.encoder.encode(waveforms, lengths, &heard, Padding::Ignored, &masked, train)?;
            let noise = match &batch.drawn {
                Some(drawn) => drawn.shallow_clone(),
                None => self.noise(&masked, waveforms.device()),
            };
            let choice = match train {
                true => Choice::Gumbel { temperature, noise: &noise },
                false => Choice::Likeliest,
            };
            Ok(ask(&encoded, &masked, negatives, choice))
        })?)
    }

    /// Draws the noise of a batch with such masks.
    fn noise(&self, masked: &Tensor, device: Device) -> Tensor {
        let shape = masked.size();
        self.head.gumbel_noise(shape[0], shape[1], device)
    }
}

impl Learner for Contrastive {
    fn tensors(&self) -> NamedTensors {
        self.encoder.tensors()
    }

    fn hop(&self) -> usize {
        self.encoder.hop()
    }

    /// Negatives are drawn from all frames, or padding is encoded like the rest.
    fn hears_padding(&self) -> bool {
        true
    }

    fn coupled(&self) -> Option<&dyn Coupled> {
        Some(self)
    }

    fn reads_waveforms(&self) -> bool {
        true
    }

    fn can_checkpoint_gradients(&self) -> bool {
        true
    }

    fn batch_draws(&self) -> Option<Arc<dyn BatchDraws>> {
        let ContrastiveObjective { negatives, negatives_from, .. } = self.config.objective;
        Some(Arc::new(ContrastiveDraws { masks: self.encoder.masks().clone(), negatives, negatives_from }))
    }

    /// The loss is a mean over masked frames, or their sum: an epoch's is the mean over batches then.
    fn loss_weights(&self, batch: &Batch) -> Result<LossWeights, TrainError> {
        Ok(LossWeights::of_one(self.divisor(batch)?))
    }

    fn loss(&self, batch: &Batch, train: bool) -> Result<BatchLoss, TrainError> {
        let divisor = self.divisor(batch)?;
        let loss = self.asked(batch, train, |encoded, masked, negatives, choice| {
            self.head.forward_t(encoded, masked, negatives, choice, train).loss / divisor
        })?;
        Ok(vec![loss].into())
    }
}

/// Masks, and for every masked frame those that it is told from: millions of draws.
struct ContrastiveDraws {
    masks: Masks,
    negatives: usize,
    negatives_from: NegativesFrom,
}

impl BatchDraws for ContrastiveDraws {
    fn draw(&self, batch: &mut Batch, random: &mut Random) -> Result<(), TrainError> {
        self.masks.draw(batch, random)?;
        let masked = batch.masked.as_ref().ok_or(TrainError::NotDrawn)?;
        batch.negatives = Some(sample_negatives(masked, self.negatives_from, self.negatives, random));
        Ok(())
    }
}

/// Diversity is over the codewords of all masked frames of a batch.
impl Coupled for Contrastive {
    /// Draws the noise that codewords are chosen by. Where nothing else is drawn it is that of the undivided batch, which is drawn
    /// behind one number: the seed of SpecAugment, which the encoder takes from libtorch's generator in training.
    fn draw(&self, batch: &mut Batch) -> Result<(), TrainError> {
        let _ = drawn_seed();
        let masked = self.encoder.masked(batch)?;
        batch.drawn = Some(caught(|| Ok(self.noise(&masked, batch.inputs.xs.device())))?);
        Ok(())
    }

    fn part(&self, rows: &Batch, train: bool) -> Result<CoupledPart, TrainError> {
        let divisor = self.divisor(rows)?;
        let part = self.asked(rows, train, |encoded, masked, negatives, choice| {
            self.head.part_t(encoded, masked, negatives, choice, train)
        })?;
        let contrastive = part.contrastive.f_div_scalar(divisor)?;
        Ok(CoupledPart { terms: vec![contrastive], coupled: part.probabilities })
    }

    fn term(&self, whole: &Batch, parts: &[Tensor]) -> Result<Tensor, TrainError> {
        let probabilities = Tensor::f_stack(parts, 0)?.f_sum_dim_intlist(0, false, Kind::Float)?;
        let masked = self.masked_frames(whole)?;
        let diversity = caught(|| Ok(self.head.weighted_diversity(&probabilities, masked)))?;
        Ok(diversity.f_div_scalar(self.divisor(whole)?)?)
    }
}

impl PretrainingLearner for Contrastive {
    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "contrastive": self.config })
    }

    fn least_samples(&self) -> usize {
        self.encoder.config().samples_of_a_frame()
    }
}
