//! Encoders that are quick to compute, without chance but for masks.

use affekt_spec::encoder::{EncoderConfig, FeatureNorm};

/// BASE's architecture.
pub fn post_norm() -> EncoderConfig {
    EncoderConfig {
        hidden_size: 16,
        num_hidden_layers: 3,
        num_attention_heads: 2,
        intermediate_size: 24,
        conv_dim: vec![8, 8, 12],
        conv_stride: vec![5, 2, 2],
        conv_kernel: vec![10, 3, 2],
        num_conv_pos_embeddings: 6,
        num_conv_pos_embedding_groups: 4,
        initializer_range: 0.2,
        hidden_dropout: 0.0,
        activation_dropout: 0.0,
        attention_dropout: 0.0,
        layerdrop: 0.0,
        mask_time_length: 2,
        ..EncoderConfig::default()
    }
}

/// XLSR-53's.
pub fn pre_norm() -> EncoderConfig {
    EncoderConfig {
        feat_extract_norm: FeatureNorm::Layer,
        conv_bias: true,
        do_stable_layer_norm: true,
        ..post_norm()
    }
}
