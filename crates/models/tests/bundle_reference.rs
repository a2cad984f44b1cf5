//! System D's first training batch against torchaudio's wav2vec 2.0 in the architecture of its BASE bundle: outputs, loss and every
//! gradient. The golden's script stands beside it.

mod formula;

use std::collections::BTreeMap;

use affekt_models::{InputShape, Inputs, Network};
use affekt_spec::encoder::EncoderConfig;
use affekt_spec::network::{
    EncoderLayer, FineTunedConfig, LstmConfig, NetworkConfig, Overrides, Padding, Pooling,
};
use serde::Deserialize;
use tch::{Device, Kind, Tensor};

use crate::formula::{Sketch, noise};

const SAMPLES: i64 = 240;

#[derive(Deserialize)]
struct Golden {
    layer: usize,
    layers: usize,
    hidden: usize,
    lengths: Vec<usize>,
    outputs: Numbers,
    loss: f64,
    gradients: BTreeMap<String, Sketch>,
}

#[derive(Deserialize)]
struct Numbers {
    shape: Vec<i64>,
    values: Vec<f32>,
}

fn golden() -> Golden {
    affekt_torch::device::set_threads(1); // tests run side by side already
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/wav2vec2/bundle.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The network of `pipelines/avb.yaml` around a small encoder, of which the checkpoint says that it masks and passes over layers, as
/// those on the Hub do.
fn network(golden: &Golden, overrides: Overrides, padding: Padding) -> Network {
    let encoder = EncoderConfig {
        hidden_size: 16,
        num_hidden_layers: golden.layers,
        num_attention_heads: 2,
        intermediate_size: 24,
        conv_dim: vec![8, 8, 12],
        conv_stride: vec![5, 2, 2],
        conv_kernel: vec![10, 3, 2],
        num_conv_pos_embeddings: 6,
        num_conv_pos_embedding_groups: 4,
        hidden_dropout: 0.0,
        activation_dropout: 0.0,
        attention_dropout: 0.0,
        feat_proj_dropout: 0.0,
        layerdrop: 0.9,
        apply_spec_augment: true,
        mask_time_prob: 0.3,
        mask_time_length: 2,
        ..EncoderConfig::default()
    };
    let config = FineTunedConfig {
        encoder,
        overrides,
        padding,
        layer: EncoderLayer::Nth(golden.layer),
        lstm: Some(LstmConfig { layers: 2, hidden: golden.hidden }),
        pooling: Pooling::Last,
        ..FineTunedConfig::default()
    };
    let outputs = golden.outputs.shape[1] as usize;
    let mut network = Network::new(
        &NetworkConfig::Wav2Vec2(Box::new(config)),
        &InputShape::Waveforms,
        outputs,
        0,
        Device::Cpu,
    )
    .unwrap();
    let weights = network.weights().into_iter().map(|(name, tensor)| {
        let (shape, noise) = (tensor.size(), noise(&name, &tensor.size()));
        let values = if name.ends_with("weight_g") || (shape.len() == 1 && name.ends_with("weight")) {
            noise / 2.0 + 1.0
        } else if shape.len() > 1 {
            noise * 2.0 / (shape[1..].iter().product::<i64>() as f64).sqrt()
        } else {
            noise / 4.0
        };
        (name, values.to_kind(Kind::Float))
    });
    network.load(&weights.collect()).unwrap();
    network
}

/// As torchaudio's bundles train.
fn bundle() -> Overrides {
    Overrides { apply_spec_augment: Some(false), layerdrop: Some(0.0), ..Overrides::default() }
}

/// Outputs in training, `[clips, outputs]`.
fn trained(network: &Network, golden: &Golden) -> Tensor {
    let clips = golden.lengths.len() as i64;
    let waveforms = noise("input", &[clips, SAMPLES]).to_kind(Kind::Float);
    network.forward_t(&Inputs::waveforms(waveforms, golden.lengths.clone()), true).unwrap()
}

/// 1 − CCC, averaged over outputs.
fn ccc_loss(xs: &Tensor, ys: &Tensor) -> Tensor {
    let mean = |values: &Tensor| values.mean_dim(0, /* keepdim */ true, Kind::Float);
    let (x, y) = (xs - mean(xs), ys - mean(ys));
    let spread = mean(&x.square()) + mean(&y.square()) + (mean(xs) - mean(ys)).square();
    1.0_f64 - (mean(&(x * y)) * 2.0 / spread).mean(Kind::Float)
}

#[test]
fn outputs_loss_and_gradients() {
    let golden = golden();
    let network = network(&golden, bundle(), Padding::InTraining);
    let outputs = trained(&network, &golden);
    assert_eq!(outputs.size(), golden.outputs.shape);
    let theirs = Tensor::from_slice(&golden.outputs.values).view_as(&outputs);
    let error = (&outputs - theirs).abs().max().double_value(&[]);
    assert!(error <= 1e-5, "outputs: {error:e}");

    let targets = (noise("targets", &golden.outputs.shape).to_kind(Kind::Float) + 1.0) / 2.0;
    let loss = ccc_loss(&outputs, &targets);
    let error = (loss.double_value(&[]) - golden.loss).abs() / golden.loss;
    assert!(error <= 1e-4, "loss: {error:e}");
    loss.backward();
    let scale = golden.gradients.values().map(|sketch| sketch.norm).fold(0.0, f64::max);
    let mut compared = 0;
    for (name, tensor) in network.trainable() {
        let gradient = tensor.grad();
        let theirs = golden.gradients.get(&name).unwrap_or_else(|| panic!("no gradient of {name}"));
        // A bias of all keys adds the same to all scores of a frame: its gradient is 0 but for rounding.
        let scale = if name.ends_with("k_proj.bias") { scale } else { theirs.norm };
        let error = Sketch::of(&name, &gradient).distance(theirs) / scale;
        assert!(error <= 1e-3, "gradient of {name}: {error:e}");
        compared += 1;
    }
    assert_eq!(compared, golden.gradients.len(), "every gradient of theirs has one of ours");
}

#[test]
fn each_setting_of_the_bundles_makes_a_difference() {
    let golden = golden();
    let outputs = |overrides, padding| trained(&network(&golden, overrides, padding), &golden);
    let published = outputs(bundle(), Padding::InTraining);
    let is_other = |other: Tensor| (other - &published).abs().max().double_value(&[]) > 1e-3;
    assert!(is_other(outputs(Overrides { apply_spec_augment: None, ..bundle() }, Padding::InTraining)));
    assert!(is_other(outputs(Overrides { layerdrop: None, ..bundle() }, Padding::InTraining)));
    assert!(is_other(outputs(bundle(), Padding::Ignored)));
    assert!(!is_other(outputs(bundle(), Padding::Reference)));
}
