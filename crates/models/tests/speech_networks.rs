//! What the networks of embeddings, of functionals and of waveforms must do, and what is theirs alone.

mod small;
mod turn;

use affekt_models::SpeechEncoder as _;
use affekt_models::wav2vec2::Wav2Vec2;
use affekt_models::{BuildError, InputShape, Inputs, Network, ParameterCounts, built_encoder};
use affekt_spec::LibraryDefaults;
use affekt_spec::encoder::EncoderConfig;
use affekt_spec::network::{
    EmbeddingCnnConfig, EncoderLayer, End2YouConfig, FineTunedConfig, FrameActivation, Freeze, LstmConfig,
    MlpConfig, MlpNorm, NetworkConfig, NormaliseOver, OutputActivation, Overrides, Padding, Pooling,
    PoolingAttention, ProjectorConfig, SpansOver,
};
use affekt_torch::init::Vars;
use affekt_torch::{Adam, AdamConfig, Autocast, Checkpoint, NamedTensors};
use tch::{Device, Kind, Tensor, nn};

use crate::small::{post_norm, pre_norm};
use crate::turn::turn;

const OUTPUTS: usize = 4;
const POOLINGS: [Pooling; 8] = [
    Pooling::First,
    Pooling::Last,
    Pooling::Max,
    Pooling::Mean,
    Pooling::MeanButLast,
    Pooling::Statistics,
    Pooling::AttentiveStatistics,
    Pooling::SelfAttention,
];
const LSTM: LstmConfig = LstmConfig { layers: 2, hidden: 12 };

fn encoders() -> [EncoderConfig; 2] {
    [post_norm(), pre_norm()]
}

fn fine_tuned(config: FineTunedConfig) -> NetworkConfig {
    NetworkConfig::Wav2Vec2(Box::new(config))
}

fn embedding_cnn() -> EmbeddingCnnConfig {
    EmbeddingCnnConfig { channels: vec![4, 4, 6, 6], dropout: 0.0, hidden: 16, ..Default::default() }
}

fn mlp(norm: MlpNorm) -> MlpConfig {
    MlpConfig { hidden: vec![16, 12, 8], norm, ..MlpConfig::default() }
}

fn end2you() -> End2YouConfig {
    End2YouConfig {
        chunk: 40,
        channels: vec![4, 6],
        kernels: vec![4, 3],
        pools: vec![5, 2],
        lstm: LSTM,
        ..End2YouConfig::default()
    }
}

/// Every network, small and without chance, and what it reads.
fn networks() -> Vec<(NetworkConfig, InputShape)> {
    let mut networks = vec![
        (NetworkConfig::EmbeddingCnn(embedding_cnn()), InputShape::Frames([18, 8])),
        (NetworkConfig::Mlp(mlp(MlpNorm::None)), InputShape::Frames([1, 10])),
        (NetworkConfig::Mlp(mlp(MlpNorm::Layer)), InputShape::Frames([1, 10])),
        (NetworkConfig::Mlp(mlp(MlpNorm::Batch)), InputShape::Frames([1, 10])),
        (NetworkConfig::End2You(end2you()), InputShape::Waveforms),
    ];
    for encoder in encoders() {
        let whole =
            FineTunedConfig { encoder: encoder.into(), normalise: true, ..FineTunedConfig::default() };
        let to_layer_2 = FineTunedConfig {
            layer: EncoderLayer::Nth(2),
            frame_activation: FrameActivation::Relu,
            projector: Some(ProjectorConfig { width: 8 }),
            lstm: Some(LSTM),
            pooling: Pooling::Last,
            ..whole.clone()
        };
        let weighted = FineTunedConfig {
            layer: EncoderLayer::Weighted,
            pooling: Pooling::AttentiveStatistics,
            attention: PoolingAttention { channels: 6, ..PoolingAttention::default() },
            ..whole.clone()
        };
        let of_some = FineTunedConfig {
            layer: EncoderLayer::Several(vec![2, 0]),
            pooling: Pooling::SelfAttention,
            attention: PoolingAttention { heads: 4, ..PoolingAttention::default() },
            ..whole.clone()
        };
        networks.extend(
            [whole, to_layer_2, weighted, of_some].map(|config| (fine_tuned(config), InputShape::Waveforms)),
        );
    }
    networks
}

fn build(config: &NetworkConfig, input: InputShape, outputs: usize, seed: u64) -> Network {
    affekt_torch::device::set_threads(1); // tests run side by side already
    Network::new(config, &input, outputs, seed, Device::Cpu).unwrap()
}

/// Numbers like noise in −1..1, the same every time.
fn noise(shape: &[i64]) -> Tensor {
    let count = shape.iter().product::<i64>();
    let values: Vec<f32> = (1..=count).map(|i| (1.7 * (i * i % 7919) as f64).sin() as f32).collect();
    Tensor::from_slice(&values).view(shape)
}

/// So many examples; of waveforms, each of another length.
fn examples(input: InputShape, count: usize) -> Inputs {
    match input {
        InputShape::Frames([bands, frames]) => {
            Inputs::frames(noise(&[count as i64, bands as i64, frames as i64]))
        }
        InputShape::Waveforms => clips((0..count).map(|i| 240 - 13 * i).collect()),
        InputShape::Pictures(_) => panic!("no network of speech reads pictures"),
    }
}

/// Clips of these lengths, with zeros behind the shorter ones.
fn clips(lengths: Vec<usize>) -> Inputs {
    let longest = lengths.iter().copied().max().unwrap();
    let xs = noise(&[lengths.len() as i64, longest as i64]);
    for (row, &length) in lengths.iter().enumerate() {
        let _ = xs.get(row as i64).narrow(0, length as i64, (longest - length) as i64).zero_();
    }
    Inputs::waveforms(xs, lengths)
}

/// One of the examples, without padding.
fn alone(inputs: &Inputs, row: usize) -> Inputs {
    let xs = inputs.xs.narrow(0, row as i64, 1);
    match &inputs.lengths {
        None => Inputs::frames(xs),
        Some(lengths) => Inputs::waveforms(xs.narrow(1, 0, lengths[row] as i64), vec![lengths[row]]),
    }
}

fn evaluate(network: &Network, inputs: &Inputs) -> Tensor {
    tch::no_grad(|| network.forward_t(inputs, false)).unwrap()
}

/// The largest difference.
fn difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

fn targets(count: usize) -> Tensor {
    Tensor::from_slice(&(0..count).map(|i| (i % OUTPUTS) as i64).collect::<Vec<_>>())
}

fn counts(network: &Network) -> (usize, usize) {
    let ParameterCounts { total, trainable } = network.parameter_counts();
    (total, trainable)
}

#[test]
fn parameter_counts_by_hand() {
    let frames = |config: NetworkConfig, shape, outputs| {
        counts(&build(&config, InputShape::Frames(shape), outputs, 1))
    };
    // A. Convolutions 3 × 3: 32·(9 + 1) + 32·(9·32 + 1) + 64·(9·32 + 1) + …; scales and shifts of 960 channels, and as many
    // running means and variances; 256 channels of 9 × 2 places to 128, and those to 3.
    let convolutions = 320 + 9_248 + 18_496 + 36_928 + 73_856 + 147_584 + 295_168 + 590_080;
    let a = convolutions + 2 * 960 + (4_608 * 128 + 128) + (128 * 3 + 3);
    assert_eq!(
        frames(NetworkConfig::EmbeddingCnn(EmbeddingCnnConfig::default()), [149, 32], 3),
        (a + 2 * 960, a)
    );
    // Of n functionals to 10 values: 128·n + 128, norms of 128 and of 64, 128 → 64 → 32 → 10.
    let mlp = |n| 128 * n + 128 + 2 * (128 + 64) + (128 * 64 + 64) + (64 * 32 + 32) + (32 * 10 + 10);
    for n in [88, 6_373] {
        assert_eq!(frames(NetworkConfig::Mlp(MlpConfig::default()), [1, n], 10), (mlp(n), mlp(n)));
    }
    // 1 → 64 → 128 → 256 channels by kernels of 8, 6 and 6; norms of them; two places are left of 1600 samples; gates of
    // 256 units from 512 numbers and 256 states, then from 256 and 256, each with two biases.
    let convolutions = (64 * 8 + 64) + (128 * 64 * 6 + 128) + (256 * 128 * 6 + 256) + 2 * 448;
    let lstm = 4 * 256 * (512 + 256 + 2) + 4 * 256 * (256 + 256 + 2);
    let end2you = convolutions + lstm + (256 * 10 + 10);
    let network = build(&NetworkConfig::End2You(End2YouConfig::default()), InputShape::Waveforms, 10, 1);
    assert_eq!(counts(&network), (end2you + 2 * 448, end2you));
}

/// B5's size, and what V-FT trains of it: not the feature encoder (kernels of 10, 3, 3, 3, 3, 2 and 2, a group norm), the
/// projection (a norm of 512, 512 → 768) and the mask embedding.
#[test]
fn fine_tuned_base_has_its_published_parameters() {
    let published = FineTunedConfig {
        freeze: Freeze::FeatureEncoderAndProjection,
        freeze_mask_embedding: true,
        frame_activation: FrameActivation::Relu,
        pooling: Pooling::MeanButLast,
        ..FineTunedConfig::default()
    };
    let network = build(&fine_tuned(published), InputShape::Waveforms, 7, 1);
    let frozen =
        (512 * 10 + 4 * 512 * 512 * 3 + 2 * 512 * 512 * 2 + 2 * 512) + (2 * 512 + 512 * 768 + 768) + 768;
    assert_eq!(counts(&network), (94_377_095, 94_377_095 - frozen));
    assert_eq!(network.least_samples(), 400);
}

#[test]
fn heads_have_their_parameters() {
    let count = |config: FineTunedConfig| {
        let config = FineTunedConfig { encoder: post_norm().into(), ..config };
        counts(&build(&fine_tuned(config), InputShape::Waveforms, 7, 1)).0
    };
    let plain = FineTunedConfig::default;
    let encoder = count(plain()) - (16 * 7 + 7);
    let projector = Some(ProjectorConfig { width: 256 });
    assert_eq!(count(FineTunedConfig { projector, ..plain() }), encoder + (16 * 256 + 256) + (256 * 7 + 7));
    let lstm = Some(LstmConfig { layers: 2, hidden: 512 });
    let gates = 4 * 512 * (16 + 512 + 2) + 4 * 512 * (512 + 512 + 2);
    assert_eq!(count(FineTunedConfig { lstm, ..plain() }), encoder + gates + (512 * 7 + 7));
    // A layer: four maps of 16 → 16, 16 → 24 → 16, two norms.
    let layer = 4 * (16 * 16 + 16) + (16 * 24 + 24) + (24 * 16 + 16) + 4 * 16;
    let first = FineTunedConfig { layer: EncoderLayer::Nth(1), ..plain() };
    assert_eq!(count(first), count(plain()) - 2 * layer);
}

#[test]
fn tensors_have_the_names_of_transformers_and_pytorch() {
    let config = FineTunedConfig {
        encoder: post_norm().into(),
        projector: Some(ProjectorConfig { width: 8 }),
        lstm: Some(LSTM),
        ..FineTunedConfig::default()
    };
    let weights = build(&fine_tuned(config), InputShape::Waveforms, 7, 1).weights();
    for (name, shape) in [
        ("wav2vec2.feature_extractor.conv_layers.0.layer_norm.weight", &[8][..]),
        ("wav2vec2.feature_projection.projection.weight", &[16, 12]),
        ("wav2vec2.masked_spec_embed", &[16]),
        ("wav2vec2.encoder.pos_conv_embed.conv.weight_g", &[1, 1, 6]),
        ("wav2vec2.encoder.layers.2.final_layer_norm.bias", &[16]),
        ("projector.weight", &[8, 16]),
        ("lstm.weight_ih_l0", &[48, 8]),
        ("lstm.weight_hh_l1", &[48, 12]),
        ("lstm.bias_ih_l1", &[48]),
        ("lstm.bias_hh_l0", &[48]),
        ("classifier.bias", &[7]),
    ] {
        assert_eq!(weights[name].size(), shape, "{name}");
    }
}

#[test]
fn shapes() {
    for (config, input) in networks() {
        let network = build(&config, input, OUTPUTS, 1);
        assert_eq!(network.input(), input);
        for count in [1, 5] {
            let outputs = evaluate(&network, &examples(input, count));
            assert_eq!(outputs.size(), [count as i64, OUTPUTS as i64], "{config:?}");
            assert_eq!(outputs.isfinite().all().int64_value(&[]), 1, "{config:?}");
        }
    }
}

#[test]
fn gradient_reaches_every_parameter() {
    let _turn = turn();
    for (config, input) in networks() {
        let network = build(&config, input, OUTPUTS, 1);
        tch::manual_seed(1);
        let outputs = network.forward_t(&examples(input, 8), true).unwrap();
        outputs.cross_entropy_for_logits(&targets(8)).backward();
        for (name, tensor) in network.trainable() {
            let gradient = tensor.grad();
            assert!(gradient.defined(), "{config:?} {name}");
            let largest = gradient.abs().max().double_value(&[]);
            assert!(
                largest.is_finite() && (largest > 0.0 || cancels(&config, &name)),
                "{config:?} {name}: {largest}"
            );
        }
    }
}

/// Whether a bias does nothing: batch norm takes it away, or it adds the same to all scores of a frame.
fn cancels(config: &NetworkConfig, name: &str) -> bool {
    match config {
        NetworkConfig::EmbeddingCnn(_) | NetworkConfig::End2You(_) => name.ends_with("conv.bias"),
        NetworkConfig::Mlp(config) => config.norm == MlpNorm::Batch && name.ends_with("linear.bias"),
        _ => name.ends_with("k_proj.bias"),
    }
}

#[test]
fn what_is_frozen_has_no_gradient_and_does_not_change() {
    let _turn = turn();
    let parts = ["wav2vec2.feature_extractor.", "wav2vec2.feature_projection.", "wav2vec2."];
    for encoder in encoders() {
        for (freeze, prefixes) in [
            (Freeze::None, &[][..]),
            (Freeze::FeatureEncoder, &parts[..1]),
            (Freeze::FeatureEncoderAndProjection, &parts[..2]),
            (Freeze::All, &parts),
        ] {
            for freeze_mask_embedding in [false, true] {
                let encoder = encoder.clone();
                let config = FineTunedConfig {
                    encoder: encoder.into(),
                    freeze,
                    freeze_mask_embedding,
                    ..FineTunedConfig::default()
                };
                let network = build(&fine_tuned(config), InputShape::Waveforms, OUTPUTS, 1);
                let frozen = |name: &str| {
                    prefixes.iter().any(|prefix| name.starts_with(prefix))
                        || (freeze_mask_embedding && name == "wav2vec2.masked_spec_embed")
                };
                let before = copy(&network.weights());
                let trainable = network.trainable();
                assert!(before.keys().all(|name| trainable.contains_key(name) != frozen(name)), "{freeze:?}");
                let adam = AdamConfig { weight_decay: 0.1, ..AdamConfig::default() };
                let mut optimiser = Adam::new(trainable, adam);
                tch::manual_seed(1);
                let outputs = network.forward_t(&examples(InputShape::Waveforms, 4), true).unwrap();
                outputs.cross_entropy_for_logits(&targets(4)).backward();
                optimiser.step().unwrap();
                for (name, tensor) in network.weights() {
                    assert_eq!(tensor == before[&name], frozen(&name), "{freeze:?} {name}");
                }
            }
        }
    }
}

/// A parameter that does nothing is not trained: weight decay would change it.
#[test]
fn what_does_nothing_is_not_trained() {
    let untrained = |config: FineTunedConfig| -> Vec<String> {
        let network = build(&fine_tuned(config), InputShape::Waveforms, OUTPUTS, 1);
        let trainable = network.trainable();
        network.weights().into_keys().filter(|name| !trainable.contains_key(name)).collect()
    };
    let plain = |encoder| FineTunedConfig { encoder, ..FineTunedConfig::default() };
    let first = |encoder| FineTunedConfig { layer: EncoderLayer::Nth(1), ..plain(encoder) };
    let none: [&str; 0] = [];
    assert_eq!(untrained(plain(pre_norm().into())), none);
    assert_eq!(untrained(first(post_norm().into())), none);
    assert_eq!(
        untrained(first(pre_norm().into())),
        ["wav2vec2.encoder.layer_norm.bias", "wav2vec2.encoder.layer_norm.weight"]
    );
    let unmasked = Overrides { apply_spec_augment: Some(false), ..Overrides::default() };
    let unmasked = FineTunedConfig { overrides: unmasked, ..plain(post_norm().into()) };
    assert_eq!(untrained(unmasked), ["wav2vec2.masked_spec_embed"]);
}

#[test]
fn overfits_eight_examples() {
    for (mut config, input) in networks() {
        if let NetworkConfig::Wav2Vec2(config) = &mut config {
            config.overrides.apply_spec_augment = Some(false);
        }
        let network = build(&config, input, OUTPUTS, 3);
        let adam = AdamConfig { learning_rate: 0.005, ..AdamConfig::default() };
        let mut optimiser = Adam::new(network.trainable(), adam);
        let (inputs, targets) = (examples(input, 8), targets(8));
        tch::manual_seed(1);
        for _ in 0..100 {
            let outputs = network.forward_t(&inputs, true).unwrap();
            outputs.cross_entropy_for_logits(&targets).backward();
            optimiser.step().unwrap();
        }
        let outputs = network.forward_t(&inputs, true).unwrap();
        let loss = outputs.cross_entropy_for_logits(&targets).double_value(&[]);
        assert!(loss < 0.05, "{config:?}: {loss}");
    }
}

#[test]
fn saved_and_loaded_it_predicts_the_same() {
    let _turn = turn();
    for (config, input) in networks() {
        let inputs = examples(input, 3);
        let (first, mut second) = (build(&config, input, OUTPUTS, 1), build(&config, input, OUTPUTS, 2));
        let _ = first.forward_t(&inputs, true).unwrap(); // moves the running statistics
        assert_ne!(evaluate(&first, &inputs), evaluate(&second, &inputs));
        let bytes = Checkpoint { tensors: first.weights(), ..Checkpoint::default() }.to_bytes().unwrap();
        second.load(&Checkpoint::from_bytes(&bytes).unwrap().tensors).unwrap();
        assert_eq!(evaluate(&first, &inputs), evaluate(&second, &inputs), "{config:?}");
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<NetworkConfig>(&text).unwrap(), config);
    }
}

#[test]
fn a_prediction_does_not_depend_on_its_batch() {
    for (config, input) in networks() {
        let network = build(&config, input, OUTPUTS, 1);
        let inputs = examples(input, 16);
        let together = evaluate(&network, &inputs);
        for row in 0..16 {
            let alone = evaluate(&network, &alone(&inputs, row));
            let difference = difference(&together.narrow(0, row as i64, 1), &alone);
            assert!(difference < 1e-5, "{config:?} {row}: {difference:e}");
        }
    }
}

/// Sixteen clips from one frame to eleven, of which a pooling must read no frame too many.
#[test]
fn no_pooling_sees_padding() {
    let lengths = vec![240, 30, 49, 50, 51, 69, 70, 89, 90, 110, 130, 150, 170, 190, 210, 230];
    let inputs = clips(lengths);
    for encoder in encoders() {
        for lstm in [None, Some(LSTM)] {
            for pooling in POOLINGS {
                let encoder = encoder.clone();
                let config = FineTunedConfig {
                    encoder: encoder.into(),
                    normalise: true,
                    lstm,
                    pooling,
                    ..FineTunedConfig::default()
                };
                let network = build(&fine_tuned(config), InputShape::Waveforms, OUTPUTS, 1);
                let together = evaluate(&network, &inputs);
                for row in 0..16 {
                    let alone = evaluate(&network, &alone(&inputs, row));
                    let difference = difference(&together.narrow(0, row as i64, 1), &alone);
                    assert!(difference < 1e-5, "{pooling:?} {lstm:?} {row}: {difference:e}");
                }
            }
        }
    }
}

/// The published code of V-FT has it before, its text after.
#[test]
fn a_relu_stands_before_the_pooling_or_after_it() {
    let _turn = turn();
    let outputs = |frame_activation, inputs: &Inputs| {
        let config =
            FineTunedConfig { encoder: post_norm().into(), frame_activation, ..FineTunedConfig::default() };
        evaluate(&build(&fine_tuned(config), InputShape::Waveforms, OUTPUTS, 3), inputs)
    };
    let [none, before, after] =
        [FrameActivation::None, FrameActivation::Relu, FrameActivation::ReluAfterPooling];
    let many = clips(vec![240, 170]);
    for (a, b) in [(none, before), (before, after), (none, after)] {
        assert!(difference(&outputs(a, &many), &outputs(b, &many)) > 1e-3, "{a:?} {b:?}");
    }
    // Of a single frame it is the same.
    let single = clips(vec![post_norm().samples_of_a_frame()]);
    assert!(difference(&outputs(before, &single), &outputs(after, &single)) < 1e-6);
}

#[test]
fn end2you_reads_whole_chunks() {
    for pooling in POOLINGS {
        let config = NetworkConfig::End2You(End2YouConfig { pooling, ..end2you() });
        let network = build(&config, InputShape::Waveforms, OUTPUTS, 1);
        let waveform = noise(&[1, 199]);
        let of = |samples: i64| {
            evaluate(&network, &Inputs::waveforms(waveform.narrow(1, 0, samples), vec![samples as usize]))
        };
        assert_eq!(of(160), of(199), "{pooling:?}"); // four chunks and all but a fifth
        assert_eq!(of(120) == of(160), pooling == Pooling::First, "{pooling:?}");
        let _ = waveform.narrow(1, 25, 15).zero_();
        assert_eq!(of(25), of(40), "{pooling:?}"); // less than a chunk is one with zeros behind it
        // The clips of a batch are all shorter than a chunk.
        let short = evaluate(&network, &Inputs::waveforms(waveform.narrow(1, 0, 30), vec![25]));
        assert_eq!(short, of(25), "{pooling:?}");
    }
}

/// Batch norm in training sees the same chunks however much padding there is.
#[test]
fn padding_does_not_move_running_statistics() {
    let config = NetworkConfig::End2You(end2you());
    let statistics = |samples: i64| {
        let network = build(&config, InputShape::Waveforms, OUTPUTS, 1);
        let inputs = clips(vec![160, 80]);
        let padded = inputs.xs.constant_pad_nd([0, samples - 160]);
        let _ = network.forward_t(&Inputs::waveforms(padded, vec![160, 80]), true).unwrap();
        network.weights()["block1.norm.running_var"].copy()
    };
    assert_eq!(statistics(160), statistics(400));
    assert_ne!(statistics(160), Tensor::ones([4], (Kind::Float, Device::Cpu)));
}

/// By the formula of transformers' feature extractor, in f64: (x − mean) / √(variance + 1e-7), over the clip's own samples.
#[test]
fn waveforms_are_normalised_by_their_own_samples() {
    let lengths = vec![240, 170];
    let Inputs { xs, .. } = clips(lengths.clone());
    let xs = (xs * 0.001 + 0.5).masked_fill(&Tensor::from_slice(&[false; 1]), 0.0);
    let rows: Vec<Tensor> = lengths
        .iter()
        .enumerate()
        .map(|(row, &length)| {
            let own = xs.get(row as i64).narrow(0, 0, length as i64).to_kind(Kind::Double);
            let centred = &own - own.mean(Kind::Double);
            let normalised = &centred / (centred.square().mean(Kind::Double) + 1e-7).sqrt();
            normalised.to_kind(Kind::Float).constant_pad_nd([0, 240 - length as i64])
        })
        .collect();
    let by_hand = Tensor::stack(&rows, 0);
    for encoder in encoders() {
        let outputs = |normalise, xs: &Tensor| {
            let config =
                FineTunedConfig { encoder: encoder.clone().into(), normalise, ..FineTunedConfig::default() };
            let network = build(&fine_tuned(config), InputShape::Waveforms, OUTPUTS, 1);
            evaluate(&network, &Inputs::waveforms(xs.shallow_clone(), lengths.clone()))
        };
        let error = difference(&outputs(true, &xs), &outputs(false, &by_hand));
        assert!(error < 1e-4, "{error:e}");
        assert!(difference(&outputs(true, &xs), &outputs(false, &xs)) > 1e-2);
        // Silence is no division by zero.
        assert!(outputs(true, &xs.zeros_like()).isfinite().all().int64_value(&[]) == 1);
    }
}

/// What B5's recipe asks for changes what a batch gives, each by itself.
#[test]
fn settings_of_the_published_recipe_change_a_batch() {
    let _turn = turn();
    let inputs = clips(vec![240, 170]);
    let forward = |config: &FineTunedConfig, train: bool| {
        tch::manual_seed(3);
        let network = build(&fine_tuned(config.clone()), InputShape::Waveforms, OUTPUTS, 1);
        tch::no_grad(|| network.forward_t(&inputs, train)).unwrap()
    };
    let mut encoder = post_norm();
    encoder.mask_time_prob = 0.0;
    encoder.mask_feature_prob = 0.0;
    let plain = FineTunedConfig { encoder: encoder.into(), ..FineTunedConfig::default() };
    let heard = FineTunedConfig { padding: Padding::Unmasked, ..plain.clone() };
    let longer = FineTunedConfig { padded_to: Some(300), ..heard.clone() };
    let reference = FineTunedConfig { padding: Padding::Reference, ..plain.clone() };
    let dropped = FineTunedConfig { dropout: 0.5, ..plain.clone() };
    let keras = FineTunedConfig { defaults: LibraryDefaults::Keras, ..plain.clone() };
    for (what, one, other) in [
        ("padding", &plain, &heard),
        ("padding", &reference, &heard),
        ("padded_to", &heard, &longer),
        ("defaults", &plain, &keras),
    ] {
        let apart = difference(&forward(one, false), &forward(other, false));
        assert!(apart > 1e-4, "{what}: {apart:e}");
    }
    assert!(difference(&forward(&plain, true), &forward(&dropped, true)) > 1e-2);
    assert_eq!(forward(&plain, false), forward(&dropped, false), "nothing is dropped but in training");
    // The longest clip has no padding: it is heard as ever.
    assert!(difference(&forward(&plain, false).get(0), &forward(&heard, false).get(0)) < 1e-5);
}

/// With rows of one length a clip whose padding is heard gives the same in any batch.
#[test]
fn padding_that_is_heard_does_not_depend_on_the_batch() {
    let config = FineTunedConfig {
        encoder: post_norm().into(),
        padding: Padding::Unmasked,
        padded_to: Some(300),
        ..FineTunedConfig::default()
    };
    let network = build(&fine_tuned(config), InputShape::Waveforms, OUTPUTS, 1);
    let inputs = clips(vec![240, 170]);
    let batch = evaluate(&network, &inputs);
    for row in 0..2 {
        let alone = evaluate(&network, &alone(&inputs, row));
        assert!(difference(&batch.narrow(0, row as i64, 1), &alone) < 1e-5);
    }
}

/// The dropped units are the same in all frames of a clip: what is left of a mean is the mean of what is left.
#[test]
fn dropout_before_the_classifier_is_dropout_of_the_mean() {
    let _turn = turn();
    let encoder = EncoderConfig { mask_time_prob: 0.0, mask_feature_prob: 0.0, ..post_norm() };
    let config = FineTunedConfig { encoder: encoder.into(), dropout: 0.5, ..FineTunedConfig::default() };
    let network = build(&fine_tuned(config), InputShape::Waveforms, OUTPUTS, 1);
    let inputs = clips(vec![240; 3]);
    let store = nn::VarStore::new(Device::Cpu);
    let encoder = Wav2Vec2::new(&(&Vars::new(&store, 1) / "wav2vec2"), &post_norm()).unwrap();
    let encoded = tch::no_grad(|| encoder.forward_t(&inputs.xs, &[240; 3], Padding::Ignored, false)).unwrap();
    let means = encoded.last.mean_dim(1, /* keepdim */ false, Kind::Float); // [clips, width]
    let weights = network.weights();
    let (weight, bias) = (&weights["classifier.weight"], &weights["classifier.bias"]);
    tch::manual_seed(11);
    let outputs = tch::no_grad(|| network.forward_t(&inputs, true)).unwrap();
    // Of 2¹⁶ ways to drop sixteen units, one explains each clip's outputs.
    let units = means.size()[1];
    let ways = Tensor::arange(1_i64 << units, (Kind::Int64, Device::Cpu)).unsqueeze(1);
    let kept = ways.bitwise_right_shift(&Tensor::arange(units, (Kind::Int64, Device::Cpu)));
    let kept = kept.bitwise_and(1).to_kind(Kind::Float) * 2.0; // [ways, units]
    for row in 0..3 {
        let explained = (&kept * means.get(row)).linear(weight, Some(bias));
        let error = (explained - outputs.get(row)).abs().amax([1], /* keepdim */ false).min();
        assert!(error.double_value(&[]) < 1e-5, "clip {row}: {error:?}");
    }
}

/// The network that is built as high as the layer gives the mean of what the whole encoder has at that layer, mapped.
#[test]
fn a_layer_is_the_encoders_state_before_its_last_norm() {
    let inputs = clips(vec![240, 170]);
    let lengths = inputs.lengths.clone().unwrap();
    for encoder in encoders() {
        let store = nn::VarStore::new(Device::Cpu);
        // A parameter's first value is a function of seed and name: this is the same encoder.
        let whole = Wav2Vec2::new(&(&Vars::new(&store, 1) / "wav2vec2"), &encoder).unwrap();
        let encoded =
            tch::no_grad(|| whole.forward_t(&inputs.xs, &lengths, Padding::Ignored, false)).unwrap();
        let layers = [1, 2, 3].map(|n| (EncoderLayer::Nth(n), &encoded.states[n]));
        for (layer, states) in layers.into_iter().chain([(EncoderLayer::Last, &encoded.last)]) {
            let encoder = encoder.clone();
            let config = FineTunedConfig {
                encoder: encoder.into(),
                layer: layer.clone(),
                ..FineTunedConfig::default()
            };
            let network = build(&fine_tuned(config), InputShape::Waveforms, OUTPUTS, 1);
            let weights = network.weights();
            let mean = |(row, &frames): (usize, &i64)| {
                states.get(row as i64).narrow(0, 0, frames).mean_dim(0, /* keepdim */ false, Kind::Float)
            };
            let means = Tensor::stack(&encoded.frames.iter().enumerate().map(mean).collect::<Vec<_>>(), 0);
            let expected = means.linear(&weights["classifier.weight"], Some(&weights["classifier.bias"]));
            assert!(difference(&evaluate(&network, &inputs), &expected) < 1e-5, "{layer:?}");
            let above = |name: &String| {
                let layer = name.strip_prefix("wav2vec2.encoder.layers.")?.split('.').next()?;
                layer.parse::<usize>().ok()
            };
            let built = weights.keys().filter_map(above).max().unwrap() + 1;
            assert_eq!(built, if let EncoderLayer::Nth(n) = layer { n } else { 3 });
        }
    }
}

/// What lies above the layer that is read, and a checkpoint's heads, are passed over.
#[test]
fn an_encoder_is_loaded_up_to_the_layer() {
    let inputs = clips(vec![240, 170]);
    for encoder in encoders() {
        let config = |layer| {
            fine_tuned(FineTunedConfig {
                encoder: encoder.clone().into(),
                layer,
                ..FineTunedConfig::default()
            })
        };
        let of = |layer, seed| build(&config(layer), InputShape::Waveforms, OUTPUTS, seed);
        let mut network = of(EncoderLayer::Nth(2), 1);
        let accounting = network.load_encoder(&of(EncoderLayer::Last, 2).weights()).unwrap();
        assert_eq!(accounting.loaded, network.weights().len() - 2);
        let passed_over = |name: &String| name.contains(".layers.2.") || name.starts_with("classifier.");
        assert!(accounting.unexpected.iter().all(passed_over), "{:?}", accounting.unexpected);
        let theirs = of(EncoderLayer::Nth(2), 2);
        assert_ne!(evaluate(&network, &inputs), evaluate(&theirs, &inputs));
        for (name, mut own) in network.weights() {
            if name.starts_with("classifier.") {
                own.copy_(&theirs.weights()[&name]);
            }
        }
        assert_eq!(evaluate(&network, &inputs), evaluate(&theirs, &inputs));
    }
}

#[test]
fn a_frozen_encoder_is_a_function_of_the_sound() {
    let _turn = turn();
    let chance = |freeze| {
        let dropouts = Overrides {
            hidden_dropout: Some(0.5),
            attention_dropout: Some(0.5),
            layerdrop: Some(0.5),
            mask_time_prob: Some(0.5),
            ..Overrides::default()
        };
        let config = FineTunedConfig {
            encoder: post_norm().into(),
            overrides: dropouts,
            freeze,
            lstm: Some(LSTM),
            ..FineTunedConfig::default()
        };
        let network = build(&fine_tuned(config), InputShape::Waveforms, OUTPUTS, 1);
        let inputs = examples(InputShape::Waveforms, 2);
        let outputs = |train| tch::no_grad(|| network.forward_t(&inputs, train)).unwrap();
        tch::manual_seed(1);
        outputs(true) != outputs(false)
    };
    assert!(!chance(Freeze::All));
    assert!(chance(Freeze::FeatureEncoderAndProjection));
}

#[test]
fn spans_are_drawn_over_clips_or_rows() {
    let _turn = turn();
    let outputs = |spans_over, lengths: &[usize]| {
        let config =
            FineTunedConfig { encoder: post_norm().into(), spans_over, ..FineTunedConfig::default() };
        let network = build(&fine_tuned(config), InputShape::Waveforms, OUTPUTS, 1);
        tch::manual_seed(2);
        tch::no_grad(|| network.forward_t(&clips(lengths.to_vec()), true)).unwrap()
    };
    assert_eq!(outputs(SpansOver::Clips, &[240, 240]), outputs(SpansOver::Rows, &[240, 240]));
    assert_ne!(outputs(SpansOver::Clips, &[240, 100]), outputs(SpansOver::Rows, &[240, 100]));
}

/// What is computed again is what was: chance, too.
#[test]
fn checkpoints_change_no_gradient() {
    let _turn = turn();
    for (encoder, freeze) in encoders().into_iter().flat_map(|encoder| {
        [Freeze::None, Freeze::FeatureEncoderAndProjection, Freeze::All]
            .map(|freeze| (encoder.clone(), freeze))
    }) {
        let gradients = |checkpointed: bool| -> NamedTensors {
            let encoder = EncoderConfig { hidden_dropout: 0.3, ..encoder.clone() };
            let config = FineTunedConfig {
                encoder: encoder.into(),
                freeze,
                lstm: Some(LSTM),
                ..FineTunedConfig::default()
            };
            let mut network = build(&fine_tuned(config), InputShape::Waveforms, OUTPUTS, 1);
            assert!(!checkpointed || network.checkpoint_gradients());
            tch::manual_seed(1);
            let outputs = network.forward_t(&examples(InputShape::Waveforms, 4), true).unwrap();
            outputs.cross_entropy_for_logits(&targets(4)).backward();
            network.trainable().into_iter().map(|(name, tensor)| (name, tensor.grad())).collect()
        };
        assert_eq!(gradients(true), gradients(false), "{freeze:?}");
    }
}

#[test]
fn a_seed_gives_and_drops_the_same() {
    let _turn = turn();
    for (config, input) in networks() {
        let weights = |seed| build(&config, input, OUTPUTS, seed).weights();
        assert_eq!(weights(4), weights(4));
        assert_ne!(weights(4), weights(5));
    }
    let cnn = NetworkConfig::EmbeddingCnn(EmbeddingCnnConfig { dropout: 0.3, ..embedding_cnn() });
    let mlp = NetworkConfig::Mlp(MlpConfig { dropout: 0.3, ..mlp(MlpNorm::Layer) });
    for (config, input) in [(cnn, InputShape::Frames([18, 8])), (mlp, InputShape::Frames([1, 10]))] {
        let network = build(&config, input, OUTPUTS, 1);
        let inputs = examples(input, 2);
        let outputs = |seed| {
            tch::manual_seed(seed);
            tch::no_grad(|| network.forward_t(&inputs, true)).unwrap()
        };
        assert_eq!(outputs(1), outputs(1), "{config:?}");
        assert_ne!(outputs(1), outputs(2), "{config:?}");
    }
}

#[test]
fn sigmoids_keep_values_between_0_and_1() {
    let output_activation = OutputActivation::Sigmoid;
    let mlp = MlpConfig { output_activation, ..mlp(MlpNorm::Layer) };
    let encoder =
        FineTunedConfig { encoder: post_norm().into(), output_activation, ..FineTunedConfig::default() };
    for (config, input) in
        [(NetworkConfig::Mlp(mlp), InputShape::Frames([1, 10])), (fine_tuned(encoder), InputShape::Waveforms)]
    {
        let network = build(&config, input, OUTPUTS, 1);
        for (name, mut tensor) in network.weights() {
            if name.ends_with("output.bias") || name == "classifier.bias" {
                tensor.copy_(&Tensor::from_slice(&[-40_f32, 0.0, 2.0, 40.0]));
            }
        }
        let outputs = evaluate(&network, &examples(input, 2));
        assert!(outputs.min().double_value(&[]) >= 0.0 && outputs.max().double_value(&[]) <= 1.0);
    }
}

#[test]
fn configurations_read_as_in_a_pipeline() {
    let read = |text: &str| serde_json::from_str::<NetworkConfig>(text);
    for (text, config) in [
        (r#"{"kind": "embedding-cnn"}"#, NetworkConfig::EmbeddingCnn(EmbeddingCnnConfig::default())),
        (r#"{"kind": "mlp"}"#, NetworkConfig::Mlp(MlpConfig::default())),
        (r#"{"kind": "end2you"}"#, NetworkConfig::End2You(End2YouConfig::default())),
        (r#"{"kind": "wav2vec2"}"#, fine_tuned(FineTunedConfig::default())),
    ] {
        assert_eq!(read(text).unwrap(), config);
        assert!(text.contains(config.kind()));
    }
    let text = r#"{
        "kind": "wav2vec2", "encoder": {"do_stable_layer_norm": true}, "layer": 12, "normalise": true,
        "freeze": "feature-encoder-and-projection", "freeze_mask_embedding": true, "frame_activation": "relu",
        "padding": "reference", "lstm": {"layers": 2, "hidden": 512}, "projector": {"width": 256},
        "pooling": "mean-but-last", "spans_over": "rows", "output_activation": "sigmoid", "overrides": {"mask_time_prob": 0.08},
        "padded_to": 48000, "dropout": 0.5, "defaults": "keras", "normalise_over": "batch-in-training"
    }"#;
    let expected = FineTunedConfig {
        encoder: EncoderConfig { do_stable_layer_norm: true, ..EncoderConfig::default() }.into(),
        overrides: Overrides { mask_time_prob: Some(0.08), ..Overrides::default() },
        normalise: true,
        normalise_over: NormaliseOver::BatchInTraining,
        padding: Padding::Reference,
        padded_to: Some(48_000),
        layer: EncoderLayer::Nth(12),
        freeze: Freeze::FeatureEncoderAndProjection,
        freeze_mask_embedding: true,
        spans_over: SpansOver::Rows,
        frame_activation: FrameActivation::Relu,
        projector: Some(ProjectorConfig { width: 256 }),
        lstm: Some(LstmConfig { layers: 2, hidden: 512 }),
        dropout: 0.5,
        output_activation: OutputActivation::Sigmoid,
        pooling: Pooling::MeanButLast,
        adapt: None,
        attention: PoolingAttention::default(),
        defaults: LibraryDefaults::Keras,
    };
    assert_eq!(built_encoder(&expected).unwrap().wav2vec2().unwrap().mask_time_prob, 0.08);
    assert_eq!(read(text).unwrap(), fine_tuned(expected));
    for (text, key) in [
        (r#"{"kind": "embedding-cnn", "chanels": [1]}"#, "chanels"),
        (r#"{"kind": "mlp", "norm": "group"}"#, "group"),
        (r#"{"kind": "end2you", "lstm": {"width": 1}}"#, "width"),
        (r#"{"kind": "wav2vec2", "overrides": {"conv_dim": []}}"#, "conv_dim"),
        (r#"{"kind": "wav2vec2", "freeze": "some"}"#, "some"),
    ] {
        assert!(read(text).unwrap_err().to_string().contains(key), "{text}");
    }
}

#[test]
fn impossible_networks_are_refused() {
    let error = |config: NetworkConfig, input| {
        Network::new(&config, &input, OUTPUTS, 0, Device::Cpu).map(|_| ()).unwrap_err()
    };
    let cnn = |config| error(NetworkConfig::EmbeddingCnn(config), InputShape::Frames([149, 32]));
    for (field, config) in [
        ("channels", EmbeddingCnnConfig { channels: vec![], ..EmbeddingCnnConfig::default() }),
        ("channels", EmbeddingCnnConfig { channels: vec![4, 0], ..EmbeddingCnnConfig::default() }),
        ("pool_every", EmbeddingCnnConfig { pool_every: 0, ..EmbeddingCnnConfig::default() }),
        ("pool", EmbeddingCnnConfig { pool: 0, ..EmbeddingCnnConfig::default() }),
        ("hidden", EmbeddingCnnConfig { hidden: 0, ..EmbeddingCnnConfig::default() }),
    ] {
        assert_eq!(cnn(config), BuildError::Zero(field));
    }
    let every = EmbeddingCnnConfig { pool_every: 1, ..EmbeddingCnnConfig::default() };
    assert_eq!(cnn(every), BuildError::TooSmall { shape: [149, 32], pools: vec![2; 8] });
    let all = EmbeddingCnnConfig { dropout: 1.0, ..EmbeddingCnnConfig::default() };
    assert_eq!(cnn(all), BuildError::Dropout("1".into()));

    for hidden in [vec![], vec![8, 0]] {
        let mlp = MlpConfig { hidden, ..MlpConfig::default() };
        assert_eq!(error(NetworkConfig::Mlp(mlp), InputShape::Frames([1, 9])), BuildError::Zero("hidden"));
    }

    let end2you = |config| error(NetworkConfig::End2You(config), InputShape::Waveforms);
    let base = End2YouConfig::default;
    let odd = End2YouConfig { kernels: vec![8, 6], ..base() };
    assert_eq!(end2you(odd), BuildError::Convolutions { channels: 3, kernels: 2, pools: 3 });
    let zero = End2YouConfig { pools: vec![10, 0, 8], ..base() };
    assert_eq!(end2you(zero), BuildError::Convolutions { channels: 3, kernels: 3, pools: 3 });
    let short = End2YouConfig { chunk: 600, ..base() };
    assert_eq!(end2you(short), BuildError::Chunk { chunk: 600, pools: vec![10, 8, 8] });
    let stateless = End2YouConfig { lstm: LstmConfig { layers: 1, hidden: 0 }, ..base() };
    assert_eq!(end2you(stateless), BuildError::Zero("lstm.hidden"));

    let wav2vec2 = |config| error(fine_tuned(config), InputShape::Waveforms);
    let base = || FineTunedConfig { encoder: post_norm().into(), ..FineTunedConfig::default() };
    for layer in [0, 4] {
        let config = FineTunedConfig { layer: EncoderLayer::Nth(layer), ..base() };
        assert_eq!(wav2vec2(config), BuildError::Layer { layer, layers: 3 });
    }
    let narrow = FineTunedConfig { projector: Some(ProjectorConfig { width: 0 }), ..base() };
    assert_eq!(wav2vec2(narrow), BuildError::Zero("projector.width"));
    let dropped = Overrides { layerdrop: Some(1.0), ..Overrides::default() };
    let text = wav2vec2(FineTunedConfig { overrides: dropped, ..base() }).to_string();
    assert_eq!(text, "the encoder: `layerdrop` is 1: expected a share, at least 0 and less than 1");

    let text = error(fine_tuned(base()), InputShape::Frames([1, 9])).to_string();
    assert!(
        text.starts_with("the network `wav2vec2` reads waveforms, and the examples are 1 bands × 9 frames")
    );
}

#[test]
fn half_precision_is_close() {
    for (config, input) in networks() {
        let network = build(&config, input, OUTPUTS, 1);
        let inputs = examples(input, 4);
        let whole = evaluate(&network, &inputs);
        let _guard = Autocast::new(Device::Cpu, Kind::BFloat16).unwrap();
        let half = network.forward_t(&inputs, false).unwrap().to_kind(Kind::Float);
        let error = (&half - &whole).norm().double_value(&[]) / whole.norm().double_value(&[]);
        assert!(0.0 < error && error < 0.02, "{config:?}: {error:e}");
        half.cross_entropy_for_logits(&targets(4)).backward();
        for (name, tensor) in network.trainable().into_iter().filter(|(_, tensor)| tensor.grad().defined()) {
            assert_eq!(tensor.grad().kind(), Kind::Float, "{name}");
            assert_eq!(tensor.grad().isfinite().all().int64_value(&[]), 1, "{config:?} {name}");
        }
    }
}

fn copy(weights: &NamedTensors) -> NamedTensors {
    weights.iter().map(|(name, tensor)| (name.clone(), tensor.copy())).collect()
}
