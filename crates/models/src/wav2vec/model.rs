//! The whole network: feature encoder and aggregator, together or one by one.

use affekt_torch::init::Vars;
use tch::Tensor;
use tch::nn::Module;

use super::Wav2VecConfig;
use super::aggregator::Aggregator;
use super::feature_encoder::FeatureEncoder;
use crate::dropout::dropout;
use crate::wav2vec2::{ConfigError, InputError, checked_samples};

/// fairseq's `Wav2VecModel` without what makes predictions, under its names.
#[derive(Debug)]
pub struct Wav2Vec {
    config: Wav2VecConfig,
    feature_extractor: FeatureEncoder,
    feature_aggregator: Aggregator,
}

impl Wav2Vec {
    /// A network whose weights are a function of the seed of `vars`, as PyTorch's begin.
    ///
    /// # Errors
    /// Those of [`Wav2VecConfig::check`].
    pub fn new(vars: &Vars, config: &Wav2VecConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            config: config.clone(),
            feature_extractor: FeatureEncoder::new(&(vars / "feature_extractor"), config),
            feature_aggregator: Aggregator::new(&(vars / "feature_aggregator"), config),
        })
    }

    /// What it was built from.
    #[must_use]
    pub const fn config(&self) -> &Wav2VecConfig {
        &self.config
    }

    /// What the feature encoder makes of waveforms of f32 at 16 kHz: fairseq's `feature_extractor`.
    /// `[batch, samples] -> [batch, frames, channels]`
    ///
    /// # Errors
    /// When the lengths do not fit the waveforms or are not those of the rows, or a clip is shorter than a frame.
    pub fn features(&self, waveforms: &Tensor, lengths: &[usize]) -> Result<Tensor, InputError> {
        let samples = checked_samples(waveforms, lengths, self.config.samples_of(1))?;
        if let Some(clip) = lengths.iter().position(|&length| length != samples) {
            return Err(InputError::Padded { clip, length: lengths[clip], samples });
        }
        Ok(self.feature_extractor.forward(waveforms).transpose(1, 2))
    }

    /// What the aggregator makes of that: fairseq's `feature_aggregator`, and in training the dropouts before and behind it.
    /// `[batch, frames, channels] -> [batch, frames, width]`
    ///
    /// # Panics
    /// When the features have another shape.
    pub fn aggregate(&self, features: &Tensor, train: bool) -> Tensor {
        let xs = dropout(&features.transpose(1, 2), self.config.dropout_features, train);
        let xs = self.feature_aggregator.forward_t(&xs, train);
        dropout(&xs, self.config.dropout_agg, train).transpose(1, 2)
    }
}
