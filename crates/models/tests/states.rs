//! What holds for networks of states, whatever their trunk.

mod small;
mod turn;

use std::collections::BTreeSet;

use affekt_models::states::{
    StatesConfig, StatesNetwork, StatesOutputs, TrunkConfig, Wav2Vec2Trunk, Wav2VecTrunk,
};
use affekt_models::wav2vec::Wav2Vec;
use affekt_models::wav2vec2::{InputError, Spans, Wav2Vec2};
use affekt_models::{Accounting, BuildError, ForwardError};
use affekt_spec::encoder::{EncoderConfig, Wav2VecConfig};
use affekt_spec::network::Overrides;
use affekt_torch::init::Vars;
use affekt_torch::{Adam, AdamConfig, Checkpoint, NamedTensors, Random};
use tch::{Device, Kind, Tensor, nn};

use crate::small::{post_norm, pre_norm};
use crate::turn::turn;

const CLASSES: usize = 3;
const SAMPLES: usize = 900;

fn small_wav2vec() -> Wav2VecConfig {
    Wav2VecConfig {
        conv_feature_layers: vec![[8, 10, 5], [8, 8, 4], [12, 4, 2], [12, 1, 1]],
        conv_aggregator_layers: vec![[12, 2, 1], [16, 3, 1], [16, 4, 1]],
        ..Wav2VecConfig::large()
    }
}

fn wav2vec() -> StatesConfig {
    StatesConfig {
        trunk: TrunkConfig::Wav2Vec(Wav2VecTrunk {
            encoder: small_wav2vec(),
            mask_frames: Spans { share: 0.08, length: 3, least: 2 },
            mask_features: Spans { share: 0.05, length: 4, least: 1 },
            ..Wav2VecTrunk::default()
        }),
        head_width: 10,
        lstm_hidden: 6,
        ..StatesConfig::default()
    }
}

fn wav2vec2() -> StatesConfig {
    let overrides =
        Overrides { mask_feature_prob: Some(0.05), mask_feature_length: Some(4), ..Overrides::default() };
    let trunk = Wav2Vec2Trunk { encoder: post_norm(), overrides, ..Wav2Vec2Trunk::default() };
    StatesConfig { trunk: TrunkConfig::Wav2Vec2(Box::new(trunk)), ..wav2vec() }
}

fn networks() -> [StatesConfig; 3] {
    let stable =
        Wav2Vec2Trunk { encoder: pre_norm(), freeze_mask_embedding: false, ..Wav2Vec2Trunk::default() };
    let stable =
        StatesConfig { trunk: TrunkConfig::Wav2Vec2(Box::new(stable)), normalise: true, ..wav2vec() };
    [wav2vec(), wav2vec2(), stable]
}

fn build(config: &StatesConfig, seed: u64) -> StatesNetwork {
    StatesNetwork::new(config, CLASSES, seed, Device::Cpu).unwrap()
}

fn waveforms(clips: usize, samples: usize, seed: u64) -> Tensor {
    let mut random = Random::new(seed, "waveforms");
    let values: Vec<f32> = (0..clips * samples).map(|_| random.normal()).collect();
    Tensor::from_slice(&values).view([clips as i64, samples as i64])
}

fn evaluated(network: &StatesNetwork, waveforms: &Tensor) -> StatesOutputs {
    let shape = waveforms.size();
    let _guard = tch::no_grad_guard();
    network.forward_t(waveforms, &vec![shape[1] as usize; shape[0] as usize], false).unwrap()
}

/// The sum of both heads' losses, every frame's for itself.
fn loss(outputs: &StatesOutputs, targets: &[i64]) -> Tensor {
    let targets = Tensor::from_slice(targets);
    let frames = outputs.per_frame.size()[1];
    let of_frames = targets.repeat_interleave_self_int(frames, 0, None);
    outputs.per_frame.flatten(0, 1).cross_entropy_for_logits(&of_frames)
        + outputs.clip.cross_entropy_for_logits(&targets)
}

fn distance(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

/// wav2vec gives 148 states for the 3 s of which wav2vec 2.0 makes 149 frames: labels at the end are missing.
#[test]
fn frames_and_parameters_at_true_size() {
    let network = StatesNetwork::new(&StatesConfig::default(), 4, 1, Device::Cpu).unwrap();
    let features = 5120 + 512 * 512 * (8 + 4 + 4 + 4 + 1 + 1) + 7 * 1024;
    let aggregator = 512 * 512 * 90 + 12 * (512 + 1024);
    let downsample = 512 * 512 * 4 + 512;
    let head = 512 * 128 + 128 + 128 * 4 + 4;
    let lstm = 2 * (4 * 256 * (512 + 256) + 2 * 4 * 256);
    let counts = network.parameter_counts();
    assert_eq!(counts.trainable, aggregator + downsample + 2 * head + lstm);
    assert_eq!((counts.total - counts.trainable, counts.total), (features, 32_149_256));
    assert_eq!((network.width(), network.least_samples()), (512, 945));
    assert_eq!((network.frames(48_000), network.frames(945), network.frames(944)), (148, 1, 0));
    let base = EncoderConfig { num_hidden_layers: 1, ..EncoderConfig::default() };
    let second = Box::new(Wav2Vec2Trunk { encoder: base, ..Wav2Vec2Trunk::default() });
    let second = build(&StatesConfig { trunk: TrunkConfig::Wav2Vec2(second), ..wav2vec() }, 1);
    assert_eq!((second.width(), second.least_samples(), second.frames(48_000)), (768, 400, 149));
}

#[test]
fn shapes() {
    let _turn = turn();
    for config in networks() {
        let network = build(&config, 1);
        let outputs = evaluated(&network, &waveforms(2, SAMPLES, 1));
        let frames = network.frames(SAMPLES) as i64;
        assert!(frames > 5, "{frames}");
        assert_eq!(outputs.frames, [frames; 2]);
        assert_eq!(outputs.states.size(), [2, frames, 16]);
        assert_eq!(outputs.per_frame.size(), [2, frames, 3]);
        assert_eq!(outputs.clip.size(), [2, 3]);
        assert!(outputs.states.min().double_value(&[]) >= 0.0);
        let least = network.least_samples();
        assert_eq!(evaluated(&network, &waveforms(1, least, 1)).frames, [1]);
        let error = network.forward_t(&waveforms(1, least - 1, 1), &[least - 1], false).unwrap_err();
        assert_eq!(error, InputError::TooShort { clip: 0, length: least - 1, least }.into());
    }
}

#[test]
fn gradients_reach_what_is_trained_and_nothing_else() {
    let _turn = turn();
    for config in networks() {
        let network = build(&config, 1);
        tch::manual_seed(3);
        let outputs = network.forward_t(&waveforms(3, SAMPLES, 1), &[SAMPLES; 3], true).unwrap();
        loss(&outputs, &[0, 2, 1]).backward();
        let trainable = network.trainable();
        for (name, tensor) in &trainable {
            let gradient = tensor.grad();
            assert!(gradient.defined(), "{name}");
            // A bias of all keys adds the same to all scores of a frame.
            let reached = gradient.abs().max().double_value(&[]) > 0.0;
            assert!(reached || name.ends_with("k_proj.bias"), "{name}");
        }
        let frozen: BTreeSet<_> = network.weights().into_keys().collect();
        let frozen: Vec<_> = frozen.iter().filter(|name| !trainable.contains_key(*name)).collect();
        let expected: &[&str] = match &config.trunk {
            TrunkConfig::Wav2Vec(_) => &["wav2vec.feature_extractor."],
            TrunkConfig::Wav2Vec2(trunk) if trunk.freeze_mask_embedding => {
                &["wav2vec2.feature_extractor.", "wav2vec2.feature_projection.", "wav2vec2.masked_spec_embed"]
            }
            TrunkConfig::Wav2Vec2(_) => &["wav2vec2.feature_extractor.", "wav2vec2.feature_projection."],
        };
        assert!(frozen.iter().all(|name| expected.iter().any(|part| name.starts_with(part))), "{frozen:?}");
        assert!(expected.iter().all(|part| frozen.iter().any(|name| name.starts_with(part))), "{frozen:?}");
        let parts =
            ["frame_head.hidden.weight", "clip_head.lstm.backwards.weight_ih_l0", "clip_head.output.bias"];
        assert!(parts.iter().all(|name| trainable.contains_key(*name)));
    }
}

#[test]
fn overfits_six_examples() {
    let _turn = turn();
    for config in networks() {
        let network = build(&config, 2);
        let mut optimiser =
            Adam::new(network.trainable(), AdamConfig { learning_rate: 0.01, ..AdamConfig::default() });
        let (waveforms, targets) = (waveforms(6, SAMPLES, 5), [0_i64, 1, 2, 2, 1, 0]);
        for _ in 0..80 {
            let outputs = network.forward_t(&waveforms, &[SAMPLES; 6], false).unwrap();
            loss(&outputs, &targets).backward();
            optimiser.step().unwrap();
        }
        let left = loss(&evaluated(&network, &waveforms), &targets).double_value(&[]);
        assert!(left < 0.2, "{:?}: {left}", config.trunk);
    }
}

#[test]
fn saved_and_loaded_it_gives_the_same() {
    let _turn = turn();
    for config in networks() {
        let waveforms = waveforms(2, SAMPLES, 1);
        let (first, mut second) = (build(&config, 1), build(&config, 2));
        let expected = evaluated(&first, &waveforms);
        assert!(distance(&expected.clip, &evaluated(&second, &waveforms).clip) > 1e-3);
        let bytes = Checkpoint { tensors: first.weights(), ..Checkpoint::default() }.to_bytes().unwrap();
        second.load(&Checkpoint::from_bytes(&bytes).unwrap().tensors).unwrap();
        let found = evaluated(&second, &waveforms);
        assert_eq!(
            (found.states, found.per_frame, found.clip),
            (expected.states, expected.per_frame, expected.clip)
        );
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<StatesConfig>(&text).unwrap(), config);
        assert!(second.load(&NamedTensors::new()).is_err());
    }
}

/// Extraction needs no head, and does not depend on which classes there were.
#[test]
fn states_are_independent_of_heads() {
    let _turn = turn();
    for config in networks() {
        let waveforms = waveforms(2, SAMPLES, 1);
        let network = build(&config, 1);
        let expected = evaluated(&network, &waveforms).states;
        let (states, frames) = network.states(&waveforms, &[SAMPLES; 2]).unwrap();
        assert_eq!((&states, &frames), (&expected, &vec![network.frames(SAMPLES) as i64; 2]));
        assert!(!states.requires_grad());
        let others = StatesConfig { head_width: 5, lstm_hidden: 3, ..config };
        let others = StatesNetwork::new(&others, 7, 1, Device::Cpu).unwrap();
        assert_eq!(others.states(&waveforms, &[SAMPLES; 2]).unwrap().0, expected);
    }
}

#[test]
fn training_masks_and_evaluation_does_not() {
    let _turn = turn();
    let waveforms = waveforms(2, SAMPLES, 1);
    for config in [wav2vec(), wav2vec2()] {
        let network = build(&config, 1);
        let _guard = tch::no_grad_guard();
        let states = |seed, train| {
            tch::manual_seed(seed);
            network.forward_t(&waveforms, &[SAMPLES; 2], train).unwrap().states
        };
        assert_eq!(states(1, false), states(2, false));
        assert_eq!(states(1, true), states(1, true));
        assert!(distance(&states(1, true), &states(2, true)) > 1e-3);
        assert!(distance(&states(1, true), &states(1, false)) > 1e-3);
    }
    let mut config = wav2vec();
    if let TrunkConfig::Wav2Vec(trunk) = &mut config.trunk {
        trunk.mask_frames.share = 0.0;
        trunk.mask_features.share = 0.0;
    }
    let network = build(&config, 1);
    let trained = network.forward_t(&waveforms, &[SAMPLES; 2], true).unwrap().states;
    assert_eq!(trained, network.states(&waveforms, &[SAMPLES; 2]).unwrap().0);
}

/// Norms over whole rows would take padding for sound. A clip gives in a batch of equal lengths what it gives alone.
#[test]
fn padding_is_refused_where_it_would_do_harm() {
    let _turn = turn();
    let waveforms = waveforms(2, SAMPLES, 1);
    let network = build(&wav2vec(), 1);
    let error = network.forward_t(&waveforms, &[SAMPLES, 700], false).unwrap_err();
    assert_eq!(error, InputError::Padded { clip: 1, length: 700, samples: SAMPLES }.into());
    assert!(error.to_string().ends_with("Crop all clips to one length, or give them one by one"), "{error}");
    let alone = evaluated(&network, &waveforms.narrow(0, 1, 1));
    let together = evaluated(&network, &waveforms);
    assert!(distance(&alone.clip.get(0), &together.clip.get(1)) < 1e-5);

    // wav2vec 2.0 tells padding from sound, and so does the LSTM that reads both ways.
    let network = build(&wav2vec2(), 1);
    let (short, _guard) = (700, tch::no_grad_guard());
    let together = network.forward_t(&waveforms, &[SAMPLES, short], false).unwrap();
    let alone = evaluated(&network, &waveforms.narrow(0, 1, 1).narrow(1, 0, short as i64));
    assert_eq!(together.frames, [network.frames(SAMPLES) as i64, network.frames(short) as i64]);
    assert!(distance(&alone.clip.get(0), &together.clip.get(1)) < 1e-5);
    let frames = network.frames(short) as i64;
    let own = together.states.get(1).narrow(0, 0, frames);
    assert!(distance(&alone.states.get(0), &own) < 1e-5);
}

#[test]
fn an_encoder_is_taken_over_from_a_checkpoint() {
    let _turn = turn();
    let store = nn::VarStore::new(Device::Cpu);
    let _ = Wav2Vec::new(&Vars::new(&store, 9), &small_wav2vec()).unwrap();
    let checkpoint: NamedTensors = store.variables().into_iter().collect();
    let mut network = build(&wav2vec(), 1);
    let accounting = network.load_encoder(&checkpoint).unwrap();
    assert_eq!(accounting, Accounting { loaded: checkpoint.len(), unexpected: vec![] });
    let weights = network.weights();
    assert!(checkpoint.iter().all(|(name, tensor)| weights[&format!("wav2vec.{name}")] == *tensor));

    let store = nn::VarStore::new(Device::Cpu);
    let _ = Wav2Vec2::new(&Vars::new(&store, 9), &post_norm()).unwrap();
    let mut other: NamedTensors = store.variables().into_iter().collect();
    let error = network.load_encoder(&other).unwrap_err().to_string();
    assert!(error.contains("`feature_aggregator.conv_layers.0.1.bias` is missing"), "{error}");
    assert_eq!(network.weights(), weights);
    other.insert("quantizer.codevectors".into(), Tensor::zeros([1], (Kind::Float, Device::Cpu)));
    let accounting = build(&wav2vec2(), 1).load_encoder(&other).unwrap();
    assert_eq!(
        accounting,
        Accounting { loaded: other.len() - 1, unexpected: vec!["quantizer.codevectors".into()] }
    );
}

#[test]
fn what_cannot_be_built_is_refused() {
    let told = |config: StatesConfig, classes| {
        StatesNetwork::new(&config, classes, 1, Device::Cpu).unwrap_err().to_string()
    };
    let with = |change: fn(&mut Wav2VecTrunk)| {
        let mut trunk = Wav2VecTrunk { encoder: small_wav2vec(), ..Wav2VecTrunk::default() };
        change(&mut trunk);
        StatesConfig { trunk: TrunkConfig::Wav2Vec(trunk), ..wav2vec() }
    };
    assert_eq!(told(wav2vec(), 0), BuildError::Outputs.to_string());
    for (config, expected) in [
        (
            StatesConfig { head_width: 0, ..wav2vec() },
            "`head_width` is 0, or an empty list: expected at least 1",
        ),
        (
            StatesConfig { lstm_hidden: 0, ..wav2vec() },
            "`lstm_hidden` is 0, or an empty list: expected at least 1",
        ),
        (with(|trunk| trunk.stride = 0), "`stride` is 0, or an empty list: expected at least 1"),
        (
            with(|trunk| trunk.mask_frames.share = 1.0),
            "the encoder: `mask_frames` is 1: expected a share, at least 0 and less than 1",
        ),
        (
            with(|trunk| trunk.mask_features.length = 0),
            "the encoder: `mask_features` is 0: expected between 1 and 1048576",
        ),
        (
            with(|trunk| trunk.encoder.conv_aggregator_layers.clear()),
            "the encoder: `conv_aggregator_layers` lists no layer: expected at least one",
        ),
    ] {
        assert_eq!(told(config, 3), expected);
    }
    let error = build(&wav2vec(), 1).forward_t(&waveforms(1, 900, 1), &[900, 900], false).unwrap_err();
    assert_eq!(error, ForwardError::Waveforms(InputError::Lengths { lengths: 2, clips: 1 }));
}
