//! What a VGG16 must do: counts, gradients, both ways in, and what it refuses.

mod turn;

use affekt_models::vgg16::{Bottleneck, drawn};
use affekt_models::{BuildError, ForwardError, InputShape, Inputs, Network, ParameterCounts};
use affekt_spec::encoder::{Normalisation, Vgg16Config};
use affekt_spec::network::{FreezeBase, NetworkConfig, Unfreeze, Vgg16NetworkConfig};
use affekt_torch::{Adam, AdamConfig, Checkpoint};
use tch::{Device, Kind, Tensor};

use crate::turn::turn;

const TRUE_SIZE: [usize; 3] = [3, 224, 224];
const SMALL_SIZE: [usize; 3] = [3, 16, 16];

/// Three blocks of one, two and two convolutions, without chance.
fn small() -> Vgg16NetworkConfig {
    let encoder =
        Vgg16Config { channels: vec![4, 6, 8], convolutions: vec![1, 2, 2], ..Vgg16Config::default() };
    Vgg16NetworkConfig { encoder, hidden: vec![16, 8], dropout: 0.0, ..Vgg16NetworkConfig::default() }
}

fn build(config: &Vgg16NetworkConfig, input: InputShape, seed: u64) -> Network {
    affekt_torch::device::set_threads(1); // tests run side by side already
    Network::new(&NetworkConfig::Vgg16(config.clone()), &input, 7, seed, Device::Cpu).unwrap()
}

fn of_pictures(config: &Vgg16NetworkConfig, seed: u64) -> Network {
    build(config, InputShape::Pictures(SMALL_SIZE), seed)
}

/// Pixels like noise in 0..255, the same every time.
fn pictures(count: i64) -> Tensor {
    let values: Vec<u8> = (1..=count * 3 * 16 * 16).map(|i| (i * i % 7919 % 256) as u8).collect();
    Tensor::from_slice(&values).view([count, 3, 16, 16])
}

fn forward(network: &Network, xs: &Tensor, train: bool) -> Tensor {
    network.forward_t(&Inputs::pictures(xs.shallow_clone()), train).unwrap()
}

/// A way of freezing the small base.
struct Freezing {
    freeze: FreezeBase,
    unfreeze: Option<Unfreeze>,
    /// What its frozen convolutions give, where there are any.
    bottleneck: Option<[usize; 2]>,
    /// The numbers of the convolutions that are trained.
    trained: &'static [usize],
}

fn freezings() -> [Freezing; 8] {
    let whole: &[usize] = &[0, 3, 5, 8, 10];
    let unfrozen = |unfreeze, bottleneck, trained| {
        let (freeze, unfreeze) = (FreezeBase::Base, Some(unfreeze));
        Freezing { freeze, unfreeze, bottleneck, trained }
    };
    let all = Freezing { freeze: FreezeBase::None, unfreeze: None, bottleneck: None, trained: whole };
    [
        Freezing { freeze: FreezeBase::Base, bottleneck: Some([8, 4]), trained: &[], ..all },
        unfrozen(Unfreeze::Layers(1), Some([8, 16]), &[10]),
        unfrozen(Unfreeze::Layers(2), Some([6, 16]), &[8, 10]),
        unfrozen(Unfreeze::Blocks(1), Some([6, 16]), &[8, 10]),
        unfrozen(Unfreeze::Layers(3), Some([6, 64]), &[5, 8, 10]),
        unfrozen(Unfreeze::Blocks(2), Some([4, 64]), &[3, 5, 8, 10]),
        unfrozen(Unfreeze::Blocks(3), None, whole),
        all,
    ]
}

/// How many numbers the published network holds.
fn counted(unfreeze: Option<Unfreeze>, input: InputShape) -> ParameterCounts {
    build(&Vgg16NetworkConfig { unfreeze, ..Vgg16NetworkConfig::default() }, input, 1).parameter_counts()
}

#[test]
fn published_parameter_counts_of_pictures() {
    let pictures = InputShape::Pictures(TRUE_SIZE);
    let counts = |trainable| ParameterCounts { total: 27_660_103, trainable };
    assert_eq!(counted(None, pictures), counts(12_945_415));
    assert_eq!(counted(Some(Unfreeze::Layers(3)), pictures), counts(20_024_839));
}

#[test]
fn published_parameter_counts_of_a_bottleneck() {
    let counts = |trainable| ParameterCounts { total: 27_660_103, trainable };
    assert_eq!(counted(None, InputShape::Frames([512, 49])), counts(12_945_415));
    assert_eq!(counted(Some(Unfreeze::Layers(2)), InputShape::Frames([512, 196])), counts(17_665_031));
}

#[test]
fn tensors_have_torchvisions_names() {
    let weights = of_pictures(&small(), 1).weights();
    let shapes: Vec<_> = weights.iter().map(|(name, tensor)| (name.as_str(), tensor.size())).collect();
    let weights: Vec<_> = shapes.iter().filter(|(name, _)| name.ends_with("weight")).cloned().collect();
    assert_eq!(shapes.len(), 2 * weights.len());
    let expected = [
        ("classifier.0.weight", vec![16, 32]),
        ("classifier.3.weight", vec![8, 16]),
        ("classifier.5.weight", vec![7, 8]),
        ("features.0.weight", vec![4, 3, 3, 3]),
        ("features.10.weight", vec![8, 8, 3, 3]),
        ("features.3.weight", vec![6, 4, 3, 3]),
        ("features.5.weight", vec![6, 6, 3, 3]),
        ("features.8.weight", vec![8, 6, 3, 3]),
    ];
    assert_eq!(weights, expected);
}

#[test]
fn gradient_reaches_what_is_trained_and_nothing_else() {
    let _turn = turn();
    for Freezing { freeze, unfreeze, bottleneck, trained } in freezings() {
        let config = Vgg16NetworkConfig { freeze, unfreeze, ..small() };
        let mut networks = vec![(of_pictures(&config, 1), pictures(4))];
        if let Some(shape) = bottleneck {
            let base = Bottleneck::new(&config.encoder, unfreeze, SMALL_SIZE, 1, Device::Cpu).unwrap();
            let xs = base.forward(&pictures(4)).unwrap();
            networks.push((build(&config, InputShape::Frames(shape), 1), xs));
        }
        for (network, xs) in networks {
            let logits = forward(&network, &xs, true);
            logits.cross_entropy_for_logits(&Tensor::from_slice(&[0_i64, 1, 2, 3])).backward();
            let trainable = network.trainable();
            let convolutions = trained.iter().map(|number| format!("features.{number}."));
            let prefixes: Vec<_> = convolutions.chain(["classifier.".to_owned()]).collect();
            for (name, tensor) in network.weights() {
                let is_trained = prefixes.iter().any(|prefix| name.starts_with(prefix));
                assert_eq!(trainable.contains_key(&name), is_trained, "{unfreeze:?} {name}");
                if is_trained {
                    let largest = trainable[&name].grad().abs().max().double_value(&[]);
                    assert!(largest.is_finite() && largest > 0.0, "{unfreeze:?} {name}: {largest}");
                } else {
                    assert!(!tensor.grad().defined(), "{unfreeze:?} {name}");
                }
            }
            for prefix in prefixes {
                assert!(trainable.keys().any(|name| name.starts_with(&prefix)), "{unfreeze:?}: no {prefix}");
            }
        }
    }
}

#[test]
fn pictures_and_their_bottleneck_give_the_same() {
    let _guard = tch::no_grad_guard();
    for normalisation in [Normalisation::Torchvision, Normalisation::Keras] {
        for Freezing { freeze, unfreeze, bottleneck, trained } in freezings() {
            let Some(shape) = bottleneck else { continue };
            let encoder = Vgg16Config { normalisation, ..small().encoder };
            let config = Vgg16NetworkConfig { encoder, freeze, unfreeze, ..small() };
            let checkpoint = drawn(&config.encoder, 9).unwrap();
            // Both have the base of the checkpoint, and the classifier of the seed.
            let (mut whole, mut tail) =
                (of_pictures(&config, 1), build(&config, InputShape::Frames(shape), 1));
            assert_eq!(whole.load_encoder(&checkpoint).unwrap().loaded, 10);
            assert_eq!(tail.load_encoder(&checkpoint).unwrap().loaded, 2 * trained.len());
            let mut base = Bottleneck::new(&config.encoder, unfreeze, SMALL_SIZE, 1, Device::Cpu).unwrap();
            assert_ne!(base.weights()["features.0.weight"], checkpoint["features.0.weight"]);
            base.load(&checkpoint).unwrap();
            assert_eq!(base.shape(), shape, "{unfreeze:?}");
            let features = base.forward(&pictures(3)).unwrap();
            assert_eq!(features.size(), [3, shape[0] as i64, shape[1] as i64]);
            assert_eq!(
                forward(&whole, &pictures(3), false),
                forward(&tail, &features, false),
                "{unfreeze:?}"
            );
        }
    }
}

#[test]
fn whoever_draws_a_base_draws_the_same() {
    let config = small();
    let whole = of_pictures(&config, 5).weights();
    let drawn = drawn(&config.encoder, 5).unwrap();
    assert_eq!(drawn.len(), 10);
    assert!(drawn.iter().all(|(name, tensor)| *tensor == whole[name]));
    assert_ne!(of_pictures(&config, 6).weights()["features.0.weight"], whole["features.0.weight"]);
}

#[test]
fn u8_and_f32_pixels_are_the_same_picture() {
    let _guard = tch::no_grad_guard();
    let network = of_pictures(&small(), 1);
    let (bytes, floats) = (pictures(2), pictures(2).to_kind(Kind::Float));
    assert_eq!(forward(&network, &bytes, false), forward(&network, &floats, false));
}

#[test]
fn saved_and_loaded_it_predicts_the_same() {
    let _guard = tch::no_grad_guard();
    let config = small();
    let (first, mut second) = (of_pictures(&config, 1), of_pictures(&config, 2));
    assert_ne!(forward(&first, &pictures(3), false), forward(&second, &pictures(3), false));
    let bytes = Checkpoint { tensors: first.weights(), ..Checkpoint::default() }.to_bytes().unwrap();
    second.load(&Checkpoint::from_bytes(&bytes).unwrap().tensors).unwrap();
    assert_eq!(forward(&first, &pictures(3), false), forward(&second, &pictures(3), false));
}

#[test]
fn a_prediction_does_not_depend_on_its_batch() {
    let _guard = tch::no_grad_guard();
    let network = of_pictures(&small(), 1);
    let together = forward(&network, &pictures(5), false);
    for i in 0..5 {
        let alone = forward(&network, &pictures(5).narrow(0, i, 1), false);
        let difference = (together.get(i) - alone.get(0)).abs().max().double_value(&[]);
        assert!(difference < 1e-5, "{i}: {difference:e}");
    }
}

#[test]
fn dropout_is_behind_the_first_hidden_layer_and_in_training_alone() {
    let _turn = turn();
    let _guard = tch::no_grad_guard();
    let config = Vgg16NetworkConfig { dropout: 0.5, ..small() };
    let network = of_pictures(&config, 1);
    let seeded = |seed, train| {
        tch::manual_seed(seed);
        forward(&network, &pictures(2), train)
    };
    assert_eq!(seeded(1, true), seeded(1, true));
    assert_ne!(seeded(1, true), seeded(2, true));
    assert_eq!(seeded(1, false), seeded(2, false));
}

#[test]
fn overfits_eight_pictures() {
    let _turn = turn();
    for config in [small(), Vgg16NetworkConfig { freeze: FreezeBase::None, ..small() }] {
        let network = of_pictures(&config, 3);
        let adam = AdamConfig { learning_rate: 0.01, ..AdamConfig::default() };
        let mut optimiser = Adam::new(network.trainable(), adam);
        let (xs, ys) = (pictures(8), Tensor::from_slice(&[0_i64, 1, 2, 3, 3, 2, 1, 0]));
        let mut loss = f64::NAN;
        for _ in 0..120 {
            let value = forward(&network, &xs, true).cross_entropy_for_logits(&ys);
            value.backward();
            optimiser.step().unwrap();
            loss = value.double_value(&[]);
        }
        assert!(loss < 0.02, "{:?}: {loss}", config.freeze);
    }
}

#[test]
fn configurations_read_as_in_a_pipeline() {
    let read = |text: &str| serde_json::from_str::<NetworkConfig>(text);
    let default = NetworkConfig::Vgg16(Vgg16NetworkConfig::default());
    assert_eq!(read(r#"{"kind": "vgg16"}"#).unwrap(), default);
    let text =
        r#"{"kind": "vgg16", "hidden": [8], "dropout": 0, "freeze": "base", "unfreeze": {"blocks": 2}}"#;
    let config = Vgg16NetworkConfig {
        hidden: vec![8],
        dropout: 0.0,
        unfreeze: Some(Unfreeze::Blocks(2)),
        ..Vgg16NetworkConfig::default()
    };
    let config = NetworkConfig::Vgg16(config);
    assert_eq!(read(text).unwrap(), config);
    assert_eq!(read(&serde_json::to_string(&config).unwrap()).unwrap(), config);
    assert!(read(r#"{"kind": "vgg16", "units": 8}"#).unwrap_err().to_string().contains("units"));

    let shape = InputShape::Pictures(TRUE_SIZE);
    assert_eq!(serde_json::to_string(&shape).unwrap(), r#"{"pictures":[3,224,224]}"#);
    assert_eq!(serde_json::from_str::<InputShape>(r#"{"pictures":[3,224,224]}"#).unwrap(), shape);
    assert_eq!(serde_json::from_str::<InputShape>("[128,94]").unwrap(), InputShape::Frames([128, 94]));
}

#[test]
fn what_cannot_be_built_is_refused_with_advice() {
    let refused = |config: Vgg16NetworkConfig, input| {
        let network = Network::new(&NetworkConfig::Vgg16(config), &input, 7, 0, Device::Cpu);
        network.map(|_| ()).unwrap_err().to_string()
    };
    let pictures = InputShape::Pictures(SMALL_SIZE);
    let unfreeze = |unfreeze| Vgg16NetworkConfig { unfreeze: Some(unfreeze), ..small() };
    for (config, input, message) in [
        (
            unfreeze(Unfreeze::Layers(6)),
            pictures,
            "`unfreeze` asks for the last 6 layers of 5: expected 1 to 5",
        ),
        (
            unfreeze(Unfreeze::Blocks(0)),
            pictures,
            "`unfreeze` asks for the last 0 blocks of 3: expected 1 to 3",
        ),
        (
            Vgg16NetworkConfig { freeze: FreezeBase::None, ..unfreeze(Unfreeze::Layers(1)) },
            pictures,
            "nothing of the base stays frozen: leave out `unfreeze`, or unfreeze less",
        ),
        (Vgg16NetworkConfig { hidden: vec![], ..small() }, pictures, "`hidden` is 0, or an empty list"),
        (Vgg16NetworkConfig { dropout: 1.0, ..small() }, pictures, "dropout 1 is outside 0..1"),
        (small(), InputShape::Pictures([1, 16, 16]), "pictures of 1 × 16 × 16: 3 colours are expected"),
        (
            small(),
            InputShape::Pictures([3, 16, 7]),
            "pictures of 3 × 16 × 7: 3 pools leave nothing of them: try larger ones, or fewer `channels`",
        ),
        (
            small(),
            InputShape::Waveforms,
            "the network `vgg16` reads pictures, and the examples are waveforms: put `logmel` and `picture` before it",
        ),
        (
            unfreeze(Unfreeze::Layers(2)),
            InputShape::Frames([8, 16]),
            "8 × 16 features are not what `bottleneck` makes for this network: the frozen convolutions give 6 channels: \
             give `bottleneck` and the network the same `unfreeze`",
        ),
        (
            unfreeze(Unfreeze::Layers(2)),
            InputShape::Frames([6, 12]),
            "6 × 12 features are not what `bottleneck` makes for this network: 12 places are no square that 1 pools \
             leave something of",
        ),
        (
            unfreeze(Unfreeze::Blocks(3)),
            InputShape::Frames([6, 16]),
            "6 × 16 features are not what `bottleneck` makes for this network: nothing of the base is frozen: give the \
             network pictures",
        ),
    ] {
        let told = refused(config, input);
        assert!(told.starts_with(message), "{told}");
    }
    let cnn = NetworkConfig::Cnn(affekt_spec::network::CnnConfig::default());
    let error = Network::new(&cnn, &pictures, 7, 0, Device::Cpu).map(|_| ()).unwrap_err();
    assert!(matches!(error, BuildError::Input { network: "cnn", expected: "frames", .. }), "{error}");
    let bottleneck = Bottleneck::new(&small().encoder, Some(Unfreeze::Blocks(3)), SMALL_SIZE, 0, Device::Cpu);
    assert_eq!(bottleneck.map(|_| ()).unwrap_err(), BuildError::NothingFrozen);
}

#[test]
fn pictures_of_another_size_are_refused() {
    let network = of_pictures(&small(), 1);
    let larger = Tensor::zeros([2, 3, 16, 32], (Kind::Uint8, Device::Cpu));
    let refused = ForwardError::Pictures { found: vec![2, 3, 16, 32], expected: SMALL_SIZE };
    let forward = |inputs| network.forward_t(&inputs, false).unwrap_err();
    assert_eq!(forward(Inputs::pictures(larger.shallow_clone())), refused);
    let clips = Inputs::waveforms(Tensor::zeros([2, 16], (Kind::Float, Device::Cpu)), vec![16; 2]);
    assert_eq!(forward(clips), ForwardError::Kind { found: "waveforms", expected: "pictures" });
    let base = Bottleneck::new(&small().encoder, None, SMALL_SIZE, 0, Device::Cpu).unwrap();
    assert_eq!(base.forward(&larger).unwrap_err(), refused);
}
