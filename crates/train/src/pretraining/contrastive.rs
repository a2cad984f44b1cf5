//! Wav2vec 2.0's own pretraining, gone on with on a task's recordings: TAPT (arXiv 2110.06309). Contrastive and diversity loss
//! as transformers' `Wav2Vec2ForPreTraining`.

use affekt_models::wav2vec2::{
    Choice, EncoderConfig, Padding, PretrainingHead, Spans, SpansOver, Wav2Vec2, sample_negatives,
};
use affekt_models::{Accounting, BuildError, caught, freeze, normalised, take_over};
use affekt_torch::init::Vars;
use affekt_torch::{NamedTensors, Random};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, nn};

use super::learner::{Clips, Learner, Learnt};
use crate::TrainError;

/// What is asked of masked frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContrastiveConfig {
    /// The encoder that goes on learning, with its masks, its quantiser and its dropouts.
    pub encoder: EncoderConfig,
    /// Whether waveforms are brought to mean 0 and variance 1.
    pub normalise: bool,
    /// From how many other masked frames each is to be told.
    pub negatives: usize,
    /// What Gumbel softmax divides by.
    pub temperature: f64,
    /// What becomes of the padding behind shorter clips.
    pub padding: PaddedClips,
    /// Where spans of masked frames are drawn.
    pub spans_over: SpansOver,
    /// Whether the feature encoder keeps its weights.
    pub freeze_feature_encoder: bool,
}

/// What an encoder makes of the padding behind the shorter clips of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaddedClips {
    /// Silence that it attends to like the rest: what a model is given without an attention mask hears, as the published TAPT.
    Heard,
    /// Nothing.
    Ignored,
}

/// An encoder with quantiser and projections, on a device.
#[derive(Debug)]
pub struct Contrastive {
    config: ContrastiveConfig,
    store: nn::VarStore,
    encoder: Wav2Vec2,
    head: PretrainingHead,
    spans: Spans,
}

const FEATURE_ENCODER: &str = "wav2vec2.feature_extractor.";
const ENCODER: &str = "wav2vec2.";

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
        let store = nn::VarStore::new(device);
        let vars = Vars::new(&store, seed);
        let encoder = EncoderConfig { apply_spec_augment: true, ..config.encoder.clone() };
        let mut network = Wav2Vec2::new(&(&vars / "wav2vec2"), &encoder).map_err(BuildError::from)?;
        network.checkpoint_gradients(gradient_checkpointing);
        let head = PretrainingHead::new(&vars, &encoder).map_err(BuildError::from)?;
        if config.freeze_feature_encoder {
            freeze(&store, &[FEATURE_ENCODER])?;
        }
        let spans = Spans::of_frames(&encoder);
        Ok(Self { config: config.clone(), store, encoder: network, head, spans })
    }

    /// Takes over a checkpoint under transformers' names: the encoder, and quantiser and projections where it has them.
    /// The second number is how many tensors of those it lacks, which then begin at random.
    ///
    /// # Errors
    /// When it lacks a tensor of the encoder.
    pub fn load_checkpoint(&mut self, checkpoint: &NamedTensors) -> Result<(Accounting, usize), TrainError> {
        let all = self.weights();
        let own = |inside: bool| -> NamedTensors {
            let named = all.iter().filter(|(name, _)| name.starts_with(ENCODER) == inside);
            let named =
                named.map(|(name, tensor)| (name.trim_start_matches(ENCODER).to_owned(), tensor.detach()));
            named.collect()
        };
        let accounting = take_over(&own(true), checkpoint)?;
        let head = own(false);
        let given = head.iter().filter(|(name, tensor)| {
            checkpoint.get(*name).is_some_and(|given| given.size() == tensor.size())
        });
        let mut taken = 0;
        for (name, tensor) in given {
            tensor.detach().copy_(&checkpoint[name]);
            taken += 1;
        }
        Ok((accounting, head.len() - taken))
    }
}

impl Learner for Contrastive {
    fn tensors(&self) -> NamedTensors {
        self.store.variables().into_iter().collect()
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "contrastive": self.config })
    }

    fn least_samples(&self) -> usize {
        self.config.encoder.samples_of_a_frame()
    }

    fn hop(&self) -> usize {
        self.config.encoder.conv_stride.iter().product()
    }

    fn loss(&self, clips: &Clips, random: &mut Random, train: bool) -> Result<Option<Learnt>, TrainError> {
        let config = &self.config;
        let (waveforms, lengths) = clips.inputs.clips()?;
        let device = waveforms.device();
        let samples = waveforms.size()[1] as usize;
        let of_clips: Vec<i64> = lengths.iter().map(|&length| config.encoder.frames(length) as i64).collect();
        let masked =
            self.spans.mask(&of_clips, config.encoder.frames(samples) as i64, config.spans_over, random);
        let count = masked.sum(Kind::Int64).int64_value(&[]);
        if count == 0 {
            return Ok(None);
        }
        let negatives = sample_negatives(&masked, config.negatives, random);
        let loss = caught(|| {
            let waveforms =
                if config.normalise { normalised(waveforms, lengths) } else { waveforms.shallow_clone() };
            let heard = match config.padding {
                PaddedClips::Heard => vec![samples; lengths.len()],
                PaddedClips::Ignored => lengths.to_vec(),
            };
            let encoded =
                self.encoder.forward_masked_t(&waveforms, &heard, Padding::Ignored, &masked, train)?;
            let shape = masked.size();
            let noise = self.head.gumbel_noise(shape[0], shape[1], device);
            let choice = match train {
                true => Choice::Gumbel { temperature: config.temperature, noise: &noise },
                false => Choice::Likeliest,
            };
            Ok(self.head.forward_t(&encoded, &masked, &negatives, choice, train).loss)
        })?;
        Ok(Some(Learnt { loss: loss / count as f64, weight: count as f64 }))
    }
}
