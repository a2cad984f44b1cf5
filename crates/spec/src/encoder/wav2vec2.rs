//! What an encoder is made of, in the words of transformers' `config.json`.
//!
//! Every format's settings become this. What a `config.json` says beside these fields (tokens, class names, the version
//! that wrote it) is no part of the encoder and is passed over.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::fields;
use crate::Spec;

/// The fields of transformers' `Wav2Vec2Config` that say what is computed and how it was pretrained, with the defaults
/// of transformers 5.17.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct EncoderConfig {
    /// The architecture. Only `wav2vec2`.
    #[spec(default = "wav2vec2".into())]
    pub model_type: String,
    /// Classes of the CTC head, with the blank.
    #[spec(default = 32)]
    pub vocab_size: usize,
    /// Width of the transformer.
    #[spec(default = 768)]
    pub hidden_size: usize,
    /// Layers of the transformer.
    #[spec(default = 12)]
    pub num_hidden_layers: usize,
    /// Heads of each self-attention.
    #[spec(default = 12)]
    pub num_attention_heads: usize,
    /// Units between a layer's two linear maps.
    #[spec(default = 3072)]
    pub intermediate_size: usize,
    /// What follows the first of them.
    #[spec(default = Activation::Gelu)]
    pub hidden_act: Activation,
    /// Share dropped of what is embedded and of both branches of a layer.
    #[spec(default = 0.1)]
    pub hidden_dropout: f64,
    /// Share dropped of the units between a layer's linear maps.
    #[spec(default = 0.1)]
    pub activation_dropout: f64,
    /// Share of attention weights dropped.
    #[spec(default = 0.1)]
    pub attention_dropout: f64,
    /// Share dropped of the projected features.
    #[spec(default = 0.0)]
    pub feat_proj_dropout: f64,
    /// Share dropped of the features that pretraining quantises.
    #[spec(default = 0.0)]
    pub feat_quantizer_dropout: f64,
    /// Share dropped of what the CTC head reads.
    #[spec(default = 0.1)]
    pub final_dropout: f64,
    /// Share of layers passed over in a training step.
    #[spec(default = 0.1)]
    pub layerdrop: f64,
    /// Standard deviation that weights of linear maps begin with.
    #[spec(default = 0.02)]
    pub initializer_range: f64,
    /// What the layer norms of projection and transformer add to variances.
    #[spec(default = 1e-5)]
    pub layer_norm_eps: f64,
    /// What the feature encoder normalises by.
    #[spec(default = FeatureNorm::Group)]
    pub feat_extract_norm: FeatureNorm,
    /// What follows each convolution.
    #[spec(default = Activation::Gelu)]
    pub feat_extract_activation: Activation,
    /// Channels of each convolution of the feature encoder.
    #[spec(default = vec![512; 7])]
    pub conv_dim: Vec<usize>,
    /// Their strides.
    #[spec(default = PUBLISHED_STRIDES.to_vec())]
    pub conv_stride: Vec<usize>,
    /// Their kernels.
    #[spec(default = PUBLISHED_KERNELS.to_vec())]
    pub conv_kernel: Vec<usize>,
    /// Whether they have biases.
    #[spec(default = false)]
    pub conv_bias: bool,
    /// Kernel, in frames, of the convolution that tells positions.
    #[spec(default = 128)]
    pub num_conv_pos_embeddings: usize,
    /// Its groups.
    #[spec(default = 16)]
    pub num_conv_pos_embedding_groups: usize,
    /// Whether layers normalise before their branches (LV60K, XLSR-53) or after them (BASE, LARGE).
    #[spec(default = false)]
    pub do_stable_layer_norm: bool,
    /// Whether frames and features are masked in training at all.
    #[spec(default = true)]
    pub apply_spec_augment: bool,
    /// About the share of frames masked in training, if spans did not overlap.
    #[spec(default = 0.05)]
    pub mask_time_prob: f64,
    /// Frames of a span.
    #[spec(default = 10)]
    pub mask_time_length: usize,
    /// Spans at least.
    #[spec(default = 2)]
    pub mask_time_min_masks: usize,
    /// About the share of features masked in training.
    #[spec(default = 0.0)]
    pub mask_feature_prob: f64,
    /// Features of a span.
    #[spec(default = 10)]
    pub mask_feature_length: usize,
    /// Spans at least.
    #[spec(default = 0)]
    pub mask_feature_min_masks: usize,
    /// Entries of each codebook of the quantiser.
    #[spec(default = 320)]
    pub num_codevectors_per_group: usize,
    /// Its codebooks.
    #[spec(default = 2)]
    pub num_codevector_groups: usize,
    /// Width of what it gives, all codebooks together.
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
    /// After the first convolution, each channel over the clip.
    Group,
    /// After every convolution, each frame over the channels.
    Layer,
}

/// The published architectures, by the names that experiments use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Architecture {
    /// BASE (Baevski et al., arXiv 2006.11477): 12 layers, 768 wide.
    Base,
    /// LARGE, trained on LibriSpeech: 24 layers, 1024 wide, otherwise as BASE.
    Large,
    /// LARGE trained on Libri-Light: layer norms throughout, before each branch, and biased convolutions.
    #[spec(name = "large-lv60k")]
    LargeLv60k,
    /// XLSR-53, trained on 53 languages (arXiv 2006.13979): the architecture of LARGE-LV60K.
    #[spec(name = "xlsr-53")]
    Xlsr53,
}

/// A configuration that is not understood or cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A field of another type, or with a value that is not known.
    #[error("`{field}`: {why}")]
    Field {
        /// The field.
        field: String,
        /// What is wrong.
        why: String,
    },
    /// Another kind of encoder.
    #[error("it is a model of type `{0}`: only `wav2vec2` is supported")]
    ModelType(String),
    /// Something that is not built here.
    #[error("`{field}` is {value}: only {supported} is supported")]
    Unsupported {
        /// The field.
        field: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        supported: &'static str,
    },
    /// The lists of the feature encoder do not go together.
    #[error(
        "`conv_dim`, `conv_kernel` and `conv_stride` list {dims}, {kernels} and {strides} layers: expected as many each, at least one"
    )]
    Convolutions {
        /// How many channels are listed.
        dims: usize,
        /// How many kernels.
        kernels: usize,
        /// How many strides.
        strides: usize,
    },
    /// The lists of blocks do not go together.
    #[error(
        "`channels` and `convolutions` list {channels} and {convolutions} blocks: expected as many of one as of the other, at least one"
    )]
    Blocks {
        /// Of how many blocks channels are listed.
        channels: usize,
        /// Of how many blocks numbers of convolutions are.
        convolutions: usize,
    },
    /// A number that must divide another does not.
    #[error("`{field}` is {whole}, which `{divisor}`, {parts}, does not divide")]
    Division {
        /// What is divided.
        field: &'static str,
        /// Its value.
        whole: usize,
        /// What divides it.
        divisor: &'static str,
        /// Into how many parts.
        parts: usize,
    },
    /// Zero, or less.
    #[error("`{field}` is {value}: expected a number above 0")]
    NotPositive {
        /// The field.
        field: &'static str,
        /// What it says.
        value: String,
    },
    /// A list of layers without any.
    #[error("`{0}` lists no layer: expected at least one")]
    NoLayers(&'static str),
    /// Not a share.
    #[error("`{field}` is {value}: expected a share, at least 0 and less than 1")]
    Share {
        /// The field.
        field: &'static str,
        /// What it says.
        value: String,
    },
    /// A size of nothing, or one beyond all reason.
    #[error("`{field}` is {value}: expected between 1 and {MAX_SIZE}")]
    Size {
        /// The field.
        field: &'static str,
        /// What it says.
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
    /// The configuration in a `config.json`; its other fields are passed over.
    ///
    /// # Errors
    /// When it is of another kind of model, asks for what is not supported, or contradicts itself.
    pub fn of(fields: &Map<String, Value>) -> Result<Self, ConfigError> {
        Self::default().with(&Self::told(fields)?)
    }

    /// The fields of a `config.json` that are an encoder's.
    ///
    /// # Errors
    /// When it is of another kind of model or asks for what is not supported.
    pub fn told(fields: &Map<String, Value>) -> Result<Map<String, Value>, ConfigError> {
        match fields.get("model_type") {
            Some(Value::String(kind)) if kind == "wav2vec2" => {}
            Some(Value::String(kind)) => return Err(ConfigError::ModelType(kind.clone())),
            _ => return Err(ConfigError::ModelType("(not said)".into())),
        }
        for (field, supported) in
            [("add_adapter", "false"), ("use_weighted_layer_sum", "false"), ("adapter_attn_dim", "null")]
        {
            let value = fields.get(field).unwrap_or(&Value::Null);
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return Err(ConfigError::Unsupported { field, value: value.to_string(), supported });
            }
        }
        let known = Self::default().fields();
        let own = fields.iter().filter(|(field, value)| known.contains_key(*field) && !value.is_null());
        Ok(own.map(|(field, value)| (field.clone(), value.clone())).collect())
    }

    /// This configuration with some fields set.
    ///
    /// # Errors
    /// When there is no such field, or the result cannot be built.
    pub fn with(&self, fields: &Map<String, Value>) -> Result<Self, ConfigError> {
        let mut config = self.clone();
        for (field, value) in fields {
            config = config.set(field, value)?;
        }
        config.check()?;
        Ok(config)
    }

    /// This configuration with one field set, whether or not the whole can be built.
    ///
    /// # Errors
    /// When there is no such field, or the value is none for it.
    pub fn set(&self, field: &str, value: &Value) -> Result<Self, ConfigError> {
        fields::set(self, field, value)
    }

    /// All fields, by name.
    #[must_use]
    pub fn fields(&self) -> Map<String, Value> {
        fields::of(self)
    }

    /// Channels that the feature encoder gives, and the projection reads.
    #[must_use]
    pub fn features(&self) -> usize {
        self.conv_dim.last().copied().unwrap_or(0)
    }

    /// Whether it can be built.
    ///
    /// # Errors
    /// The first field that asks for what is not built here, or contradicts another.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.model_type != "wav2vec2" {
            return Err(ConfigError::ModelType(self.model_type.clone()));
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

    /// How many frames the feature encoder makes of so many samples. BASE: 1 + ⌊(samples − 400) / 320⌋, or 0.
    #[must_use]
    pub fn frames(&self, samples: usize) -> usize {
        self.frames_by_layer(samples).last().copied().unwrap_or(samples)
    }

    /// How many frames follow each convolution. A frame is counted when all it sees are those samples.
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

    /// How few samples make a frame. BASE: 400, which are 25 ms at 16 kHz.
    #[must_use]
    pub fn samples_of_a_frame(&self) -> usize {
        let layers = self.conv_kernel.iter().zip(&self.conv_stride);
        layers.rev().fold(1, |samples, (kernel, stride)| (samples - 1) * stride + kernel)
    }
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
            (r#"{"model_type": "wavlm"}"#, "it is a model of type `wavlm`: only `wav2vec2` is supported"),
            (r#"{"add_adapter": true}"#, "`add_adapter` is true: only false is supported"),
            (r#"{"adapter_attn_dim": 16}"#, "`adapter_attn_dim` is 16: only null is supported"),
            (
                r#"{"use_weighted_layer_sum": true}"#,
                "`use_weighted_layer_sum` is true: only false is supported",
            ),
            (
                r#"{"conv_dim": [512]}"#,
                "`conv_dim`, `conv_kernel` and `conv_stride` list 1, 7 and 7 layers: expected as many each, at least one",
            ),
            (
                r#"{"codevector_dim": 255}"#,
                "`codevector_dim` is 255, which `num_codevector_groups`, 2, does not divide",
            ),
            (
                r#"{"contrastive_logits_temperature": 0}"#,
                "`contrastive_logits_temperature` is 0: expected a number above 0",
            ),
            (
                r#"{"num_attention_heads": 7}"#,
                "`hidden_size` is 768, which `num_attention_heads`, 7, does not divide",
            ),
            (r#"{"conv_stride": [5, 2, 2, 0, 2, 2, 2]}"#, "`conv_stride` is 0: expected between 1 and"),
            (r#"{"layerdrop": 1.0}"#, "`layerdrop` is 1: expected a share, at least 0 and less than 1"),
        ] {
            let found = read(text).unwrap_err().to_string();
            assert!(found.starts_with(message), "{found}");
        }
    }
}
