//! What a wav2vec 2.0 is made of, in the words of transformers' `config.json`.

use std::cmp::Ordering;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// The fields of `config.json` that say what is computed, under its names and with its defaults; its other fields are
/// passed over. A value that asks for something else than is built here is refused: activations and norms when reading,
/// everything else by [`Wav2Vec2Config::check`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wav2Vec2Config {
    /// The architecture. Only `wav2vec2`.
    pub model_type: String,
    /// Classes of the CTC head, with the blank.
    pub vocab_size: usize,
    /// Width of the transformer.
    pub hidden_size: usize,
    /// Layers of the transformer.
    pub num_hidden_layers: usize,
    /// Heads of each self-attention. They divide the width among them.
    pub num_attention_heads: usize,
    /// Units between a layer's two linear maps.
    pub intermediate_size: usize,
    /// What follows the first of them.
    #[serde(deserialize_with = "hidden_act")]
    pub hidden_act: Activation,
    /// Share dropped of what is embedded and of both branches of a layer.
    pub hidden_dropout: f64,
    /// Share dropped of the units between a layer's linear maps.
    pub activation_dropout: f64,
    /// Share of attention weights dropped.
    pub attention_dropout: f64,
    /// Share dropped of the projected features.
    pub feat_proj_dropout: f64,
    /// Share dropped of what the CTC head reads.
    pub final_dropout: f64,
    /// Share of layers passed over in a training step (arXiv 1909.11556).
    pub layerdrop: f64,
    /// Standard deviation that weights of linear maps begin with.
    pub initializer_range: f64,
    /// What the layer norms of projection and transformer add to variances.
    pub layer_norm_eps: f64,
    /// What the feature encoder normalises by.
    #[serde(deserialize_with = "feat_extract_norm")]
    pub feat_extract_norm: FeatureNorm,
    /// What follows each convolution, also that of the positions.
    #[serde(deserialize_with = "feat_extract_activation")]
    pub feat_extract_activation: Activation,
    /// Channels of each convolution of the feature encoder.
    pub conv_dim: Vec<usize>,
    /// Their strides.
    pub conv_stride: Vec<usize>,
    /// Their kernels.
    pub conv_kernel: Vec<usize>,
    /// Whether they have biases.
    pub conv_bias: bool,
    /// Kernel, in frames, of the convolution that tells positions.
    pub num_conv_pos_embeddings: usize,
    /// Its groups.
    pub num_conv_pos_embedding_groups: usize,
    /// Whether layers normalise before their branches (LV60K, XLSR-53) or after them (BASE, LARGE).
    pub do_stable_layer_norm: bool,
    /// Whether frames and features are masked in training at all.
    pub apply_spec_augment: bool,
    /// About the share of frames masked in training, if spans did not overlap.
    pub mask_time_prob: f64,
    /// Frames of a span.
    pub mask_time_length: usize,
    /// Spans at least.
    pub mask_time_min_masks: usize,
    /// About the share of features masked in training.
    pub mask_feature_prob: f64,
    /// Features of a span.
    pub mask_feature_length: usize,
    /// Spans at least.
    pub mask_feature_min_masks: usize,
    /// Share dropped of the features that the quantiser reads in pretraining.
    pub feat_quantizer_dropout: f64,
    /// Codewords of each group of the quantiser.
    pub num_codevectors_per_group: usize,
    /// Groups, of each of which a frame gets a codeword.
    pub num_codevector_groups: usize,
    /// What similarities are divided by in the contrastive loss.
    pub contrastive_logits_temperature: f64,
    /// Frames that each masked frame is told from in pretraining.
    pub num_negatives: usize,
    /// Width of a frame's codewords together. The groups divide it among them.
    pub codevector_dim: usize,
    /// Width in which predicted frames and codewords are compared.
    pub proj_codevector_dim: usize,
    /// How much the diversity loss counts beside the contrastive loss.
    pub diversity_loss_weight: f64,
    /// Width of the sequence classifier's projector.
    pub classifier_proj_size: usize,
    /// Whether the classifier reads a weighted sum of layers. Only `false`.
    pub use_weighted_layer_sum: bool,
    /// Whether convolutions follow the transformer. Only `false`.
    pub add_adapter: bool,
    /// Width of adapters in the layers. Only none.
    pub adapter_attn_dim: Option<usize>,
}

/// A function between layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// x Φ(x), by the error function.
    Gelu,
    /// max(x, 0).
    Relu,
}

/// What the feature encoder normalises by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureNorm {
    /// After the first convolution, each channel by its mean and variance over the clip.
    Group,
    /// After every convolution, each frame by its mean and variance over the channels.
    Layer,
}

/// A configuration that cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
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
    /// The width cannot be divided.
    #[error("`{divided}` is {width}, which `{field}`, {parts}, does not divide")]
    Division {
        /// The width's field.
        divided: &'static str,
        /// The width.
        width: usize,
        /// What divides it.
        field: &'static str,
        /// Into how many parts.
        parts: usize,
    },
    /// Nothing can be divided by it.
    #[error("`contrastive_logits_temperature` is {0}: expected a number above 0")]
    Temperature(String),
    /// A size of nothing.
    #[error("`{0}` is 0: expected at least 1")]
    Zero(&'static str),
    /// Not a share.
    #[error("`{field}` is {value}: expected a share, at least 0 and less than 1")]
    Share {
        /// The field.
        field: &'static str,
        /// What it says.
        value: String,
    },
}

impl Default for Wav2Vec2Config {
    /// [`Wav2Vec2Config::base`].
    fn default() -> Self {
        Self {
            model_type: "wav2vec2".into(),
            vocab_size: 32,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: Activation::Gelu,
            hidden_dropout: 0.1,
            activation_dropout: 0.1,
            attention_dropout: 0.1,
            feat_proj_dropout: 0.0,
            final_dropout: 0.1,
            layerdrop: 0.1,
            initializer_range: 0.02,
            layer_norm_eps: 1e-5,
            feat_extract_norm: FeatureNorm::Group,
            feat_extract_activation: Activation::Gelu,
            conv_dim: vec![512; 7],
            conv_stride: vec![5, 2, 2, 2, 2, 2, 2],
            conv_kernel: vec![10, 3, 3, 3, 3, 2, 2],
            conv_bias: false,
            num_conv_pos_embeddings: 128,
            num_conv_pos_embedding_groups: 16,
            do_stable_layer_norm: false,
            apply_spec_augment: true,
            mask_time_prob: 0.05,
            mask_time_length: 10,
            mask_time_min_masks: 2,
            mask_feature_prob: 0.0,
            mask_feature_length: 10,
            mask_feature_min_masks: 0,
            feat_quantizer_dropout: 0.0,
            num_codevectors_per_group: 320,
            num_codevector_groups: 2,
            contrastive_logits_temperature: 0.1,
            num_negatives: 100,
            codevector_dim: 256,
            proj_codevector_dim: 256,
            diversity_loss_weight: 0.1,
            classifier_proj_size: 256,
            use_weighted_layer_sum: false,
            add_adapter: false,
            adapter_attn_dim: None,
        }
    }
}

/// The published sizes. Their dropouts and masks are transformers' defaults; a checkpoint's own stand in its `config.json`.
impl Wav2Vec2Config {
    /// BASE (Baevski et al., arXiv 2006.11477): 12 layers, 768 wide. 94 371 712 parameters.
    #[must_use]
    pub fn base() -> Self {
        Self::default()
    }

    /// LARGE, trained on LibriSpeech: 24 layers, 1024 wide, otherwise as BASE.
    #[must_use]
    pub fn large() -> Self {
        Self {
            hidden_size: 1024,
            num_hidden_layers: 24,
            num_attention_heads: 16,
            intermediate_size: 4096,
            ..Self::base()
        }
    }

    /// LARGE trained on 60 000 hours of Libri-Light: layer norms throughout, before each branch, and biased convolutions.
    #[must_use]
    pub fn large_lv60k() -> Self {
        Self {
            feat_extract_norm: FeatureNorm::Layer,
            conv_bias: true,
            do_stable_layer_norm: true,
            ..Self::large()
        }
    }

    /// XLSR-53, trained on 53 languages (arXiv 2006.13979): the architecture of [`Wav2Vec2Config::large_lv60k`].
    #[must_use]
    pub fn xlsr_53() -> Self {
        Self::large_lv60k()
    }
}

impl Wav2Vec2Config {
    /// Whether it can be built.
    ///
    /// # Errors
    /// The first field that asks for what is not built here, or contradicts another.
    pub fn check(&self) -> Result<(), ConfigError> {
        let only = |fits: bool, field, value: String, supported| {
            if fits { Ok(()) } else { Err(ConfigError::Unsupported { field, value, supported }) }
        };
        only(self.model_type == "wav2vec2", "model_type", format!("`{}`", self.model_type), "`wav2vec2`")?;
        only(!self.add_adapter, "add_adapter", "true".into(), "false")?;
        only(!self.use_weighted_layer_sum, "use_weighted_layer_sum", "true".into(), "false")?;
        if let Some(width) = self.adapter_attn_dim {
            only(false, "adapter_attn_dim", width.to_string(), "null")?;
        }
        let (dims, kernels, strides) = (self.conv_dim.len(), self.conv_kernel.len(), self.conv_stride.len());
        if dims == 0 || kernels != dims || strides != dims {
            return Err(ConfigError::Convolutions { dims, kernels, strides });
        }
        let least = |list: &[usize]| list.iter().copied().min().unwrap_or(0);
        for (field, value) in [
            ("conv_dim", least(&self.conv_dim)),
            ("conv_kernel", least(&self.conv_kernel)),
            ("conv_stride", least(&self.conv_stride)),
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("num_conv_pos_embeddings", self.num_conv_pos_embeddings),
            ("num_conv_pos_embedding_groups", self.num_conv_pos_embedding_groups),
            ("mask_time_length", self.mask_time_length),
            ("mask_feature_length", self.mask_feature_length),
            ("num_codevectors_per_group", self.num_codevectors_per_group),
            ("num_codevector_groups", self.num_codevector_groups),
            ("num_negatives", self.num_negatives),
            ("codevector_dim", self.codevector_dim),
            ("proj_codevector_dim", self.proj_codevector_dim),
            ("classifier_proj_size", self.classifier_proj_size),
        ] {
            if value == 0 {
                return Err(ConfigError::Zero(field));
            }
        }
        let hidden = ("hidden_size", self.hidden_size);
        for ((divided, width), field, parts) in [
            (hidden, "num_attention_heads", self.num_attention_heads),
            (hidden, "num_conv_pos_embedding_groups", self.num_conv_pos_embedding_groups),
            (("codevector_dim", self.codevector_dim), "num_codevector_groups", self.num_codevector_groups),
        ] {
            if !width.is_multiple_of(parts) {
                return Err(ConfigError::Division { divided, width, field, parts });
            }
        }
        if self.contrastive_logits_temperature.partial_cmp(&0.0) != Some(Ordering::Greater) {
            return Err(ConfigError::Temperature(self.contrastive_logits_temperature.to_string()));
        }
        for (field, share) in [
            ("hidden_dropout", self.hidden_dropout),
            ("activation_dropout", self.activation_dropout),
            ("attention_dropout", self.attention_dropout),
            ("feat_proj_dropout", self.feat_proj_dropout),
            ("final_dropout", self.final_dropout),
            ("feat_quantizer_dropout", self.feat_quantizer_dropout),
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
    pub(super) fn frames_by_layer(&self, samples: usize) -> Vec<usize> {
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

impl Activation {
    /// The function of every number.
    pub(super) fn of(self, xs: &Tensor) -> Tensor {
        match self {
            Self::Gelu => xs.gelu("none"),
            Self::Relu => xs.relu(),
        }
    }
}

fn hidden_act<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Activation, D::Error> {
    named("hidden_act", deserializer)
}

fn feat_extract_activation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Activation, D::Error> {
    named("feat_extract_activation", deserializer)
}

fn feat_extract_norm<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FeatureNorm, D::Error> {
    named("feat_extract_norm", deserializer)
}

/// Serde says which value is unknown, but not of which field.
fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    field: &str,
    deserializer: D,
) -> Result<T, D::Error> {
    T::deserialize(deserializer).map_err(|error| D::Error::custom(format!("`{field}`: {error}")))
}
