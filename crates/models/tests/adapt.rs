//! What is trained of an encoder in the place of all its weights: LoRA against peft, and what each way leaves as it is.

mod formula;
mod small;

use std::collections::BTreeMap;

use affekt_encoders::{Lora, Weights};
use affekt_models::{InputShape, Inputs, Network};
use affekt_spec::encoder::EncoderConfig;
use affekt_spec::network::{Adapt, FineTunedConfig, LoraTarget, NetworkConfig, Padding};
use affekt_torch::NamedTensors;
use serde::Deserialize;
use tch::{Device, Kind, Tensor};

use crate::formula::{Sketch, noise};
use crate::small::{post_norm, pre_norm};

/// Relative to the norm: of outputs and merged weights in f32, and of gradients to the largest, as in `speech_reference`.
const TOLERANCE: f64 = 1e-5;
const GRADIENT_TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct Golden {
    case: String,
    /// The name that the input is drawn for.
    input: String,
    shape: Vec<i64>,
    lengths: Vec<usize>,
    outputs: Vec<f32>,
    loss: f64,
    gradients: BTreeMap<String, Sketch>,
    /// The weights with what stands beside them.
    merged: BTreeMap<String, Sketch>,
}

const ALL_MAPS: [LoraTarget; 6] = [
    LoraTarget::QProj,
    LoraTarget::KProj,
    LoraTarget::VProj,
    LoraTarget::OutProj,
    LoraTarget::IntermediateDense,
    LoraTarget::OutputDense,
];

fn network(encoder: EncoderConfig, adapt: Option<Adapt>) -> Network {
    affekt_torch::device::set_threads(1); // tests run side by side already
    let config = FineTunedConfig {
        encoder: encoder.into(),
        padding: Padding::Reference,
        adapt,
        ..FineTunedConfig::default()
    };
    Network::new(&NetworkConfig::Wav2Vec2(Box::new(config)), &InputShape::Waveforms, 3, 0, Device::Cpu)
        .unwrap()
}

fn lora(rank: usize, alpha: f64, targets: &[LoraTarget]) -> Adapt {
    Adapt::Lora { rank, alpha, dropout: 0.0, targets: targets.to_vec() }
}

fn clips(name: &str, samples: i64, lengths: &[usize]) -> Inputs {
    let xs = noise(name, &[lengths.len() as i64, samples]).to_kind(Kind::Float);
    for (row, &length) in lengths.iter().enumerate() {
        let _ = xs.get(row as i64).narrow(0, length as i64, samples - length as i64).zero_();
    }
    Inputs::waveforms(xs, lengths.to_vec())
}

/// As in `speech_reference`.
fn weights_by_formula(network: &Network) -> NamedTensors {
    let weight = |(name, tensor): (String, Tensor)| {
        let shape = tensor.size();
        let noise = noise(&name, &shape);
        let values = if name.ends_with("weight_g") || (shape.len() == 1 && name.ends_with("weight")) {
            noise / 2.0 + 1.0
        } else if shape.len() > 1 {
            noise * 2.0 / (shape[1..].iter().product::<i64>() as f64).sqrt()
        } else {
            noise / 4.0
        };
        (name, values.to_kind(Kind::Float))
    };
    network.weights().into_iter().map(weight).collect()
}

#[test]
fn lora_is_that_of_peft() {
    let path = format!("{}/../../tests/goldens/models/lora.json", env!("CARGO_MANIFEST_DIR"));
    let goldens: Vec<Golden> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(goldens.len(), 2);
    for golden in goldens {
        let case = &golden.case;
        let (rank, alpha, encoder, targets) = match case.as_str() {
            "LoRA, post-norm" => (3, 5.0, post_norm(), &[LoraTarget::QProj, LoraTarget::VProj][..]),
            _ => (2, 8.0, pre_norm(), &ALL_MAPS[..]),
        };
        let mut network = network(encoder, Some(lora(rank, alpha, targets)));
        network.load(&weights_by_formula(&network)).unwrap();
        let outputs =
            network.forward_t(&clips(&golden.input, golden.shape[0], &golden.lengths), false).unwrap();
        let theirs = Tensor::from_slice(&golden.outputs);
        let error =
            (outputs.flatten(0, -1) - &theirs).norm().double_value(&[]) / theirs.norm().double_value(&[]);
        assert!(error <= TOLERANCE, "{case}: outputs: {error:e}");
        let loss = outputs.cross_entropy_for_logits(&Tensor::from_slice(&[2_i64, 0, 1]));
        loss.backward();
        let loss = loss.double_value(&[]);
        assert!((loss - golden.loss).abs() <= TOLERANCE * golden.loss, "{case}: loss {loss}");
        let trainable = network.trainable();
        assert!(trainable.keys().eq(golden.gradients.keys()), "{case}: {:?}", trainable.keys());
        let scale = golden.gradients.values().map(|sketch| sketch.norm).fold(0.0, f64::max);
        for (name, theirs) in &golden.gradients {
            let error = Sketch::of(name, &trainable[name].grad()).distance(theirs) / scale;
            assert!(error <= GRADIENT_TOLERANCE, "{case}: gradient of {name}: {error:e}");
        }

        let weights = |tensor: &Tensor| {
            let shape: Vec<usize> = tensor.size().into_iter().map(|side| side as usize).collect();
            Weights::from_values(&shape, &Vec::<f32>::try_from(tensor.flatten(0, -1)).unwrap())
        };
        let mut tensors: BTreeMap<_, _> =
            network.weights().into_iter().map(|(name, tensor)| (name, weights(&tensor))).collect();
        let factors = Lora { rank, alpha, dropout: 0.0 }.merge(&mut tensors);
        assert_eq!(factors.len(), 2 * golden.merged.len());
        for (name, theirs) in &golden.merged {
            let ours = Tensor::from_slice(&tensors[name].values());
            let error = Sketch::of(name, &ours).distance(theirs) / theirs.norm;
            assert!(error <= TOLERANCE, "{case}: merged {name}: {error:e}");
        }
    }
}

fn ways() -> [(Adapt, usize); 4] {
    let (width, units, layers) = (16, 24, 3);
    let lora_maps = 4 * (2 * width) + 2 * (width + units);
    let biases_of_layer = 4 * width + units + width + 2 * width;
    let layer = 4 * width * width + 2 * width * units + biases_of_layer + 2 * width;
    [
        (lora(2, 4.0, &ALL_MAPS), layers * 2 * lora_maps),
        (Adapt::Bottleneck { width: 5 }, layers * 2 * (2 * width * 5 + 5 + width)),
        (Adapt::Biases, layers * biases_of_layer),
        (Adapt::TopLayers { layers: 2 }, 2 * layer),
    ]
}

/// At first each computes what the encoder alone does, from the same checkpoint, and trains what it says.
#[test]
fn each_begins_as_the_encoder_and_trains_its_part() {
    let inputs = clips("adapt", 240, &[240, 170]);
    let plain = network(post_norm(), None);
    let head = 16 * 3 + 3;
    for (adapt, count) in ways() {
        let mut adapted = network(post_norm(), Some(adapt.clone()));
        adapted.load_encoder(&plain.weights()).unwrap();
        let outputs = |network: &Network| network.forward_t(&inputs, false).unwrap();
        assert_eq!(outputs(&adapted), outputs(&plain), "{adapt:?}");
        assert_eq!(adapted.parameter_counts().trainable, count + head, "{adapt:?}");
    }
}

/// Computing layers again in the backward pass gives the same gradients, though nothing below them is trained.
#[test]
fn gradient_checkpointing_changes_nothing() {
    let inputs = clips("adapt", 240, &[240, 170]);
    for (adapt, _) in ways() {
        let gradients = |checkpointed: bool| -> Vec<Tensor> {
            let mut network = network(pre_norm(), Some(adapt.clone()));
            network.load(&weights_by_formula(&network)).unwrap();
            if checkpointed {
                assert!(network.checkpoint_gradients());
            }
            tch::manual_seed(1);
            network.forward_t(&inputs, true).unwrap().square().sum(Kind::Float).backward();
            network.trainable().values().map(Tensor::grad).collect()
        };
        for (again, kept) in gradients(true).iter().zip(&gradients(false)) {
            assert!(again.defined() && again.allclose(kept, 1e-5, 1e-6, false), "{adapt:?}");
        }
    }
}
