//! Frozen encoders: what they give, and what they take from checkpoints.

mod small;
mod turn;

use affekt_models::SpeechEncoder as _;
use affekt_models::wav2vec2::{CtcHead, Wav2Vec2};
use affekt_models::{Embedder, Embedding};
use affekt_spec::encoder::EncoderConfig;
use affekt_spec::network::Padding;
use affekt_torch::NamedTensors;
use affekt_torch::init::Vars;
use tch::{Device, Kind, Tensor, nn};

use crate::turn::turn;

const LENGTH: usize = 400;

/// Group norm would be deaf to volume by itself.
fn config() -> EncoderConfig {
    EncoderConfig { vocab_size: 7, ..small::pre_norm() }
}

/// Waveforms far from mean 0 and variance 1.
fn waveforms() -> Tensor {
    let _turn = turn();
    tch::manual_seed(3);
    Tensor::rand([2, LENGTH as i64], (Kind::Float, Device::Cpu)) * 0.1 + 0.2
}

fn embedder(embedding: Embedding, normalise: bool) -> Embedder {
    Embedder::new(&config().into(), embedding, normalise, 5, Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.flatten(0, -1)).unwrap()
}

#[test]
fn logits_and_layers_are_those_of_the_whole_encoder() {
    let store = nn::VarStore::new(Device::Cpu);
    let vars = Vars::new(&store, 11);
    let encoder = Wav2Vec2::new(&vars, &config()).unwrap();
    let head = CtcHead::new(&vars, &config()).unwrap();
    let waveforms = waveforms();
    let encoded =
        tch::no_grad(|| encoder.forward_t(&waveforms, &[LENGTH; 2], Padding::Ignored, false)).unwrap();
    let checkpoint: NamedTensors = store
        .variables()
        .into_iter()
        .map(|(name, tensor)| {
            (format!("wav2vec2.{name}").replace("wav2vec2.lm_head", "lm_head"), tensor.detach())
        })
        .collect();
    for (embedding, expected) in [
        (Embedding::CtcLogits, head.forward_t(&encoded, false)),
        (Embedding::LastLayer, encoded.last.shallow_clone()),
        (Embedding::Layer(0), encoded.states[0].shallow_clone()),
        (Embedding::Layer(2), encoded.states[2].shallow_clone()),
    ] {
        let mut embedder = embedder(embedding, false);
        let accounting = embedder.load(&checkpoint).unwrap();
        let (found, frames) = embedder.embed(&waveforms, &[LENGTH; 2]).unwrap();
        assert_eq!(values(&found), values(&expected), "{embedding:?}");
        assert_eq!(frames, encoded.frames);
        // What is not loaded is the head, where it is not asked for, and the layers above.
        let is_unneeded = |name: &String| name.starts_with("lm_head.") || name.contains(".layers.");
        assert!(accounting.unexpected.iter().all(is_unneeded), "{:?}", accounting.unexpected);
        assert_eq!(embedding == Embedding::CtcLogits, accounting.unexpected.is_empty());
    }
}

#[test]
fn normalised_waveforms_sound_the_same_at_any_volume() {
    let quiet = waveforms();
    let embed = |normalise: bool, waveforms: &Tensor| {
        values(&embedder(Embedding::LastLayer, normalise).embed(waveforms, &[LENGTH; 2]).unwrap().0)
    };
    let largest = |a: Vec<f32>, b: Vec<f32>| a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let loud = &quiet * 3.0 + 1.0;
    assert!(largest(embed(true, &quiet), embed(true, &loud)) < 1e-3);
    assert!(largest(embed(false, &quiet), embed(false, &loud)) > 1e-2);
}

#[test]
fn what_does_not_fit_is_refused() {
    let layer = Embedder::new(&config().into(), Embedding::Layer(4), false, 0, Device::Cpu).unwrap_err();
    assert!(layer.to_string().contains('4'), "{layer}");
    let missing = embedder(Embedding::LastLayer, false).load(&NamedTensors::new()).unwrap_err();
    assert!(missing.to_string().contains("`encoder.layer_norm.weight` is missing"), "{missing}");
}
