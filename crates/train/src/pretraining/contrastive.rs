//! Wav2vec 2.0's own pretraining, gone on with on a task's recordings: TAPT (arXiv 2110.06309). Contrastive and diversity loss
//! as transformers' `Wav2Vec2ForPreTraining`.

use affekt_models::wav2vec2::{Choice, PretrainingHead, sample_negatives};
use affekt_models::{Accounting, BuildError, caught};
use affekt_spec::encoder::EncoderConfig;
use affekt_spec::network::Padding;
use affekt_spec::training::{ContrastiveObjective, PaddedClips, Reduction};
use affekt_torch::{NamedTensors, Random};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind};

use super::learner::PretrainingLearner;
use super::masked::MaskedEncoder;
use crate::{Batch, BatchLoss, Learner, LossWeights, TrainError};

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
    fn masked_frames(&self, batch: &Batch) -> Result<f64, TrainError> {
        Ok(self.encoder.masked(batch)?.f_sum(Kind::Int64)?.f_int64_value(&[])? as f64)
    }
}

impl Learner for Contrastive {
    fn tensors(&self) -> NamedTensors {
        self.encoder.tensors()
    }

    fn hop(&self) -> usize {
        self.encoder.hop()
    }

    fn indivisible(&self) -> Option<&'static str> {
        Some("a batch cannot be computed in parts, for the diversity loss is over the codewords of all of it")
    }

    fn prepare(&self, batch: &mut Batch, random: &mut Random) -> Result<(), TrainError> {
        self.encoder.mask(batch, random)
    }

    /// The loss is a mean over masked frames, or their sum: an epoch's is the mean over batches then.
    fn loss_weights(&self, batch: &Batch) -> Result<LossWeights, TrainError> {
        Ok(LossWeights::of_one(match self.config.objective.reduction {
            Reduction::Mean => self.masked_frames(batch)?,
            Reduction::Sum => 1.0,
        }))
    }

    fn loss(&self, batch: &Batch, random: &mut Random, train: bool) -> Result<BatchLoss, TrainError> {
        let (waveforms, lengths) = batch.inputs.clips()?;
        let samples = waveforms.size()[1] as usize;
        let masked = self.encoder.masked(batch)?;
        let ContrastiveObjective { negatives, negatives_from, padding, reduction, .. } =
            self.config.objective;
        let count = match reduction {
            Reduction::Mean => self.masked_frames(batch)?,
            Reduction::Sum => 1.0,
        };
        let negatives = sample_negatives(&masked, negatives_from, negatives, random);
        let heard = match padding {
            PaddedClips::Unmasked => vec![samples; lengths.len()],
            PaddedClips::Masked => lengths.to_vec(),
        };
        let loss = caught(|| {
            let encoded =
                self.encoder.encode(waveforms, lengths, &heard, Padding::Ignored, &masked, train)?;
            let shape = masked.size();
            let noise = self.head.gumbel_noise(shape[0], shape[1], waveforms.device());
            let choice = match train {
                true => Choice::Gumbel { temperature: self.config.objective.temperature, noise: &noise },
                false => Choice::Likeliest,
            };
            Ok(self.head.forward_t(&encoded, &masked, &negatives, choice, train).loss / count)
        })?;
        Ok(vec![loss].into())
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
