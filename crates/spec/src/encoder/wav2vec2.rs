//! The configuration of wav2vec 2.0 and of its relatives ([`Relative`]), under the names of transformers' `config.json`.
//!
//! The settings of every format are converted to it. Other fields of a `config.json` (tokens, class names, the
//! version that wrote it) do not concern the encoder and are ignored.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::{Relative, fields};
use crate::Spec;

/// The fields of transformers' `Wav2Vec2Config` that determine computation and pretraining, with the defaults of
/// transformers 5.17.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct EncoderConfig {
    /// The architecture: `wav2vec2`, or one of its relatives.
    #[spec(default = "wav2vec2".into())]
    pub model_type: String,
    /// Classes of the CTC head, with the blank.
    #[spec(default = 32)]
    pub vocab_size: usize,
    /// Width of the transformer.
    #[spec(default = 768)]
    pub hidden_size: usize,
    /// Number of layers of the transformer.
    #[spec(default = 12)]
    pub num_hidden_layers: usize,
    /// Number of heads of each self-attention.
    #[spec(default = 12)]
    pub num_attention_heads: usize,
    /// Width of the feed-forward network of a layer.
    #[spec(default = 3072)]
    pub intermediate_size: usize,
    /// Activation of the feed-forward network.
    #[spec(default = Activation::Gelu)]
    pub hidden_act: Activation,
    /// Dropout rate of the embedded input and of both branches of a layer.
    #[spec(default = 0.1)]
    pub hidden_dropout: f64,
    /// Dropout rate within the feed-forward network.
    #[spec(default = 0.1)]
    pub activation_dropout: f64,
    /// Dropout rate of attention weights.
    #[spec(default = 0.1)]
    pub attention_dropout: f64,
    /// Dropout rate of the projected features.
    #[spec(default = 0.0)]
    pub feat_proj_dropout: f64,
    /// Dropout rate of the features that are quantised in pretraining.
    #[spec(default = 0.0)]
    pub feat_quantizer_dropout: f64,
    /// Dropout rate of the CTC head's input.
    #[spec(default = 0.1)]
    pub final_dropout: f64,
    /// Rate at which layers are skipped in training.
    #[spec(default = 0.1)]
    pub layerdrop: f64,
    /// Standard deviation of the initial weights of linear maps.
    #[spec(default = 0.02)]
    pub initializer_range: f64,
    /// Epsilon of the layer norms of projection and transformer.
    #[spec(default = 1e-5)]
    pub layer_norm_eps: f64,
    /// Normalisation in the feature encoder.
    #[spec(default = FeatureNorm::Group)]
    pub feat_extract_norm: FeatureNorm,
    /// Activation after each convolution.
    #[spec(default = Activation::Gelu)]
    pub feat_extract_activation: Activation,
    /// Number of channels of each convolution of the feature encoder.
    #[spec(default = vec![512; 7])]
    pub conv_dim: Vec<usize>,
    /// Strides of these convolutions.
    #[spec(default = PUBLISHED_STRIDES.to_vec())]
    pub conv_stride: Vec<usize>,
    /// Kernel sizes of these convolutions.
    #[spec(default = PUBLISHED_KERNELS.to_vec())]
    pub conv_kernel: Vec<usize>,
    /// Whether these convolutions have biases.
    #[spec(default = false)]
    pub conv_bias: bool,
    /// Kernel size of the positional convolution, in frames.
    #[spec(default = 128)]
    pub num_conv_pos_embeddings: usize,
    /// Its groups.
    #[spec(default = 16)]
    pub num_conv_pos_embedding_groups: usize,
    /// Whether layers normalise before their branches (LV60K, XLSR-53) or after them (BASE, LARGE).
    #[spec(default = false)]
    pub do_stable_layer_norm: bool,
    /// Whether frames and features are masked in training.
    #[spec(default = true)]
    pub apply_spec_augment: bool,
    /// Approximate share of frames masked in training, not counting overlaps of spans.
    #[spec(default = 0.05)]
    pub mask_time_prob: f64,
    /// Length of a span, in frames.
    #[spec(default = 10)]
    pub mask_time_length: usize,
    /// Minimum number of spans.
    #[spec(default = 2)]
    pub mask_time_min_masks: usize,
    /// Approximate share of features masked in training.
    #[spec(default = 0.0)]
    pub mask_feature_prob: f64,
    /// Length of a span, in features.
    #[spec(default = 10)]
    pub mask_feature_length: usize,
    /// Minimum number of spans.
    #[spec(default = 0)]
    pub mask_feature_min_masks: usize,
    /// Number of entries of each codebook of the quantiser.
    #[spec(default = 320)]
    pub num_codevectors_per_group: usize,
    /// Number of codebooks.
    #[spec(default = 2)]
    pub num_codevector_groups: usize,
    /// Width of the quantiser's output, over all codebooks.
    #[spec(default = 256)]
    pub codevector_dim: usize,
    /// Width in which pretraining compares.
    #[spec(default = 256)]
    pub proj_codevector_dim: usize,
    /// Temperature of the contrastive loss.
    #[spec(default = 0.1)]
    pub contrastive_logits_temperature: f64,
    /// Distractors of the contrastive loss.
    #[spec(default = 100)]
    pub num_negatives: usize,
    /// Weight of the diversity loss.
    #[spec(default = 0.1)]
    pub diversity_loss_weight: f64,
    /// Width of the sequence classifier's projector.
    #[spec(default = 256)]
    pub classifier_proj_size: usize,
    /// HuBERT: whether there is a norm before the projection.
    #[spec(default = true, hidden)]
    pub feat_proj_layer_norm: bool,
    /// WavLM: number of classes of relative positions, half of them for either direction.
    #[spec(default = 320, hidden)]
    pub num_buckets: usize,
    /// WavLM: distance from which all are of one class, in frames.
    #[spec(default = 800, hidden)]
    pub max_bucket_distance: usize,
    /// data2vec-audio: kernel size of each positional convolution, of which there are `num_conv_pos_embeddings`.
    #[spec(default = 19, hidden)]
    pub conv_pos_kernel_size: usize,
}

/// A function between layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Activation {
    /// x Φ(x), by the error function.
    Gelu,
    /// max(x, 0).
    Relu,
}

/// What the feature encoder normalises by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum FeatureNorm {
    /// Each channel over time, after the first convolution.
    Group,
    /// Each frame over its channels, after every convolution.
    Layer,
}

/// The published architectures, by the names that experiments use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Architecture {
    /// BASE (Baevski et al., arXiv 2006.11477): 12 layers, 768 wide.
    Base,
    /// LARGE, trained on LibriSpeech: 24 layers, 1024 wide, otherwise like BASE.
    Large,
    /// LARGE trained on Libri-Light: layer norms throughout, before each branch, and biased convolutions.
    #[spec(name = "large-lv60k")]
    LargeLv60k,
    /// XLSR-53, trained on 53 languages (arXiv 2006.13979): the architecture of LARGE-LV60K.
    #[spec(name = "xlsr-53")]
    Xlsr53,
}

/// An error for a configuration that is invalid or unsupported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A field of another type, or with an unknown value.
    #[error("`{field}`: {why}")]
    Field {
        /// The field.
        field: String,
        /// The cause.
        why: String,
    },
    /// Another kind of encoder.
    #[error("it is a model of type `{0}`: supported are {known}", known = super::speech::known_types())]
    ModelType(String),
    /// An unsupported value.
    #[error("`{field}` is {value}: only {supported} is supported")]
    Unsupported {
        /// The field.
        field: &'static str,
        /// The value.
        value: String,
        /// The supported values.
        supported: &'static str,
    },
    /// Lists of the feature encoder with different lengths.
    #[error(
        "`conv_dim`, `conv_kernel` and `conv_stride` list {dims}, {kernels} and {strides} layers: expected the same number, at least one"
    )]
    Convolutions {
        /// Length of `conv_dim`.
        dims: usize,
        /// Length of `conv_kernel`.
        kernels: usize,
        /// Length of `conv_stride`.
        strides: usize,
    },
    /// Lists of blocks with different lengths.
    #[error(
        "`channels` and `convolutions` list {channels} and {convolutions} blocks: expected the same number, at least one"
    )]
    Blocks {
        /// Length of `channels`.
        channels: usize,
        /// Length of `convolutions`.
        convolutions: usize,
    },
    /// A number that is not a multiple of another.
    #[error("`{field}` is {whole}, expected a multiple of `{divisor}`, which is {parts}")]
    Division {
        /// The field.
        field: &'static str,
        /// Its value.
        whole: usize,
        /// The field that must divide it.
        divisor: &'static str,
        /// The value of that field.
        parts: usize,
    },
    /// A number that is zero or negative.
    #[error("`{field}` is {value}: expected a number above 0")]
    NotPositive {
        /// The field.
        field: &'static str,
        /// The value.
        value: String,
    },
    /// An empty list of layers.
    #[error("`{0}` lists no layer: expected at least one")]
    NoLayers(&'static str),
    /// A number that is not a share.
    #[error("`{field}` is {value}: expected a share, at least 0 and less than 1")]
    Share {
        /// The field.
        field: &'static str,
        /// The value.
        value: String,
    },
    /// A size of zero, or an unreasonably large one.
    #[error("`{field}` is {value}: expected between 1 and {MAX_SIZE}")]
    Size {
        /// The field.
        field: &'static str,
        /// The value.
        value: usize,
    },
}

/// Larger than any width, kernel or number of layers that was ever trained: products of three of them fit into 64 bits.
pub const MAX_SIZE: usize = 1 << 20;

/// Kernels of the feature encoder in every published checkpoint.
pub const PUBLISHED_KERNELS: [usize; 7] = [10, 3, 3, 3, 3, 2, 2];
/// Their strides: 20 ms a frame at 16 kHz.
pub const PUBLISHED_STRIDES: [usize; 7] = [5, 2, 2, 2, 2, 2, 2];

impl Architecture {
    /// Its configuration. Dropouts and masks are transformers' defaults.
    #[must_use]
    pub fn config(self) -> EncoderConfig {
        let base = EncoderConfig::default();
        let large = EncoderConfig {
            hidden_size: 1024,
            num_hidden_layers: 24,
            num_attention_heads: 16,
            intermediate_size: 4096,
            codevector_dim: 768,
            proj_codevector_dim: 768,
            ..base.clone()
        };
        match self {
            Self::Base => base,
            Self::Large => large,
            Self::LargeLv60k | Self::Xlsr53 => EncoderConfig {
                feat_extract_norm: FeatureNorm::Layer,
                conv_bias: true,
                do_stable_layer_norm: true,
                ..large
            },
        }
    }
}

impl EncoderConfig {
    /// Creates a configuration from a `config.json`, whose other fields are ignored.
    ///
    /// # Errors
    /// Fails if it is of another kind of model, unsupported, or contradictory.
    pub fn of(fields: &Map<String, Value>) -> Result<Self, ConfigError> {
        let relative = Relative::of(model_type(fields)).ok_or_else(|| unknown(fields))?;
        relative.config().with(&relative.known_fields(fields)?)
    }

    /// Selects the fields of a `config.json` that concern the encoder.
    ///
    /// # Errors
    /// When it is of another kind of model or asks for what is not supported.
    pub fn known_fields(fields: &Map<String, Value>) -> Result<Map<String, Value>, ConfigError> {
        Relative::of(model_type(fields)).ok_or_else(|| unknown(fields))?.known_fields(fields)
    }

    /// Returns this configuration with some fields replaced.
    ///
    /// # Errors
    /// Fails if a field is unknown or the result is invalid.
    pub fn with(&self, fields: &Map<String, Value>) -> Result<Self, ConfigError> {
        let config = fields::with(self, fields, Self::set)?;
        config.check()?;
        Ok(config)
    }

    /// Returns this configuration with one field replaced, without checking the result.
    ///
    /// # Errors
    /// Fails if the field is unknown or the value has another type.
    pub fn set(&self, field: &str, value: &Value) -> Result<Self, ConfigError> {
        fields::set(self, field, value, self.relative().map_or(&[], |relative| relative.fields))
    }

    /// Returns all fields by name.
    #[must_use]
    pub fn fields(&self) -> Map<String, Value> {
        fields::of(self)
    }

    /// Returns which relative it is; `None` where [`Self::check`] fails.
    #[must_use]
    pub fn relative(&self) -> Option<&'static Relative> {
        Relative::of(&self.model_type)
    }

    /// Returns whether attention has a gated bias of relative positions.
    #[must_use]
    pub fn has_position_bias(&self) -> bool {
        self.model_type == "wavlm"
    }

    /// Returns whether positions are told by a stack of convolutions, not by one.
    #[must_use]
    pub fn has_positional_stack(&self) -> bool {
        self.model_type == "data2vec-audio"
    }

    /// Channels that the feature encoder gives, and the projection reads.
    #[must_use]
    pub fn features(&self) -> usize {
        self.conv_dim.last().copied().unwrap_or(0)
    }

    /// Checks that the network can be built.
    ///
    /// # Errors
    /// Fails with the first field that is unsupported or contradicts another.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.relative().is_none() {
            return Err(ConfigError::ModelType(self.model_type.clone()));
        }
        // Half of the classes of a direction are for single distances: one at the least.
        let exact = self.num_buckets / 4;
        if exact == 0 || self.max_bucket_distance <= exact {
            let why = format!(
                "is {}, with `max_bucket_distance` {}: expected at least 4, and a distance above a quarter of it",
                self.num_buckets, self.max_bucket_distance
            );
            return Err(ConfigError::Field { field: "num_buckets".into(), why });
        }
        let (dims, kernels, strides) = (self.conv_dim.len(), self.conv_kernel.len(), self.conv_stride.len());
        if dims == 0 || kernels != dims || strides != dims {
            return Err(ConfigError::Convolutions { dims, kernels, strides });
        }
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("num_conv_pos_embeddings", self.num_conv_pos_embeddings),
            ("num_conv_pos_embedding_groups", self.num_conv_pos_embedding_groups),
            ("num_codevectors_per_group", self.num_codevectors_per_group),
            ("num_codevector_groups", self.num_codevector_groups),
            ("codevector_dim", self.codevector_dim),
            ("proj_codevector_dim", self.proj_codevector_dim),
            ("mask_time_length", self.mask_time_length),
            ("mask_feature_length", self.mask_feature_length),
            ("num_negatives", self.num_negatives),
            ("classifier_proj_size", self.classifier_proj_size),
            ("num_buckets", self.num_buckets),
            ("max_bucket_distance", self.max_bucket_distance),
            ("conv_pos_kernel_size", self.conv_pos_kernel_size),
        ];
        let lists = [
            ("conv_dim", &self.conv_dim),
            ("conv_kernel", &self.conv_kernel),
            ("conv_stride", &self.conv_stride),
        ];
        let listed = lists.iter().flat_map(|(field, list)| list.iter().map(|size| (*field, *size)));
        for (field, value) in sizes.into_iter().chain(listed) {
            if !(1..=MAX_SIZE).contains(&value) {
                return Err(ConfigError::Size { field, value });
            }
        }
        for (field, whole, divisor, parts) in [
            ("hidden_size", self.hidden_size, "num_attention_heads", self.num_attention_heads),
            (
                "hidden_size",
                self.hidden_size,
                "num_conv_pos_embedding_groups",
                self.num_conv_pos_embedding_groups,
            ),
            ("codevector_dim", self.codevector_dim, "num_codevector_groups", self.num_codevector_groups),
        ] {
            if !whole.is_multiple_of(parts) {
                return Err(ConfigError::Division { field, whole, divisor, parts });
            }
        }
        if self.contrastive_logits_temperature.partial_cmp(&0.0) != Some(Ordering::Greater) {
            let value = self.contrastive_logits_temperature.to_string();
            return Err(ConfigError::NotPositive { field: "contrastive_logits_temperature", value });
        }
        for (field, share) in [
            ("hidden_dropout", self.hidden_dropout),
            ("activation_dropout", self.activation_dropout),
            ("attention_dropout", self.attention_dropout),
            ("feat_proj_dropout", self.feat_proj_dropout),
            ("feat_quantizer_dropout", self.feat_quantizer_dropout),
            ("final_dropout", self.final_dropout),
            ("layerdrop", self.layerdrop),
            ("mask_time_prob", self.mask_time_prob),
            ("mask_feature_prob", self.mask_feature_prob),
        ] {
            if !(0.0..1.0).contains(&share) {
                return Err(ConfigError::Share { field, value: share.to_string() });
            }
        }
        Ok(())
    }

    /// Returns the number of frames for a number of samples. BASE: 1 + ⌊(samples − 400) / 320⌋, or 0.
    #[must_use]
    pub fn frames(&self, samples: usize) -> usize {
        self.frames_by_layer(samples).last().copied().unwrap_or(samples)
    }

    /// Returns the number of frames after each convolution. Frames are counted if their whole receptive field is
    /// within the samples.
    #[must_use]
    pub fn frames_by_layer(&self, samples: usize) -> Vec<usize> {
        let layers = self.conv_kernel.iter().zip(&self.conv_stride);
        layers
            .scan(samples, |frames, (kernel, stride)| {
                *frames = frames.checked_sub(*kernel).map_or(0, |rest| rest / stride + 1);
                Some(*frames)
            })
            .collect()
    }

    /// Returns the receptive field of a frame in samples. BASE: 400, which are 25 ms at 16 kHz.
    #[must_use]
    pub fn samples_of_a_frame(&self) -> usize {
        let layers = self.conv_kernel.iter().zip(&self.conv_stride);
        layers.rev().fold(1, |samples, (kernel, stride)| (samples - 1) * stride + kernel)
    }
}

fn model_type(fields: &Map<String, Value>) -> &str {
    fields.get("model_type").and_then(Value::as_str).unwrap_or("(not given)")
}

fn unknown(fields: &Map<String, Value>) -> ConfigError {
    ConfigError::ModelType(model_type(fields).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Words;

    fn read(text: &str) -> Result<EncoderConfig, ConfigError> {
        let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else { panic!("{text}") };
        fields.entry("model_type").or_insert_with(|| "wav2vec2".into());
        EncoderConfig::of(&fields)
    }

    #[test]
    fn frames_of_the_published_sizes() {
        for architecture in Architecture::ALL {
            let (name, config) = (architecture.word(), architecture.config());
            config.check().unwrap();
            assert_eq!(config.samples_of_a_frame(), 400, "{name}");
            for (samples, frames) in
                [(0, 0), (399, 0), (400, 1), (719, 1), (720, 2), (16_000, 49), (48_000, 149)]
            {
                assert_eq!(config.frames(samples), frames, "{name}, {samples}");
            }
        }
    }

    #[test]
    fn config_files_are_read() {
        let text = r#"{
            "architectures": ["Wav2Vec2ForPreTraining"], "model_type": "wav2vec2", "hidden_size": 1024,
            "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096, "conv_bias": true,
            "conv_dim": [512, 512, 512, 512, 512, 512, 512], "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
            "conv_stride": [5, 2, 2, 2, 2, 2, 2], "do_stable_layer_norm": true, "feat_extract_activation": "gelu",
            "feat_extract_norm": "layer", "hidden_act": "gelu", "layer_norm_eps": 1e-05, "feat_proj_dropout": 0,
            "codevector_dim": 768, "proj_codevector_dim": 768, "adapter_attn_dim": null, "add_adapter": false
        }"#;
        assert_eq!(read(text).unwrap(), Architecture::Xlsr53.config());
        assert_eq!(read(r#"{"hidden_act": "relu"}"#).unwrap().hidden_act, Activation::Relu);
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (text, message) in [
            (
                r#"{"hidden_act": "swish"}"#,
                "`hidden_act`: unknown value `swish`: expected one of `gelu`, `relu`",
            ),
            (
                r#"{"feat_extract_norm": "batch"}"#,
                "`feat_extract_norm`: unknown value `batch`: expected one of `group`, `layer`",
            ),
            (
                r#"{"model_type": "speecht5"}"#,
                "it is a model of type `speecht5`: supported are `wav2vec2`, `hubert`, `wavlm`",
            ),
            (
                r#"{"model_type": "wavlm", "num_buckets": 3}"#,
                "`num_buckets`: is 3, with `max_bucket_distance` 800",
            ),
            (
                r#"{"model_type": "hubert", "conv_pos_batch_norm": true}"#,
                "`conv_pos_batch_norm` is true: only false",
            ),
            (r#"{"add_adapter": true}"#, "`add_adapter` is true: only false is supported"),
            (r#"{"adapter_attn_dim": 16}"#, "`adapter_attn_dim` is 16: only null is supported"),
            (
                r#"{"use_weighted_layer_sum": true}"#,
                "`use_weighted_layer_sum` is true: only false is supported",
            ),
            (
                r#"{"conv_dim": [512]}"#,
                "`conv_dim`, `conv_kernel` and `conv_stride` list 1, 7 and 7 layers: expected the same number, at least one",
            ),
            (
                r#"{"codevector_dim": 255}"#,
                "`codevector_dim` is 255, expected a multiple of `num_codevector_groups`, which is 2",
            ),
            (
                r#"{"contrastive_logits_temperature": 0}"#,
                "`contrastive_logits_temperature` is 0: expected a number above 0",
            ),
            (
                r#"{"num_attention_heads": 7}"#,
                "`hidden_size` is 768, expected a multiple of `num_attention_heads`, which is 7",
            ),
            (r#"{"conv_stride": [5, 2, 2, 0, 2, 2, 2]}"#, "`conv_stride` is 0: expected between 1 and"),
            (r#"{"layerdrop": 1.0}"#, "`layerdrop` is 1: expected a share, at least 0 and less than 1"),
        ] {
            let found = read(text).unwrap_err().to_string();
            assert!(found.starts_with(message), "{found}");
        }
    }
}
