//! System D's first training batch against torchaudio's wav2vec 2.0 in the architectures of its BASE and LARGE_LV60K bundles: outputs,
//! loss and every gradient. The goldens' script stands beside them.

mod formula;

use std::collections::BTreeMap;

use affekt_models::{InputShape, Inputs, Network};
use affekt_spec::encoder::{EncoderConfig, FeatureNorm};
use affekt_spec::network::{
    EncoderLayer, FineTunedConfig, LstmConfig, NetworkConfig, NormaliseOver, Overrides, Padding, Pooling,
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

fn golden(file: &str) -> Golden {
    affekt_torch::device::set_threads(1); // tests run side by side already
    let path = format!("{}/../../tests/goldens/wav2vec2/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A small encoder, of which the checkpoint says that it masks and passes over layers, as those on the Hub do.
fn base(golden: &Golden) -> FineTunedConfig {
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
    FineTunedConfig {
        encoder: encoder.into(),
        padding: Padding::InTraining,
        overrides: bundle(),
        ..FineTunedConfig::default()
    }
}

/// One of the larger bundles' architecture, whose waveforms are normalised.
fn large(golden: &Golden) -> FineTunedConfig {
    let base = base(golden);
    let encoder = EncoderConfig {
        feat_extract_norm: FeatureNorm::Layer,
        conv_bias: true,
        do_stable_layer_norm: true,
        num_conv_pos_embeddings: 7,
        ..base.encoder.wav2vec2().unwrap().clone()
    };
    FineTunedConfig {
        encoder: encoder.into(),
        normalise: true,
        normalise_over: NormaliseOver::BatchInTraining,
        ..base
    }
}

/// The network of `pipelines/avb.yaml` around an encoder.
fn network(golden: &Golden, config: FineTunedConfig) -> Network {
    let config = FineTunedConfig {
        layer: EncoderLayer::Nth(golden.layer),
        lstm: Some(LstmConfig { layers: 2, hidden: golden.hidden }),
        pooling: Pooling::Last,
        ..config
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

/// Clips, `[clips, samples]`.
fn clips(golden: &Golden) -> Tensor {
    noise("input", &[golden.lengths.len() as i64, SAMPLES]).to_kind(Kind::Float)
}

/// The same, loud and quiet ones, and none around 0.
fn uneven_clips(golden: &Golden) -> Tensor {
    let loudness = Tensor::arange(golden.lengths.len() as i64, (Kind::Float, Device::Cpu)) + 1.0;
    clips(golden) * loudness.unsqueeze(1) + 0.25
}

/// Outputs of a batch, `[clips, outputs]`.
fn outputs_of(network: &Network, waveforms: &Tensor, golden: &Golden, train: bool) -> Tensor {
    let inputs = Inputs::waveforms(waveforms.shallow_clone(), golden.lengths.clone());
    network.forward_t(&inputs, train).unwrap()
}

/// 1 − CCC, averaged over outputs.
fn ccc_loss(xs: &Tensor, ys: &Tensor) -> Tensor {
    let mean = |values: &Tensor| values.mean_dim(0, /* keepdim */ true, Kind::Float);
    let (x, y) = (xs - mean(xs), ys - mean(ys));
    let spread = mean(&x.square()) + mean(&y.square()) + (mean(xs) - mean(ys)).square();
    1.0_f64 - (mean(&(x * y)) * 2.0 / spread).mean(Kind::Float)
}

#[test]
fn outputs_loss_and_gradients_of_base() {
    let golden = golden("bundle.json");
    is_golden(&golden, &network(&golden, base(&golden)), &clips(&golden));
}

#[test]
fn outputs_loss_and_gradients_of_large_lv60k() {
    let golden = golden("bundle_large.json");
    is_golden(&golden, &network(&golden, large(&golden)), &uneven_clips(&golden));
}

fn is_golden(golden: &Golden, network: &Network, waveforms: &Tensor) {
    let outputs = outputs_of(network, waveforms, golden, true);
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
    let golden = golden("bundle.json");
    let outputs = |config| outputs_of(&network(&golden, config), &clips(&golden), &golden, true);
    let published = outputs(base(&golden));
    let is_other = |other: Tensor| (other - &published).abs().max().double_value(&[]) > 1e-3;
    let with = |overrides, padding| FineTunedConfig { overrides, padding, ..base(&golden) };
    assert!(is_other(outputs(with(Overrides { apply_spec_augment: None, ..bundle() }, Padding::InTraining))));
    assert!(is_other(outputs(with(Overrides { layerdrop: None, ..bundle() }, Padding::InTraining))));
    assert!(is_other(outputs(with(bundle(), Padding::Ignored))));
    assert!(!is_other(outputs(with(bundle(), Padding::Reference))));
}

/// What is predicted is as if alone, whatever a batch is normalised over in training.
#[test]
fn normalising_a_batch_as_one_makes_a_difference_in_training_alone() {
    let golden = golden("bundle_large.json");
    let outputs = |normalise_over, train| {
        let config = FineTunedConfig { normalise_over, ..large(&golden) };
        outputs_of(&network(&golden, config), &uneven_clips(&golden), &golden, train)
    };
    let apart = |train| {
        let others = outputs(NormaliseOver::Clips, train);
        (outputs(NormaliseOver::BatchInTraining, train) - others).abs().max().double_value(&[])
    };
    assert!(apart(true) > 1e-3, "{}", apart(true));
    assert_eq!(apart(false), 0.0);
    assert!(network(&golden, large(&golden)).normalises_batches());
    assert!(!network(&golden, base(&golden)).normalises_batches());
}
