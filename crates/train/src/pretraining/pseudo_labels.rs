//! Telling the clusters of masked frames: the third step of P-TAPT (arXiv 2110.06309), after HuBERT's idea (arXiv 2106.07447).

use std::sync::Arc;

use affekt_models::wav2vec2::ClusterHeads;
use affekt_models::{Accounting, caught};
use affekt_spec::encoder::EncoderConfig;
use affekt_spec::network::Padding;
use affekt_spec::training::PseudoLabelsObjective;
use affekt_torch::{NamedTensors, f_upload, uploaded};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Reduction, Tensor};

use super::learner::PretrainingLearner;
use super::masked::MaskedEncoder;
use crate::{Batch, BatchDraws, BatchLoss, Learner, LossWeights, TrainError};

/// A pretraining of an encoder by pseudo-labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PseudoLabelsConfig {
    /// The encoder as its checkpoint has it.
    pub encoder: EncoderConfig,
    /// Whether waveforms are brought to mean 0 and variance 1.
    pub normalise: bool,
    /// Number of clusters of each clustering.
    pub clusters: Vec<usize>,
    /// What is asked of masked frames.
    pub objective: PseudoLabelsObjective,
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
    encoder: MaskedEncoder,
    heads: ClusterHeads,
}

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
        let PseudoLabelsConfig { encoder, normalise, clusters, objective } = config;
        let overridden = objective.overrides.of(encoder);
        let encoder = MaskedEncoder::new(
            &overridden,
            *normalise,
            objective.spans_over,
            gradient_checkpointing,
            seed,
            device,
        )?;
        let width = encoder.config().hidden_size;
        let heads = ClusterHeads::new(&encoder.beside(seed), width, objective.hidden, clusters);
        if objective.freeze_feature_encoder {
            encoder.freeze(&["feature_extractor", "feature_projection"])?;
        }
        Ok(Self { config: config.clone(), labels, encoder, heads })
    }

    /// Takes over the encoder of a checkpoint under transformers' names.
    ///
    /// # Errors
    /// When it lacks a tensor of the encoder.
    pub fn load_checkpoint(&mut self, checkpoint: &NamedTensors) -> Result<Accounting, TrainError> {
        self.encoder.load(checkpoint)
    }

    /// Returns the masked frames that have labels, as they lie one behind the other in a batch, and their clusters
    /// in each clustering.
    fn asked(&self, batch: &Batch) -> Result<(Vec<i64>, Vec<Vec<i64>>), TrainError> {
        let masked = Vec::<Vec<bool>>::try_from(self.encoder.masked(batch)?)?;
        let (mut frames, mut clusters) = (Vec::new(), vec![Vec::new(); self.config.clusters.len()]);
        for (clip, masked) in masked.iter().enumerate() {
            let (row, first) = (batch.rows[clip], batch.starts[clip] / self.hop());
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
        self.encoder.tensors()
    }

    fn hop(&self) -> usize {
        self.encoder.hop()
    }

    fn hears_padding(&self) -> bool {
        self.config.objective.padding.when(/* train */ true) != Padding::Ignored
    }

    fn reads_waveforms(&self) -> bool {
        true
    }

    fn can_checkpoint_gradients(&self) -> bool {
        true
    }

    fn batch_draws(&self) -> Option<Arc<dyn BatchDraws>> {
        Some(Arc::new(self.encoder.masks().clone()))
    }

    /// The loss is a mean over masked frames that have labels.
    fn loss_weights(&self, batch: &Batch) -> Result<LossWeights, TrainError> {
        Ok(LossWeights::of_one(self.asked(batch)?.0.len() as f64))
    }

    /// Computes the sum over clusterings of the mean cross-entropy over masked frames that have labels.
    fn loss(&self, batch: &Batch, train: bool) -> Result<BatchLoss, TrainError> {
        let (waveforms, lengths) = batch.inputs.clips()?;
        let device = waveforms.device();
        let masked = self.encoder.masked(batch)?;
        let (frames, clusters) = self.asked(batch)?;
        let padding = self.config.objective.padding;
        let chosen = f_upload(&Tensor::f_from_slice(&frames)?, device)?;
        let loss = caught(|| {
            let encoded = self.encoder.encode(waveforms, lengths, lengths, padding, &masked, train)?;
            let logits = self.heads.forward(&encoded, &chosen);
            let of_clustering = |(logits, clusters): (&Tensor, &Vec<i64>)| {
                let clusters = uploaded(clusters, device);
                let logits = logits.to_kind(Kind::Float);
                logits.cross_entropy_loss(&clusters, None::<Tensor>, Reduction::Mean, -100, 0.0)
            };
            let losses: Vec<Tensor> = logits.iter().zip(&clusters).map(of_clustering).collect();
            Ok(Tensor::stack(&losses, 0).sum(Kind::Float))
        })?;
        Ok(vec![loss].into())
    }
}

impl PretrainingLearner for PseudoLabels<'_> {
    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "pseudo-labels": self.config })
    }

    fn least_samples(&self) -> usize {
        self.encoder.config().samples_of_a_frame()
    }
}
