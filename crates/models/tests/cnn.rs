//! The single CNN against PyTorch, and against what every network must do. The golden's script stands beside it.

use std::collections::BTreeMap;

use affekt_models::{BuildError, CnnConfig, Network, NetworkConfig, NormAxis, ParameterCounts, WeightsError};
use affekt_torch::{Adam, AdamConfig, Checkpoint, NamedTensors};
use serde::Deserialize;
use tch::{Device, Kind, Tensor};

const AXES: [NormAxis; 2] = [NormAxis::Time, NormAxis::Channel];

fn config(norm_axis: NormAxis) -> CnnConfig {
    CnnConfig { norm_axis, ..CnnConfig::default() }
}

/// B1 at its published size.
fn b1(norm_axis: NormAxis) -> Network {
    NetworkConfig::Cnn(config(norm_axis)).build([128, 94], 7, 1, Device::Cpu).unwrap()
}

/// A network that is quick to train.
fn small(norm_axis: NormAxis, seed: u64) -> Network {
    let config = CnnConfig { channels: vec![4, 8], pools: vec![2, 4], dropout: 0.0, norm_axis };
    NetworkConfig::Cnn(config).build([16, 24], 4, seed, Device::Cpu).unwrap()
}

/// Numbers like noise in −1..1, the same every time.
fn noise(shape: &[i64]) -> Tensor {
    let count = shape.iter().product::<i64>();
    let values: Vec<f32> = (1..=count).map(|i| (1.7 * (i * i % 7919) as f64).sin() as f32).collect();
    Tensor::from_slice(&values).view(shape)
}

#[derive(Deserialize)]
struct Golden {
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
fn like_pytorch() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/models/cnn.json");
    let goldens: Vec<Golden> = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
    assert_eq!(goldens.iter().map(|golden| golden.norm_axis).collect::<Vec<_>>(), AXES);
    for golden in goldens {
        let config = CnnConfig { channels: vec![4, 6, 8], dropout: 0.0, ..config(golden.norm_axis) };
        let mut network = NetworkConfig::Cnn(config).build([32, 47], 7, 0, Device::Cpu).unwrap();
        network.load(&golden.weights.iter().map(|(name, n)| (name.clone(), n.tensor())).collect()).unwrap();

        let values: Vec<f32> = (0..3 * 32 * 47)
            .map(|i| ((0.37 * f64::from(i)).sin() + (0.011 * f64::from(i)).sin()) as f32)
            .collect();
        let xs = Tensor::from_slice(&values).view([3, 32, 47]);
        let logits = network.forward_t(&xs, true);
        let loss = logits.cross_entropy_for_logits(&Tensor::from_slice(&[2_i64, 0, 6]));
        loss.backward();

        let axis = golden.norm_axis;
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
        let later = network.forward_t(&xs, false);
        close(&format!("{axis:?}: evaluation"), &later, &golden.logits_in_evaluation.tensor(), 0.0);
    }
}

/// Channel norm takes away what the bias before it adds: that bias' gradient is 0 but for rounding.
fn cancels(axis: NormAxis, name: &str) -> bool {
    axis == NormAxis::Channel && name.ends_with("conv.bias")
}

/// Equal to 1e-4 of the largest of their numbers, or of `floor` where that is larger.
fn close(what: &str, ours: &Tensor, theirs: &Tensor, floor: f64) {
    let error = (ours - theirs).abs().max().double_value(&[]);
    let scale = theirs.abs().max().double_value(&[]).max(floor);
    assert!(error <= 1e-4 * scale, "{what}: {error:e} of {scale:e}");
}

#[test]
fn published_parameter_counts() {
    assert_eq!(b1(NormAxis::Time).parameter_counts(), ParameterCounts { total: 27_495, trainable: 27_191 });
    // Weights and biases: convolutions 160 + 4 640 + 18 496, linear 3 591. Per channel 16 + 32 + 64 = 112
    // scales and shifts, and as many running means and variances.
    let trainable = 160 + 4_640 + 18_496 + 3_591 + 2 * 112;
    let counts = ParameterCounts { total: trainable + 2 * 112, trainable };
    assert_eq!(b1(NormAxis::Channel).parameter_counts(), counts);
}

#[test]
fn shapes() {
    for axis in AXES {
        let _guard = tch::no_grad_guard();
        assert_eq!(b1(axis).forward_t(&noise(&[5, 128, 94]), false).size(), [5, 7]);
        let mel = NetworkConfig::Cnn(config(axis)).build([128, 188], 7, 1, Device::Cpu).unwrap();
        assert_eq!(mel.weights()["output.weight"].size(), [7, 1280]);
        assert_eq!(mel.forward_t(&noise(&[1, 128, 188]), false).size(), [1, 7]);
    }
}

#[test]
fn gradient_reaches_every_parameter() {
    for axis in AXES {
        let network = b1(axis);
        let logits = network.forward_t(&noise(&[4, 128, 94]), true);
        logits.cross_entropy_for_logits(&Tensor::from_slice(&[0_i64, 1, 2, 3])).backward();
        for (name, tensor) in network.trainable() {
            let largest = tensor.grad().abs().max().double_value(&[]);
            assert!(
                largest.is_finite() && (largest > 0.0 || cancels(axis, &name)),
                "{axis:?} {name}: {largest}"
            );
        }
    }
}

#[test]
fn overfits_eight_examples() {
    for axis in AXES {
        let network = small(axis, 3);
        let config = AdamConfig { learning_rate: 0.01, ..AdamConfig::default() };
        let mut optimiser = Adam::new(network.trainable(), config);
        let (xs, ys) = (noise(&[8, 16, 24]), Tensor::from_slice(&[0_i64, 1, 2, 3, 3, 2, 1, 0]));
        let mut loss = f64::NAN;
        for _ in 0..60 {
            let value = network.forward_t(&xs, true).cross_entropy_for_logits(&ys);
            value.backward();
            optimiser.step().unwrap();
            loss = value.double_value(&[]);
        }
        assert!(loss < 0.02, "{axis:?}: {loss}");
    }
}

#[test]
fn saved_and_loaded_it_predicts_the_same() {
    for axis in AXES {
        let xs = noise(&[3, 16, 24]);
        let (first, mut second) = (small(axis, 1), small(axis, 2));
        let _guard = tch::no_grad_guard();
        let _ = first.forward_t(&xs, true); // moves the running statistics
        assert_ne!(first.forward_t(&xs, false), second.forward_t(&xs, false));
        let bytes = Checkpoint { tensors: first.weights(), ..Checkpoint::default() }.to_bytes().unwrap();
        second.load(&Checkpoint::from_bytes(&bytes).unwrap().tensors).unwrap();
        assert_eq!(first.forward_t(&xs, false), second.forward_t(&xs, false));
    }
}

#[test]
fn a_prediction_does_not_depend_on_its_batch() {
    for axis in AXES {
        let network = b1(axis);
        let _guard = tch::no_grad_guard();
        let xs = noise(&[9, 128, 94]);
        let together = network.forward_t(&xs, false);
        for i in 0..9 {
            let alone = network.forward_t(&xs.narrow(0, i, 1), false);
            let difference = (together.get(i) - alone.get(0)).abs().max().double_value(&[]);
            assert!(difference < 1e-5, "{axis:?} {i}: {difference:e}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_network() {
    assert_eq!(small(NormAxis::Time, 4).weights(), small(NormAxis::Time, 4).weights());
    assert_ne!(small(NormAxis::Time, 4).weights(), small(NormAxis::Time, 5).weights());
}

#[test]
fn configurations_read_as_in_a_pipeline() {
    let read = |text| serde_json::from_str::<NetworkConfig>(text);
    assert_eq!(read(r#"{"kind": "cnn"}"#).unwrap(), NetworkConfig::Cnn(config(NormAxis::Time)));
    let channel = read(r#"{"kind": "cnn", "norm_axis": "channel"}"#).unwrap();
    assert_eq!(channel, NetworkConfig::Cnn(config(NormAxis::Channel)));
    assert!(read(r#"{"kind": "cnn", "norm_axes": "time"}"#).unwrap_err().to_string().contains("norm_axes"));
}

#[test]
fn impossible_networks_are_refused() {
    let error = |config: CnnConfig, shape, classes| {
        NetworkConfig::Cnn(config).build(shape, classes, 0, Device::Cpu).map(|_| ()).unwrap_err()
    };
    let base = || config(NormAxis::Time);
    let pools = vec![2, 4, 4];
    assert_eq!(error(base(), [128, 31], 7), BuildError::TooSmall { shape: [128, 31], pools });
    assert_eq!(
        error(CnnConfig { pools: vec![2], ..base() }, [128, 94], 7),
        BuildError::Blocks { channels: 3, pools: 1 }
    );
    assert_eq!(error(CnnConfig { dropout: 1.0, ..base() }, [128, 94], 7), BuildError::Dropout("1".into()));
    assert_eq!(error(base(), [128, 94], 1), BuildError::Classes(1));
}

#[test]
fn weights_of_another_network_are_refused() {
    let mut network = small(NormAxis::Time, 1);
    let before = copy(&network);
    let mut weights = copy(&network);
    weights.insert("extra".into(), Tensor::zeros([1], (Kind::Float, Device::Cpu)));
    assert_eq!(network.load(&weights), Err(WeightsError::Unknown("extra".into())));
    weights.remove("extra");
    weights.remove("output.bias");
    assert_eq!(network.load(&weights), Err(WeightsError::Missing("output.bias".into())));
    assert!(matches!(
        network.load(&small(NormAxis::Channel, 1).weights()),
        Err(WeightsError::Shape { name, .. }) if name == "block1.norm.bias"
    ));
    assert_eq!(network.weights(), before);
}

fn copy(network: &Network) -> NamedTensors {
    network.weights().into_iter().map(|(name, tensor)| (name, tensor.copy())).collect()
}
