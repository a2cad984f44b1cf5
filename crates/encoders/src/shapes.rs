//! The tensors of an encoder and of the heads in checkpoints: canonical names and shapes.
//!
//! The canonical names of wav2vec 2.0 are transformers', without the prefix `wav2vec2.` of models with a head, and
//! with weight norm as `weight_g` (length) and `weight_v` (direction); those of wav2vec are fairseq's, those of VGG16
//! torchvision's.

use std::collections::BTreeMap;

use affekt_spec::encoder::{
    EncoderConfig, Family, FeatureNorm, SpeechConfig, Vgg16Config, Wav2VecConfig, WhisperConfig,
};

/// The embedding that replaces masked frames. Not every format stores it.
pub(crate) const MASK: &str = "masked_spec_embed";

/// Returns every tensor of an encoder with its shape.
pub(crate) fn encoder(family: &Family) -> BTreeMap<String, Vec<usize>> {
    match family {
        Family::Speech(SpeechConfig::Wav2Vec2(config)) => wav2vec2(config),
        Family::Speech(SpeechConfig::Whisper(config)) => whisper(config),
        Family::Wav2Vec(config) => wav2vec(config),
        Family::Vgg16(config) => vgg16(config),
    }
}

/// Returns every tensor of the heads whose sizes the configuration determines. Heads of wav2vec and VGG16 are not used.
pub(crate) fn heads(family: &Family) -> BTreeMap<String, Vec<usize>> {
    family.wav2vec2().map(wav2vec2_heads).unwrap_or_default()
}

fn vgg16(config: &Vgg16Config) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = Shapes::default();
    for layer in config.layers() {
        let (weight, bias) = layer.shapes();
        shapes.put(&format!("{}weight", layer.prefix()), &weight);
        shapes.put(&format!("{}bias", layer.prefix()), &bias);
    }
    shapes.0
}

fn wav2vec(config: &Wav2VecConfig) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = Shapes::default();
    let is_affine = !config.non_affine_group_norm;
    let mut channels = 1;
    for (i, &[dim, kernel, _]) in config.conv_feature_layers.iter().enumerate() {
        let layer = format!("feature_extractor.conv_layers.{i}");
        shapes.put(&format!("{layer}.0.weight"), &[dim, channels, kernel]);
        if is_affine {
            shapes.norm(&format!("{layer}.2"), dim);
        }
        channels = dim;
    }
    for (i, &[dim, kernel, _]) in config.conv_aggregator_layers.iter().enumerate() {
        let layer = format!("feature_aggregator.conv_layers.{i}");
        shapes.put(&format!("{layer}.1.weight"), &[dim, channels, kernel]);
        if !config.no_conv_bias {
            shapes.put(&format!("{layer}.1.bias"), &[dim]);
        }
        if is_affine {
            shapes.norm(&format!("{layer}.3"), dim);
        }
        if config.skip_connections_agg && dim != channels {
            shapes.put(&format!("feature_aggregator.residual_proj.{i}.weight"), &[dim, channels, 1]);
        }
        channels = dim;
    }
    shapes.0
}

fn wav2vec2(config: &EncoderConfig) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = Shapes::default();
    let width = config.hidden_size;
    shapes.put(MASK, &[width]);
    let mut channels = 1;
    for (i, (dim, kernel)) in config.conv_dim.iter().zip(&config.conv_kernel).enumerate() {
        let layer = format!("feature_extractor.conv_layers.{i}");
        shapes.put(&format!("{layer}.conv.weight"), &[*dim, channels, *kernel]);
        if config.conv_bias {
            shapes.put(&format!("{layer}.conv.bias"), &[*dim]);
        }
        if i == 0 || config.feat_extract_norm == FeatureNorm::Layer {
            shapes.norm(&format!("{layer}.layer_norm"), *dim);
        }
        channels = *dim;
    }
    if config.feat_proj_layer_norm {
        shapes.norm("feature_projection.layer_norm", channels);
    }
    shapes.linear("feature_projection.projection", channels, width);
    positions(&mut shapes, config);
    shapes.norm("encoder.layer_norm", width);
    for i in 0..config.num_hidden_layers {
        let layer = format!("encoder.layers.{i}");
        for projection in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            shapes.linear(&format!("{layer}.attention.{projection}"), width, width);
        }
        if config.has_position_bias() {
            let heads = config.num_attention_heads;
            shapes.put(&format!("{layer}.attention.gru_rel_pos_const"), &[1, heads, 1, 1]);
            shapes.linear(&format!("{layer}.attention.gru_rel_pos_linear"), width / heads, 8);
            if i == 0 {
                shapes.put(&format!("{layer}.attention.rel_attn_embed.weight"), &[config.num_buckets, heads]);
            }
        }
        shapes.norm(&format!("{layer}.layer_norm"), width);
        let units = config.intermediate_size;
        shapes.linear(&format!("{layer}.feed_forward.intermediate_dense"), width, units);
        shapes.linear(&format!("{layer}.feed_forward.output_dense"), units, width);
        shapes.norm(&format!("{layer}.final_layer_norm"), width);
    }
    shapes.0
}

fn whisper(config: &WhisperConfig) -> BTreeMap<String, Vec<usize>> {
    const KERNEL: usize = 3;
    let mut shapes = Shapes::default();
    let (width, units) = (config.d_model, config.encoder_ffn_dim);
    for (convolution, inputs) in [("encoder.conv1", config.num_mel_bins), ("encoder.conv2", width)] {
        shapes.put(&format!("{convolution}.weight"), &[width, inputs, KERNEL]);
        shapes.put(&format!("{convolution}.bias"), &[width]);
    }
    shapes.put("encoder.embed_positions.weight", &[config.max_source_positions, width]);
    for i in 0..config.encoder_layers {
        let layer = format!("encoder.layers.{i}");
        for projection in ["q_proj", "v_proj", "out_proj"] {
            shapes.linear(&format!("{layer}.self_attn.{projection}"), width, width);
        }
        shapes.put(&format!("{layer}.self_attn.k_proj.weight"), &[width, width]);
        shapes.norm(&format!("{layer}.self_attn_layer_norm"), width);
        shapes.linear(&format!("{layer}.fc1"), width, units);
        shapes.linear(&format!("{layer}.fc2"), units, width);
        shapes.norm(&format!("{layer}.final_layer_norm"), width);
    }
    shapes.norm("encoder.layer_norm", width);
    shapes.0
}

/// Adds what tells positions: one convolution with weight norm, or several without.
fn positions(shapes: &mut Shapes, config: &EncoderConfig) {
    let (width, grouped) = (config.hidden_size, config.hidden_size / config.num_conv_pos_embedding_groups);
    if config.has_positional_stack() {
        for i in 0..config.num_conv_pos_embeddings {
            let layer = format!("encoder.pos_conv_embed.layers.{i}.conv");
            shapes.put(&format!("{layer}.weight"), &[width, grouped, config.conv_pos_kernel_size]);
            shapes.put(&format!("{layer}.bias"), &[width]);
        }
        return;
    }
    let kernel = config.num_conv_pos_embeddings;
    let layer = "encoder.pos_conv_embed.conv";
    shapes.put(&format!("{layer}.weight_g"), &[1, 1, kernel]);
    shapes.put(&format!("{layer}.weight_v"), &[width, grouped, kernel]);
    shapes.put(&format!("{layer}.bias"), &[width]);
}

/// Returns the tensors of the pretraining head, which relatives have others of, and of the CTC head.
fn wav2vec2_heads(config: &EncoderConfig) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = Shapes::default();
    let (width, compared) = (config.hidden_size, config.proj_codevector_dim);
    shapes.linear("lm_head", width, config.vocab_size);
    if config.model_type != EncoderConfig::default().model_type {
        return shapes.0;
    }
    let entries = config.num_codevector_groups * config.num_codevectors_per_group;
    shapes.put("quantizer.codevectors", &[1, entries, config.codevector_dim / config.num_codevector_groups]);
    shapes.linear("quantizer.weight_proj", config.features(), entries);
    shapes.linear("project_q", config.codevector_dim, compared);
    shapes.linear("project_hid", width, compared);
    shapes.0
}

/// Tensors of heads whose sizes depend on the task.
pub(crate) const CLASSIFIER: [&str; 4] =
    ["projector.weight", "projector.bias", "classifier.weight", "classifier.bias"];

#[derive(Default)]
struct Shapes(BTreeMap<String, Vec<usize>>);

impl Shapes {
    fn put(&mut self, name: &str, shape: &[usize]) {
        self.0.insert(name.to_owned(), shape.to_vec());
    }

    fn norm(&mut self, layer: &str, width: usize) {
        self.put(&format!("{layer}.weight"), &[width]);
        self.put(&format!("{layer}.bias"), &[width]);
    }

    fn linear(&mut self, layer: &str, from: usize, to: usize) {
        self.put(&format!("{layer}.weight"), &[to, from]);
        self.put(&format!("{layer}.bias"), &[to]);
    }
}
