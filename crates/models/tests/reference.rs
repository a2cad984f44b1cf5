//! The networks against PyTorch: logits, loss and every gradient. The goldens' scripts stand beside them.

mod formula;

use std::collections::BTreeMap;

use affekt_models::{InputShape, Inputs, Network};
use affekt_spec::network::{CnnConfig, NetworkConfig, NormAxis, ParallelCnnConfig, TransformerConfig};
use affekt_torch::NamedTensors;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tch::{Device, Kind, Tensor};

use crate::formula::{Sketch, noise};

/// Relative to the largest number, or to the norm.
const TOLERANCE: f64 = 1e-4;

fn goldens<T: DeserializeOwned>(name: &str) -> Vec<T> {
    affekt_torch::device::set_threads(1); // tests run side by side already
    let path = format!("{}/../../tests/goldens/models/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Logits or values of features `[batch, bands, frames]`.
fn forward(network: &Network, xs: &Tensor, train: bool) -> Tensor {
    network.forward_t(&Inputs::frames(xs.shallow_clone()), train).unwrap()
}

/// Forward and backward in training. Gives logits and loss.
fn train(network: &Network, xs: &Tensor, targets: &[i64]) -> (Tensor, Tensor) {
    let logits = forward(network, xs, true);
    let loss = logits.cross_entropy_for_logits(&Tensor::from_slice(targets));
    loss.backward();
    (logits, loss)
}

/// Batch norm over channels takes away what the bias before it adds: that bias' gradient is 0 but for rounding.
fn cancels(axis: NormAxis, name: &str) -> bool {
    axis == NormAxis::Channel && name.ends_with("conv.bias")
}

#[derive(Deserialize)]
struct Whole {
    norm_axis: NormAxis,
    weights: BTreeMap<String, Numbers>,
    logits: Numbers,
    loss: f64,
    gradients: BTreeMap<String, Numbers>,
    logits_in_evaluation: Numbers,
}

#[derive(Deserialize)]
struct Numbers {
    shape: Vec<i64>,
    values: Vec<f32>,
}

impl Numbers {
    fn tensor(&self) -> Tensor {
        Tensor::from_slice(&self.values).view(self.shape.as_slice())
    }
}

#[test]
fn the_single_cnn_entry_by_entry() {
    let goldens: Vec<Whole> = goldens("cnn.json");
    assert_eq!(goldens.len(), 2);
    for golden in goldens {
        let axis = golden.norm_axis;
        let config =
            CnnConfig { channels: vec![4, 6, 8], dropout: 0.0, norm_axis: axis, ..CnnConfig::default() };
        let mut network =
            Network::new(&NetworkConfig::Cnn(config), &InputShape::Frames([32, 47]), 7, 0, Device::Cpu)
                .unwrap();
        network.load(&golden.weights.iter().map(|(name, n)| (name.clone(), n.tensor())).collect()).unwrap();

        let values: Vec<f32> = (0..3 * 32 * 47)
            .map(|i| ((0.37 * f64::from(i)).sin() + (0.011 * f64::from(i)).sin()) as f32)
            .collect();
        let xs = Tensor::from_slice(&values).view([3, 32, 47]);
        let (logits, loss) = train(&network, &xs, &[2, 0, 6]);

        close(&format!("{axis:?}: logits"), &logits, &golden.logits.tensor(), 0.0);
        close(&format!("{axis:?}: loss"), &loss, &Tensor::from(golden.loss), 0.0);
        let scale =
            golden.gradients.values().map(|g| g.tensor().abs().max().double_value(&[])).fold(0.0, f64::max);
        let trainable = network.trainable();
        assert!(trainable.keys().eq(golden.gradients.keys()));
        for (name, theirs) in &golden.gradients {
            let floor = if cancels(axis, name) { scale } else { 0.0 };
            close(&format!("{axis:?}: gradient of {name}"), &trainable[name].grad(), &theirs.tensor(), floor);
        }
        let later = forward(&network, &xs, false);
        close(&format!("{axis:?}: evaluation"), &later, &golden.logits_in_evaluation.tensor(), 0.0);
    }
}

/// Equal to the tolerance of the largest of their numbers, or of `floor` where that is larger.
fn close(what: &str, ours: &Tensor, theirs: &Tensor, floor: f64) {
    let error = (ours - theirs).abs().max().double_value(&[]);
    let scale = theirs.abs().max().double_value(&[]).max(floor);
    assert!(error <= TOLERANCE * scale, "{what}: {error:e} of {scale:e}");
}

#[derive(Deserialize)]
struct Sketched {
    kind: String,
    norm_axis: NormAxis,
    frames: usize,
    /// The name that the input is drawn for.
    input: String,
    logits_in_evaluation: Vec<f32>,
    logits: Vec<f32>,
    loss: f64,
    gradients: BTreeMap<String, Sketch>,
    logits_after_training: Vec<f32>,
}

#[test]
fn two_cnns_and_the_transformer_at_their_true_size() {
    let goldens: Vec<Sketched> = goldens("parallel.json");
    assert_eq!(goldens.len(), 2 * 2 * 2);
    for golden in goldens {
        let Sketched { kind, norm_axis, frames, .. } = &golden;
        let case = format!("{kind} {norm_axis:?} {frames}");
        let cnn = CnnConfig { dropout: 0.0, norm_axis: *norm_axis, ..CnnConfig::default() };
        let transformer = TransformerConfig { dropout: 0.0, ..TransformerConfig::default() };
        let config = match kind.as_str() {
            "two-cnns" => NetworkConfig::TwoCnns(cnn),
            "parallel-cnn" => NetworkConfig::ParallelCnn(ParallelCnnConfig { cnn, transformer }),
            other => panic!("an unknown network `{other}`"),
        };
        let mut network =
            Network::new(&config, &InputShape::Frames([128, *frames]), 7, 0, Device::Cpu).unwrap();
        network.load(&weights_by_formula(&network)).unwrap();
        let xs = noise(&golden.input, &[2, 128, *frames as i64]).to_kind(Kind::Float) * 2.0;

        let before = tch::no_grad(|| forward(&network, &xs, false));
        near(&format!("{case}: evaluation"), &before, &golden.logits_in_evaluation);
        let (logits, loss) = train(&network, &xs, &[2, 6]);
        near(&format!("{case}: logits"), &logits, &golden.logits);
        let loss = loss.double_value(&[]);
        assert!((loss - golden.loss).abs() <= TOLERANCE * golden.loss, "{case}: loss {loss}");

        let scale = golden.gradients.values().map(|sketch| sketch.norm).fold(0.0, f64::max);
        let trainable = network.trainable();
        assert!(trainable.keys().eq(golden.gradients.keys()));
        for (name, theirs) in &golden.gradients {
            let scale = if cancels(*norm_axis, name) { scale } else { theirs.norm };
            let error = Sketch::of(name, &trainable[name].grad()).distance(theirs);
            assert!(error <= TOLERANCE * scale, "{case}: gradient of {name}: {error:e} of {scale:e}");
        }
        let after = tch::no_grad(|| forward(&network, &xs, false));
        near(&format!("{case}: evaluation after training"), &after, &golden.logits_after_training);
    }
}

/// Relative error in the L2 norm.
fn near(what: &str, ours: &Tensor, theirs: &[f32]) {
    let theirs = Tensor::from_slice(theirs);
    let error = (ours.flatten(0, -1) - &theirs).norm().double_value(&[]);
    let scale = theirs.norm().double_value(&[]);
    assert!(error <= TOLERANCE * scale, "{what}: {error:e} of {scale:e}");
}

fn weights_by_formula(network: &Network) -> NamedTensors {
    let weight = |(name, tensor): (String, Tensor)| {
        let shape = tensor.size();
        let noise = noise(&name, &shape);
        let values = if shape.len() > 1 {
            noise / (shape[1..].iter().product::<i64>() as f64).sqrt()
        } else if name.ends_with("weight") || name.ends_with("running_var") {
            noise / 2.0 + 1.0
        } else {
            noise / 4.0
        };
        (name, values.to_kind(Kind::Float))
    };
    network.weights().into_iter().map(weight).collect()
}
