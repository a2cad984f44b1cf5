//! Telling the clusters of masked frames: the third step of P-TAPT (arXiv 2110.06309), after HuBERT's idea (arXiv 2106.07447).

use affekt_models::wav2vec2::{ClusterHeads, EncoderConfig, Padding, Spans, SpansOver, Wav2Vec2};
use affekt_models::{Accounting, BuildError, caught, freeze, normalised, take_over};
use affekt_torch::init::Vars;
use affekt_torch::{NamedTensors, Random};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Reduction, Tensor, nn};

use super::learner::{Clips, Learner, Learnt};
use crate::TrainError;

/// What is asked of masked frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PseudoLabelsConfig {
    /// The encoder that learns, with its masks and dropouts.
    pub encoder: EncoderConfig,
    /// Whether waveforms are brought to mean 0 and variance 1.
    pub normalise: bool,
    /// How many clusters each clustering has.
    pub clusters: Vec<usize>,
    /// How wide each head is inside.
    pub hidden: usize,
    /// Where spans of masked frames are drawn.
    pub spans_over: SpansOver,
    /// Whether feature encoder and projection keep their weights.
    pub freeze_feature_encoder: bool,
}

/// The clusters of every row's frames.
pub trait FrameLabels: Sync {
    /// The cluster of each frame of a row in one of the clusterings. There may be fewer than the encoder has frames.
    fn of(&self, row: usize, clustering: usize) -> &[u16];
}

/// An encoder with a head for each clustering, on a device.
pub struct PseudoLabels<'l> {
    config: PseudoLabelsConfig,
    labels: &'l dyn FrameLabels,
    store: nn::VarStore,
    encoder: Wav2Vec2,
    heads: ClusterHeads,
    spans: Spans,
}

const FROZEN: [&str; 2] = ["wav2vec2.feature_extractor.", "wav2vec2.feature_projection."];
const ENCODER: &str = "wav2vec2.";

impl<'l> PseudoLabels<'l> {
    /// A learner whose weights are a function of `seed`.
    ///
    /// # Errors
    /// When the configuration contradicts itself.
    pub fn new(
        config: &PseudoLabelsConfig,
        labels: &'l dyn FrameLabels,
        gradient_checkpointing: bool,
        seed: u64,
        device: Device,
    ) -> Result<Self, TrainError> {
        let store = nn::VarStore::new(device);
        let vars = Vars::new(&store, seed);
        let wanted = EncoderConfig { apply_spec_augment: true, ..config.encoder.clone() };
        let mut encoder = Wav2Vec2::new(&(&vars / "wav2vec2"), &wanted).map_err(BuildError::from)?;
        encoder.checkpoint_gradients(gradient_checkpointing);
        let heads = ClusterHeads::new(&vars, wanted.hidden_size, config.hidden, &config.clusters);
        if config.freeze_feature_encoder {
            freeze(&store, &FROZEN)?;
        }
        let spans = Spans::of_frames(&wanted);
        Ok(Self { config: config.clone(), labels, store, encoder, heads, spans })
    }

    /// Takes over the encoder of a checkpoint under transformers' names.
    ///
    /// # Errors
    /// When it lacks a tensor of the encoder.
    pub fn load_checkpoint(&mut self, checkpoint: &NamedTensors) -> Result<Accounting, TrainError> {
        let own: NamedTensors = self
            .weights()
            .into_iter()
            .filter_map(|(name, tensor)| Some((name.strip_prefix(ENCODER)?.to_owned(), tensor)))
            .collect();
        Ok(take_over(&own, checkpoint)?)
    }

    /// The masked frames that have labels, as they lie one behind the other in the batch, and their clusters in each
    /// clustering.
    fn asked(&self, clips: &Clips, masked: &Tensor) -> Result<(Vec<i64>, Vec<Vec<i64>>), TrainError> {
        let masked = Vec::<Vec<bool>>::try_from(masked)?;
        let (mut frames, mut clusters) = (Vec::new(), vec![Vec::new(); self.config.clusters.len()]);
        for (clip, masked) in masked.iter().enumerate() {
            let (row, first) = (clips.rows[clip], clips.starts[clip] / self.hop());
            let labelled = self.labels.of(row, 0).len().saturating_sub(first);
            for frame in (0..masked.len().min(labelled)).filter(|&frame| masked[frame]) {
                frames.push((clip * masked.len() + frame) as i64);
                for (clustering, clusters) in clusters.iter_mut().enumerate() {
                    let label = self.labels.of(row, clustering).get(first + frame);
                    clusters.push(i64::from(*label.ok_or(TrainError::NoLabel { row, frame })?));
                }
            }
        }
        Ok((frames, clusters))
    }
}

impl Learner for PseudoLabels<'_> {
    fn tensors(&self) -> NamedTensors {
        self.store.variables().into_iter().collect()
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "pseudo-labels": self.config })
    }

    fn least_samples(&self) -> usize {
        self.config.encoder.samples_of_a_frame()
    }

    fn hop(&self) -> usize {
        self.config.encoder.conv_stride.iter().product()
    }

    /// The sum over clusterings of the mean cross-entropy over masked frames that have labels.
    fn loss(&self, clips: &Clips, random: &mut Random, train: bool) -> Result<Option<Learnt>, TrainError> {
        let config = &self.config;
        let (waveforms, lengths) = clips.inputs.clips()?;
        let device = waveforms.device();
        let of_clips: Vec<i64> = lengths.iter().map(|&length| config.encoder.frames(length) as i64).collect();
        let total = config.encoder.frames(waveforms.size()[1] as usize) as i64;
        let masked = self.spans.mask(&of_clips, total, config.spans_over, random);
        let (frames, clusters) = self.asked(clips, &masked)?;
        if frames.is_empty() {
            return Ok(None);
        }
        let chosen = Tensor::from_slice(&frames).to_device(device);
        let loss = caught(|| {
            let waveforms =
                if config.normalise { normalised(waveforms, lengths) } else { waveforms.shallow_clone() };
            let encoded =
                self.encoder.forward_masked_t(&waveforms, lengths, Padding::Ignored, &masked, train)?;
            let logits = self.heads.forward(&encoded, &chosen);
            let of_clustering = |(logits, clusters): (&Tensor, &Vec<i64>)| {
                let clusters = Tensor::from_slice(clusters).to_device(device);
                logits.to_kind(Kind::Float).cross_entropy_loss(
                    &clusters,
                    None::<Tensor>,
                    Reduction::Mean,
                    -100,
                    0.0,
                )
            };
            let losses: Vec<Tensor> = logits.iter().zip(&clusters).map(of_clustering).collect();
            Ok(Tensor::stack(&losses, 0).sum(Kind::Float))
        })?;
        Ok(Some(Learnt { loss, weight: frames.len() as f64 }))
    }
}
