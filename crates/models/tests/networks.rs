//! What every network must do, whichever it is.

mod turn;

use affekt_models::{BuildError, InputShape, Inputs, Network, ParameterCounts, WeightsError};
use affekt_spec::network::{
    CnnConfig, NetworkConfig, NormAxis, ParallelCnnConfig, Positions, TransformerConfig,
};
use affekt_torch::{Adam, AdamConfig, Checkpoint, NamedTensors};
use tch::{Device, Kind, Tensor};

use crate::turn::turn;

const AXES: [NormAxis; 2] = [NormAxis::Time, NormAxis::Channel];

/// B1, B2 and B3 as published.
fn published(norm_axis: NormAxis) -> [NetworkConfig; 3] {
    three(CnnConfig { norm_axis, ..CnnConfig::default() }, TransformerConfig::default())
}

/// The same networks, quick to train and without dropout, for inputs of [`SMALL`].
fn small(norm_axis: NormAxis) -> [NetworkConfig; 3] {
    let cnn = CnnConfig {
        channels: vec![4, 8],
        pools: vec![2, 4],
        dropout: 0.0,
        norm_axis,
        ..CnnConfig::default()
    };
    let positions = Positions::Sinusoidal;
    three(cnn, TransformerConfig { layers: 2, heads: 2, feed_forward: 32, dropout: 0.0, positions })
}

fn three(cnn: CnnConfig, transformer: TransformerConfig) -> [NetworkConfig; 3] {
    [
        NetworkConfig::Cnn(cnn.clone()),
        NetworkConfig::TwoCnns(cnn.clone()),
        NetworkConfig::ParallelCnn(ParallelCnnConfig { cnn, transformer }),
    ]
}

const SMALL: [usize; 2] = [16, 24];

fn build(config: &NetworkConfig, shape: [usize; 2], seed: u64) -> Network {
    affekt_torch::device::set_threads(1); // tests run side by side already
    Network::new(config, &InputShape::Frames(shape), 7, seed, Device::Cpu).unwrap()
}

/// Logits or values of features `[batch, bands, frames]`.
fn forward(network: &Network, xs: &Tensor, train: bool) -> Tensor {
    network.forward_t(&Inputs::frames(xs.shallow_clone()), train).unwrap()
}

/// Numbers like noise in −1..1, the same every time.
fn noise(shape: &[i64]) -> Tensor {
    let count = shape.iter().product::<i64>();
    let values: Vec<f32> = (1..=count).map(|i| (1.7 * (i * i % 7919) as f64).sin() as f32).collect();
    Tensor::from_slice(&values).view(shape)
}

#[test]
fn published_parameter_counts() {
    let counts = |shape| -> Vec<_> {
        let counts = |config: NetworkConfig| {
            let ParameterCounts { total, trainable } = build(&config, shape, 1).parameter_counts();
            (total, trainable)
        };
        AXES.into_iter().flat_map(published).map(counts).collect()
    };
    // Over channels. Weights and biases: convolutions 160 + 4 640 + 18 496, linear 3 591, a transformer's layer
    // 66 048 + 66 048 + 65 664 + 512. A norm of 16 + 32 + 64 = 112 scales and shifts, and as many running means and
    // variances.
    let b1 = 160 + 4_640 + 18_496 + 3_591 + 2 * 112;
    let b2 = 2 * b1 - 7;
    let b3 = b2 + 4 * (66_048 + 66_048 + 65_664 + 512) + 7 * 128;
    let channel = [(b1 + 2 * 112, b1), (b2 + 4 * 112, b2), (b3 + 4 * 112, b3)];
    let time = [(27_495, 27_191), (54_983, 54_375), (848_967, 848_359)];
    assert_eq!(counts([128, 94]), [time, channel].concat());
    // Of mel spectrograms, twice as many frames, over time.
    assert_eq!(counts([128, 188])[2], (860_943, 859_723));
}

#[test]
fn tensors_have_pytorchs_names() {
    let network = build(&published(NormAxis::Time)[2], [128, 94], 1);
    let weights = network.weights();
    for (name, shape) in [
        ("cnn1.block1.conv.weight", &[16, 1, 3, 3][..]),
        ("cnn2.block3.norm.running_var", &[11]),
        ("transformer.layers.0.self_attn.in_proj_weight", &[384, 128]),
        ("transformer.layers.3.self_attn.out_proj.bias", &[128]),
        ("transformer.layers.1.linear1.weight", &[512, 128]),
        ("transformer.layers.2.norm2.bias", &[128]),
        ("output.weight", &[7, 1152]),
    ] {
        assert_eq!(weights[name].size(), shape, "{name}");
    }
}

#[test]
fn shapes() {
    let _turn = turn();
    let _guard = tch::no_grad_guard();
    for config in AXES.into_iter().flat_map(published) {
        for (batch, shape) in [(5, [128, 94]), (1, [128, 188])] {
            let xs = noise(&[batch, shape[0] as i64, shape[1] as i64]);
            let network = build(&config, shape, 1);
            assert_eq!(forward(&network, &xs, false).size(), [batch, 7]);
            assert_eq!(forward(&network, &xs, true).size(), [batch, 7]);
        }
    }
}

#[test]
fn gradient_reaches_every_parameter() {
    let _turn = turn();
    for (axis, config) in AXES.into_iter().flat_map(|axis| published(axis).map(|config| (axis, config))) {
        let network = build(&config, [128, 94], 1);
        let logits = forward(&network, &noise(&[4, 128, 94]), true);
        logits.cross_entropy_for_logits(&Tensor::from_slice(&[0_i64, 1, 2, 3])).backward();
        for (name, tensor) in network.trainable() {
            let largest = tensor.grad().abs().max().double_value(&[]);
            // Batch norm over channels takes away what the bias before it adds: a gradient of 0 but for rounding.
            let cancels = axis == NormAxis::Channel && name.ends_with("conv.bias");
            assert!(largest.is_finite() && (largest > 0.0 || cancels), "{config:?} {name}: {largest}");
        }
    }
}

#[test]
fn overfits_eight_examples() {
    let _turn = turn();
    for config in AXES.into_iter().flat_map(small) {
        let network = build(&config, SMALL, 3);
        let adam = AdamConfig { learning_rate: 0.01, ..AdamConfig::default() };
        let mut optimiser = Adam::new(network.trainable(), adam);
        let (xs, ys) = (noise(&[8, 16, 24]), Tensor::from_slice(&[0_i64, 1, 2, 3, 3, 2, 1, 0]));
        let mut loss = f64::NAN;
        for _ in 0..60 {
            let value = forward(&network, &xs, true).cross_entropy_for_logits(&ys);
            value.backward();
            optimiser.step().unwrap();
            loss = value.double_value(&[]);
        }
        assert!(loss < 0.02, "{config:?}: {loss}");
    }
}

#[test]
fn saved_and_loaded_it_predicts_the_same() {
    let _turn = turn();
    let _guard = tch::no_grad_guard();
    for config in AXES.into_iter().flat_map(small) {
        let xs = noise(&[3, 16, 24]);
        let (first, mut second) = (build(&config, SMALL, 1), build(&config, SMALL, 2));
        let _ = forward(&first, &xs, true); // moves the running statistics
        assert_ne!(forward(&first, &xs, false), forward(&second, &xs, false));
        let bytes = Checkpoint { tensors: first.weights(), ..Checkpoint::default() }.to_bytes().unwrap();
        second.load(&Checkpoint::from_bytes(&bytes).unwrap().tensors).unwrap();
        assert_eq!(forward(&first, &xs, false), forward(&second, &xs, false));
    }
}

#[test]
fn a_prediction_does_not_depend_on_its_batch() {
    let _guard = tch::no_grad_guard();
    for config in AXES.into_iter().flat_map(published) {
        let network = build(&config, [128, 94], 1);
        let xs = noise(&[5, 128, 94]);
        let together = forward(&network, &xs, false);
        for i in 0..5 {
            let alone = forward(&network, &xs.narrow(0, i, 1), false);
            let difference = (together.get(i) - alone.get(0)).abs().max().double_value(&[]);
            assert!(difference < 1e-5, "{config:?} {i}: {difference:e}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_network() {
    for config in AXES.into_iter().flat_map(small) {
        assert_eq!(build(&config, SMALL, 4).weights(), build(&config, SMALL, 4).weights());
        assert_ne!(build(&config, SMALL, 4).weights(), build(&config, SMALL, 5).weights());
    }
}

#[test]
fn the_same_seed_drops_the_same_activations() {
    let _turn = turn();
    for config in AXES.into_iter().flat_map(published) {
        let network = build(&config, [128, 94], 1);
        let xs = noise(&[2, 128, 94]);
        let forward = |seed| {
            tch::manual_seed(seed);
            tch::no_grad(|| forward(&network, &xs, true))
        };
        assert_eq!(forward(1), forward(1), "{config:?}");
        assert_ne!(forward(1), forward(2), "{config:?}");
    }
}

/// Batch norm over time aside, only positions tell the transformer in which order its frames come.
#[test]
fn the_transformer_knows_the_order_of_frames_from_positions_alone() {
    let _guard = tch::no_grad_guard();
    for (positions, order_counts) in [(Positions::None, false), (Positions::Sinusoidal, true)] {
        let cnn = CnnConfig { norm_axis: NormAxis::Channel, ..CnnConfig::default() };
        let transformer = TransformerConfig { positions, ..TransformerConfig::default() };
        let config = NetworkConfig::ParallelCnn(ParallelCnnConfig { cnn, transformer });
        let network = build(&config, [128, 94], 1);
        // Without the CNNs' share the logits are those of the transformer's mean over time.
        let _ = network.weights()["output.weight"].narrow(1, 0, 1024).zero_();
        let xs = noise(&[2, 128, 94]);
        let difference = forward(&network, &xs, false) - forward(&network, &xs.flip([2]), false);
        let difference = difference.abs().max().double_value(&[]);
        assert_eq!(difference > 1e-4, order_counts, "{positions:?}: {difference:e}");
    }
}

#[test]
fn configurations_read_as_in_a_pipeline() {
    let read = |text: &str| serde_json::from_str::<NetworkConfig>(text);
    let channel = CnnConfig { norm_axis: NormAxis::Channel, ..CnnConfig::default() };
    assert_eq!(read(r#"{"kind": "cnn"}"#).unwrap(), NetworkConfig::Cnn(CnnConfig::default()));
    assert_eq!(
        read(r#"{"kind": "two-cnns", "norm_axis": "channel"}"#).unwrap(),
        NetworkConfig::TwoCnns(channel.clone())
    );
    let text =
        r#"{"kind": "parallel-cnn", "norm_axis": "channel", "transformer": {"positions": "sinusoidal"}}"#;
    let transformer = TransformerConfig { positions: Positions::Sinusoidal, ..TransformerConfig::default() };
    let config = NetworkConfig::ParallelCnn(ParallelCnnConfig { cnn: channel, transformer });
    assert_eq!(read(text).unwrap(), config);
    assert_eq!(read(&serde_json::to_string(&config).unwrap()).unwrap(), config);

    for (text, key) in [
        (r#"{"kind": "cnn", "norm_axes": "time"}"#, "norm_axes"),
        (r#"{"kind": "two-cnns", "transformer": {}}"#, "transformer"),
        (r#"{"kind": "parallel-cnn", "norm_axes": "time"}"#, "norm_axes"),
        (r#"{"kind": "parallel-cnn", "transformer": {"head": 4}}"#, "head"),
    ] {
        assert!(read(text).unwrap_err().to_string().contains(key), "{text}");
    }
}

#[test]
fn impossible_networks_are_refused() {
    let error = |config: NetworkConfig, shape, outputs| {
        Network::new(&config, &InputShape::Frames(shape), outputs, 0, Device::Cpu).map(|_| ()).unwrap_err()
    };
    let cnn = CnnConfig::default;
    let pools = vec![2, 4, 4];
    let too_small = BuildError::TooSmall { shape: [128, 31], pools };
    assert_eq!(error(NetworkConfig::Cnn(cnn()), [128, 31], 7), too_small);
    for config in [NetworkConfig::Cnn, NetworkConfig::TwoCnns] {
        let odd = CnnConfig { pools: vec![2], ..cnn() };
        assert_eq!(error(config(odd), [128, 94], 7), BuildError::Blocks { channels: 3, pools: 1 });
        let zero = CnnConfig { pools: vec![2, 0, 4], ..cnn() };
        assert_eq!(error(config(zero), [128, 94], 7), BuildError::Blocks { channels: 3, pools: 3 });
        let all = CnnConfig { dropout: 1.0, ..cnn() };
        assert_eq!(error(config(all), [128, 94], 7), BuildError::Dropout("1".into()));
        assert_eq!(error(config(cnn()), [128, 94], 0), BuildError::Outputs);
    }
    let base = TransformerConfig::default;
    for (transformer, expected) in [
        (TransformerConfig { heads: 3, ..base() }, BuildError::Heads { heads: 3, width: 128 }),
        (TransformerConfig { heads: 0, ..base() }, BuildError::Heads { heads: 0, width: 128 }),
        (TransformerConfig { layers: 0, ..base() }, BuildError::Transformer { layers: 0, feed_forward: 512 }),
        (
            TransformerConfig { feed_forward: 0, ..base() },
            BuildError::Transformer { layers: 4, feed_forward: 0 },
        ),
        (TransformerConfig { dropout: -0.5, ..base() }, BuildError::Dropout("-0.5".into())),
    ] {
        let config = NetworkConfig::ParallelCnn(ParallelCnnConfig { cnn: cnn(), transformer });
        assert_eq!(error(config, [128, 94], 7), expected);
    }
}

#[test]
fn weights_of_another_network_are_refused() {
    let [time, channel] = AXES.map(|axis| build(&small(axis)[0], SMALL, 1));
    let mut network = time;
    let before = copy(&network);
    let mut weights = copy(&network);
    weights.insert("extra".into(), Tensor::zeros([1], (Kind::Float, Device::Cpu)));
    assert_eq!(network.load(&weights), Err(WeightsError::Unknown("extra".into())));
    weights.remove("extra");
    weights.remove("output.bias");
    assert_eq!(network.load(&weights), Err(WeightsError::Missing("output.bias".into())));
    assert!(matches!(
        network.load(&channel.weights()),
        Err(WeightsError::Shape { name, .. }) if name == "block1.norm.bias"
    ));
    assert_eq!(network.weights(), before);
}

fn copy(network: &Network) -> NamedTensors {
    network.weights().into_iter().map(|(name, tensor)| (name, tensor.copy())).collect()
}
