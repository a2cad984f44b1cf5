//! `defaults: keras` against Keras: first weights, a step of Adam, batch norm's moments. The golden's script stands beside it.

#[expect(dead_code, reason = "no gradients are compared here")]
mod formula;
mod turn;

use std::collections::BTreeMap;

use affekt_models::{InputShape, Inputs, Network};
use affekt_spec::LibraryDefaults;
use affekt_spec::encoder::Vgg16Config;
use affekt_spec::network::{
    CnnConfig, NetworkConfig, ParallelCnnConfig, TransformerConfig, Vgg16NetworkConfig,
};
use affekt_torch::{Adam, AdamConfig, NamedTensors};
use serde::Deserialize;
use tch::{Device, Kind, Tensor};

use crate::formula::noise;
use crate::turn::turn;

/// Of numbers about as large as 1.
const TOLERANCE: f64 = 1e-5;

#[derive(Deserialize)]
struct Golden {
    /// Of the uniform distributions of B3's first weights.
    bounds: BTreeMap<String, f64>,
    steps: Steps,
}

#[derive(Deserialize)]
struct Steps {
    learning_rate: f64,
    /// Before each step.
    losses: Vec<f64>,
    after_one_step: BTreeMap<String, Vec<f64>>,
    moments_after_ten_steps: BTreeMap<String, Vec<f64>>,
}

fn golden() -> Golden {
    affekt_torch::device::set_threads(1); // tests run side by side already
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/models/keras_defaults.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn b3(defaults: LibraryDefaults) -> Network {
    let cnn = CnnConfig { defaults, ..CnnConfig::default() };
    let config =
        NetworkConfig::ParallelCnn(ParallelCnnConfig { cnn, transformer: TransformerConfig::default() });
    Network::new(&config, &InputShape::Frames([128, 94]), 7, 5, Device::Cpu).unwrap()
}

/// PyTorch's bounds of the same weights.
fn pytorch_bound(name: &str, shape: &[i64]) -> f64 {
    let inputs = shape[1..].iter().product::<i64>() as f64;
    match name.ends_with("in_proj_weight") {
        true => (6.0 / (inputs + shape[0] as f64)).sqrt(),
        false => inputs.sqrt().recip(),
    }
}

/// A weight is a draw in −1..1, of its seed and name alone, times the bound: bounds are as weights are.
#[test]
fn first_weights_are_drawn_from_keras_ranges() {
    let (ours, pytorch) = (b3(LibraryDefaults::Keras).weights(), b3(LibraryDefaults::PyTorch).weights());
    let bounds = golden().bounds;
    assert_eq!(bounds.len(), 8);
    for (name, bound) in bounds {
        let sum = |weights: &NamedTensors| weights[&name].abs().sum(Kind::Double).double_value(&[]);
        let found = pytorch_bound(&name, &ours[&name].size()) * sum(&ours) / sum(&pytorch);
        assert!((found - bound).abs() <= TOLERANCE, "{name}: {found} of {bound}");
        let largest = ours[&name].abs().max().double_value(&[]);
        assert!(largest <= bound * 1.000_001 && largest > 0.98 * bound, "{name}: {largest} of {bound}");
    }
    for (name, tensor) in &ours {
        let expected = match name.rsplit('.').next().unwrap() {
            "bias" | "in_proj_bias" | "running_mean" => 0.0,
            "running_var" => 1.0,
            "weight" if tensor.dim() == 1 => 1.0,
            _ => continue,
        };
        assert!(tensor.eq(expected).all().int64_value(&[]) == 1, "{name}");
    }
}

#[test]
fn a_step_of_adam_and_the_moments_after_ten() {
    let golden = golden().steps;
    let config = CnnConfig {
        channels: vec![4, 6, 8],
        dropout: 0.0,
        defaults: LibraryDefaults::Keras,
        ..CnnConfig::default()
    };
    let shape = [32, 47];
    let mut network =
        Network::new(&NetworkConfig::Cnn(config), &InputShape::Frames(shape), 7, 0, Device::Cpu).unwrap();
    network.load(&weights_by_formula(&network)).unwrap();
    let adam = AdamConfig {
        learning_rate: golden.learning_rate,
        epsilon: 1e-7,
        epsilon_before_correction: true,
        ..AdamConfig::default()
    };
    let mut optimiser = Adam::new(network.trainable(), adam);
    assert_eq!(golden.losses.len(), 10);
    for (step, theirs) in (0_i64..).zip(&golden.losses) {
        let xs = noise(&format!("step {step}"), &[4, 32, 47]).to_kind(Kind::Float) * 3.0;
        let targets: Vec<i64> = (0..4).map(|row| (step + row) % 7).collect();
        let logits = network.forward_t(&Inputs::frames(xs), true).unwrap();
        let loss = logits.cross_entropy_for_logits(&Tensor::from_slice(&targets));
        let ours = loss.double_value(&[]);
        assert!((ours - theirs).abs() <= TOLERANCE * theirs, "step {step}: loss {ours} of {theirs}");
        loss.backward();
        optimiser.step().unwrap();
        if step == 0 {
            assert_eq!(golden.after_one_step.len(), network.weights().len());
            are("one step", &network.weights(), &golden.after_one_step);
        }
    }
    assert_eq!(golden.moments_after_ten_steps.len(), 6);
    are("ten steps", &network.weights(), &golden.moments_after_ten_steps);
}

/// Every default counts: what a batch gives in each system is another one.
#[test]
fn both_libraries_give_a_batch_other_outputs() {
    let _turn = turn();
    let cnn = |defaults| CnnConfig { defaults, ..CnnConfig::default() };
    let bottleneck = |defaults| {
        let encoder =
            Vgg16Config { channels: vec![4, 6], convolutions: vec![1, 1], ..Vgg16Config::default() };
        NetworkConfig::Vgg16(Vgg16NetworkConfig {
            encoder,
            hidden: vec![8],
            defaults,
            ..Vgg16NetworkConfig::default()
        })
    };
    let systems = |defaults| {
        let (cnn, transformer) = (cnn(defaults), TransformerConfig::default());
        [
            (NetworkConfig::Cnn(cnn.clone()), [32, 47]),
            (NetworkConfig::TwoCnns(cnn.clone()), [32, 47]),
            (NetworkConfig::ParallelCnn(ParallelCnnConfig { cnn, transformer }), [32, 47]),
            (bottleneck(defaults), [6, 9]),
        ]
    };
    let [keras, pytorch] = [LibraryDefaults::Keras, LibraryDefaults::PyTorch].map(systems);
    for ((keras, shape), (pytorch, _)) in keras.iter().zip(&pytorch) {
        let outputs = |config: &NetworkConfig| {
            let input = InputShape::Frames(*shape);
            let network = Network::new(config, &input, 7, 0, Device::Cpu).unwrap();
            let xs = noise("batch", &[2, shape[0] as i64, shape[1] as i64]).to_kind(Kind::Float);
            tch::no_grad(|| network.forward_t(&Inputs::frames(xs), false)).unwrap()
        };
        let apart = outputs(keras) - outputs(pytorch);
        assert!(apart.abs().max().double_value(&[]) > 1e-3, "{keras:?}");
    }
}

/// Every dropout begins with one draw of libtorch's generator: B3's six blocks have one each, PyTorch's layers four, Keras'
/// three.
#[test]
fn keras_layers_have_no_dropout_between_their_feed_forward_maps() {
    let _turn = turn();
    let draw = || Tensor::empty([1], (Kind::Int64, Device::Cpu)).random_().int64_value(&[0]);
    for (defaults, dropouts) in [(LibraryDefaults::PyTorch, 6 + 4 * 4), (LibraryDefaults::Keras, 6 + 4 * 3)] {
        let network = b3(defaults);
        let xs = noise("batch", &[1, 128, 94]).to_kind(Kind::Float);
        tch::manual_seed(4);
        let _ = tch::no_grad(|| network.forward_t(&Inputs::frames(xs), true)).unwrap();
        let next = draw();
        tch::manual_seed(4);
        (0..dropouts).for_each(|_| _ = draw());
        assert_eq!(next, draw(), "{defaults:?}");
    }
}

fn are(when: &str, weights: &NamedTensors, golden: &BTreeMap<String, Vec<f64>>) {
    for (name, theirs) in golden {
        let ours = weights[name].flatten(0, -1).to_kind(Kind::Double);
        let error = (ours - Tensor::from_slice(theirs)).abs().max().double_value(&[]);
        assert!(error <= TOLERANCE, "{name} after {when}: {error:e}");
    }
}

fn weights_by_formula(network: &Network) -> NamedTensors {
    let weight = |(name, tensor): (String, Tensor)| {
        let shape = tensor.size();
        let noise = noise(&name, &shape);
        let is_scale = shape.len() == 1 && (name.ends_with("weight") || name.ends_with("running_var"));
        let values = match shape.len() {
            1 if is_scale => noise / 2.0 + 1.0,
            1 => noise / 4.0,
            _ => noise * 2.0 / (shape[1..].iter().product::<i64>() as f64).sqrt(),
        };
        (name, values.to_kind(Kind::Float))
    };
    network.weights().into_iter().map(weight).collect()
}
