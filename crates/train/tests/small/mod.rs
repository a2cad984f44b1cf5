//! A small encoder for tests of more than one program.

use affekt_spec::encoder::EncoderConfig;

/// One block of 16 values behind two convolutions, a frame every 20 samples, with the draws of pretraining.
pub fn encoder() -> EncoderConfig {
    EncoderConfig {
        hidden_size: 16,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        intermediate_size: 32,
        conv_dim: vec![8, 8],
        conv_stride: vec![5, 4],
        conv_kernel: vec![10, 8],
        num_conv_pos_embeddings: 8,
        num_conv_pos_embedding_groups: 2,
        mask_time_prob: 0.3,
        mask_time_length: 3,
        mask_feature_prob: 0.0,
        codevector_dim: 8,
        proj_codevector_dim: 8,
        num_codevectors_per_group: 5,
        ..EncoderConfig::default()
    }
}
