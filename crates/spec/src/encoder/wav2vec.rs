//! The configuration of wav2vec (Schneider et al., arXiv 1904.05862), under the names of fairseq's `Wav2VecConfig`.
//!
//! fairseq's other fields concern the prediction of future frames, which is used in pretraining only.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::fields;
use super::wav2vec2::{Activation, ConfigError, MAX_SIZE};
use crate::Spec;

/// The fields of fairseq's `Wav2VecConfig` that determine the computation.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Wav2VecConfig {
    /// The architecture. Only `wav2vec`.
    #[spec(default = Self::MODEL_TYPE.into())]
    pub model_type: String,
    /// Channels, kernel and stride of each convolution of the feature encoder.
    #[spec(default = [(10, 5), (8, 4), (4, 2), (4, 2), (4, 2), (1, 1), (1, 1)] .map(|(kernel, stride)| [512, kernel, stride]) .to_vec())]
    pub conv_feature_layers: Vec<[usize; 3]>,
    /// Channels, kernel and stride of each convolution of the aggregator; every stride is 1.
    #[spec(default = (2..=13).map(|kernel| [512, kernel, 1]).collect())]
    pub conv_aggregator_layers: Vec<[usize; 3]>,
    /// What follows every norm.
    #[spec(default = Activation::Relu)]
    pub activation: Activation,
    /// Whether the feature encoder ends in log(|x| + 1).
    #[spec(default = true)]
    pub log_compression: bool,
    /// Whether convolutions of the feature encoder that keep the number of channels have skip connections.
    #[spec(default = false)]
    pub skip_connections_feat: bool,
    /// Whether all convolutions of the aggregator have skip connections, with a linear map if the number of channels
    /// changes.
    #[spec(default = true)]
    pub skip_connections_agg: bool,
    /// The square of the factor by which the sum of a skip connection is scaled.
    #[spec(default = 0.5)]
    pub residual_scale: f64,
    /// Whether zeros stand before the first frame in the aggregator, or that frame again.
    #[spec(default = false)]
    pub agg_zero_pad: bool,
    /// Whether the aggregator's convolutions have no biases. The feature encoder's never have.
    #[spec(default = false)]
    pub no_conv_bias: bool,
    /// Whether norms have neither weights nor biases.
    #[spec(default = false)]
    pub non_affine_group_norm: bool,
    /// Dropout rate within the aggregator.
    #[spec(default = 0.0)]
    pub dropout: f64,
    /// Dropout rate of the aggregator's input.
    #[spec(default = 0.0)]
    pub dropout_features: f64,
    /// Dropout rate of the aggregator's output.
    #[spec(default = 0.0)]
    pub dropout_agg: f64,
}

impl Wav2VecConfig {
    /// Returns the configuration of fairseq's `wav2vec_large`: 512 channels in every layer, a frame every 10 ms at 16
    /// kHz.
    #[must_use]
    pub fn large() -> Self {
        Self::default()
    }

    /// What its `model_type` says.
    pub const MODEL_TYPE: &str = "wav2vec";

    /// Returns this configuration with some fields replaced.
    ///
    /// # Errors
    /// Fails if a field is unknown or the result is invalid.
    pub fn with(&self, fields: &Map<String, Value>) -> Result<Self, ConfigError> {
        let set = |config: &Self, field: &str, value: &Value| fields::set(config, field, value, &[]);
        let config = fields::with(self, fields, set)?;
        config.check()?;
        Ok(config)
    }

    /// Checks that the network can be built.
    ///
    /// # Errors
    /// Fails with the first field that is unsupported or contradicts another.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.model_type != Self::MODEL_TYPE {
            let (field, value) = ("model_type", self.model_type.clone());
            return Err(ConfigError::Unsupported { field, value, supported: Self::MODEL_TYPE });
        }
        for (field, layers) in [
            ("conv_feature_layers", &self.conv_feature_layers),
            ("conv_aggregator_layers", &self.conv_aggregator_layers),
        ] {
            if layers.is_empty() {
                return Err(ConfigError::NoLayers(field));
            }
            if let Some(&value) = layers.iter().flatten().find(|size| !(1..=MAX_SIZE).contains(*size)) {
                return Err(ConfigError::Size { field, value });
            }
        }
        if let Some([_, _, stride]) = self.conv_aggregator_layers.iter().find(|[_, _, stride]| *stride != 1) {
            let (field, value) = ("conv_aggregator_layers", format!("of stride {stride}"));
            return Err(ConfigError::Unsupported { field, value, supported: "1" });
        }
        if self.residual_scale.partial_cmp(&0.0) != Some(Ordering::Greater) {
            let (field, value) = ("residual_scale", self.residual_scale.to_string());
            return Err(ConfigError::NotPositive { field, value });
        }
        for (field, share) in [
            ("dropout", self.dropout),
            ("dropout_features", self.dropout_features),
            ("dropout_agg", self.dropout_agg),
        ] {
            if !(0.0..1.0).contains(&share) {
                return Err(ConfigError::Share { field, value: share.to_string() });
            }
        }
        Ok(())
    }

    /// Returns the number of channels of the feature encoder's output.
    #[must_use]
    pub fn features(&self) -> usize {
        last_channels(&self.conv_feature_layers)
    }

    /// Returns the number of channels of the aggregator's output.
    #[must_use]
    pub fn width(&self) -> usize {
        last_channels(&self.conv_aggregator_layers)
    }

    /// Returns the number of frames for a number of samples. `wav2vec_large`: 1 + ⌊(samples − 465) / 160⌋, or 0.
    #[must_use]
    pub fn frames(&self, samples: usize) -> usize {
        self.conv_feature_layers.iter().fold(samples, |frames, [_, kernel, stride]| {
            frames.checked_sub(*kernel).map_or(0, |rest| rest / stride + 1)
        })
    }

    /// Returns the minimum number of samples for `frames` frames, at least one. `wav2vec_large`: 465 (29 ms at 16
    /// kHz) for one.
    #[must_use]
    pub fn samples_of(&self, frames: usize) -> usize {
        let layers = self.conv_feature_layers.iter().rev();
        layers.fold(frames, |samples, [_, kernel, stride]| (samples - 1) * stride + kernel)
    }
}

fn last_channels(layers: &[[usize; 3]]) -> usize {
    layers.last().map_or(0, |[channels, _, _]| *channels)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn frames_of_the_published_size() {
        let large = Wav2VecConfig::large();
        large.check().unwrap();
        assert_eq!((large.samples_of(1), large.samples_of(2), large.samples_of(4)), (465, 625, 945));
        for (samples, frames) in [(0, 0), (464, 0), (465, 1), (624, 1), (625, 2), (16_000, 98), (48_000, 298)]
        {
            assert_eq!(large.frames(samples), frames, "{samples}");
        }
        assert_eq!((large.features(), large.width()), (512, 512));
        let kernels: Vec<usize> = large.conv_aggregator_layers.iter().map(|layer| layer[1]).collect();
        assert_eq!(kernels, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    }

    #[test]
    fn what_cannot_be_built_is_refused_by_name() {
        let refusal = |fields: Value| {
            let fields = fields.as_object().unwrap();
            Wav2VecConfig::large().with(fields).unwrap_err().to_string()
        };
        for (fields, message) in [
            (json!({ "model_type": "wav2vec2" }), "`model_type` is wav2vec2: only wav2vec is supported"),
            (
                json!({ "conv_aggregator_layers": [] }),
                "`conv_aggregator_layers` lists no layer: expected at least one",
            ),
            (
                json!({ "conv_feature_layers": [[8, 0, 1]] }),
                "`conv_feature_layers` is 0: expected between 1 and",
            ),
            (
                json!({ "conv_aggregator_layers": [[8, 2, 2]] }),
                "`conv_aggregator_layers` is of stride 2: only 1 is supported",
            ),
            (json!({ "residual_scale": -0.5 }), "`residual_scale` is -0.5: expected a number above 0"),
            (json!({ "dropout": 1.0 }), "`dropout` is 1: expected a share, at least 0 and less than 1"),
            (json!({ "hidden_size": 16 }), "`hidden_size`: unknown field"),
            (
                json!({ "activation": "tanh" }),
                "`activation`: unknown value `tanh`: expected one of `gelu`, `relu`",
            ),
        ] {
            let error = refusal(fields);
            assert!(error.starts_with(message), "{error}");
        }
    }
}
