//! wav2vec 2.0 against transformers: hidden states, logits, loss and every gradient. The goldens' script stands beside
//! them.

mod formula;

use std::collections::BTreeMap;

use affekt_models::wav2vec2::{CtcHead, Padding, SequenceClassifier, Wav2Vec2, Wav2Vec2Config, map_names};
use affekt_torch::init::Vars;
use serde::Deserialize;
use tch::{Device, Kind, Tensor, nn};

use crate::formula::{Sketch, noise};

const SAMPLES: i64 = 240;
/// Absolute, of numbers about as large as 1.
const TOLERANCE: f64 = 1e-5;
/// Relative to a gradient's norm.
const GRADIENT_TOLERANCE: f64 = 1e-3;

#[derive(Deserialize)]
struct Golden {
    case: String,
    config: Wav2Vec2Config,
    lengths: Option<Vec<usize>>,
    frames: Vec<i64>,
    hidden_states: Vec<Numbers>,
    last_hidden_state: Numbers,
    ctc_logits: Numbers,
    class_logits: Numbers,
    loss: f64,
    /// Shapes under the names of transformers.
    parameters: BTreeMap<String, Vec<i64>>,
    gradients: BTreeMap<String, Sketch>,
}

#[derive(Deserialize)]
struct Numbers {
    shape: Vec<i64>,
    values: Vec<f32>,
}

#[test]
fn both_architectures() {
    affekt_torch::device::set_threads(1); // tests run side by side already
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/wav2vec2/wav2vec2.json");
    let goldens: Vec<Golden> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(goldens.len(), 3);
    for golden in goldens {
        let case = &golden.case;
        let store = nn::VarStore::new(Device::Cpu);
        let vars = Vars::new(&store, 0);
        let encoder = Wav2Vec2::new(&vars, &golden.config).unwrap();
        let ctc = CtcHead::new(&vars, &golden.config).unwrap();
        let classifier = SequenceClassifier::new(&vars, &golden.config, /* projector */ true, 3).unwrap();
        let parameters: BTreeMap<_, _> = store.variables().into_iter().collect();
        for (name, tensor) in &parameters {
            tch::no_grad(|| tensor.shallow_clone().copy_(&weight(name, &tensor.size())));
        }
        let shapes = parameters.iter().map(|(name, tensor)| (name.clone(), tensor.size())).collect();
        let map = map_names(&golden.parameters, &shapes);
        assert!(map.missing.is_empty() && map.unexpected.is_empty() && map.mis_shaped.is_empty(), "{map:?}");

        let waveforms = noise("input", &[2, SAMPLES]).to_kind(Kind::Float);
        let lengths = golden.lengths.clone().unwrap_or_else(|| vec![SAMPLES as usize; 2]);
        let encoded = encoder.forward_t(&waveforms, &lengths, Padding::Reference, false).unwrap();
        assert_eq!(encoded.frames, golden.frames);
        assert_eq!(encoded.states.len(), golden.hidden_states.len());
        for (i, (ours, theirs)) in encoded.states.iter().zip(&golden.hidden_states).enumerate() {
            close(&format!("{case}: state {i}"), ours, theirs);
        }
        close(&format!("{case}: last state"), &encoded.last, &golden.last_hidden_state);
        let characters = ctc.forward_t(&encoded, false);
        close(&format!("{case}: CTC"), &characters, &golden.ctc_logits);
        let classes = classifier.forward(&encoded.last, &encoded.frames);
        close(&format!("{case}: classes"), &classes, &golden.class_logits);

        let spoken: Vec<_> =
            (0_i64..).zip(&golden.frames).map(|(i, n)| characters.get(i).narrow(0, 0, *n)).collect();
        let loss = classes.cross_entropy_for_logits(&Tensor::from_slice(&[2_i64, 0]))
            + Tensor::cat(&spoken, 0).square().mean(Kind::Float);
        let error = (loss.double_value(&[]) - golden.loss).abs();
        assert!(error <= TOLERANCE * golden.loss, "{case}: loss {error:e}");

        loss.backward();
        let scale = golden.gradients.values().map(|sketch| sketch.norm).fold(0.0, f64::max);
        for (ours, theirs) in &map.tensors {
            let gradient = parameters[ours].grad();
            let Some(theirs) = golden.gradients.get(theirs) else {
                assert_eq!(ours, "masked_spec_embed"); // used in training alone
                assert!(!gradient.defined());
                continue;
            };
            // A bias of all keys adds the same to all scores of a frame: its gradient is 0 but for rounding.
            let scale = if ours.ends_with("k_proj.bias") { scale } else { theirs.norm };
            let error = Sketch::of(ours, &gradient).distance(theirs) / scale;
            assert!(error <= GRADIENT_TOLERANCE, "{case}: gradient of {ours}: {error:e}");
        }
    }
}

fn close(what: &str, ours: &Tensor, theirs: &Numbers) {
    assert_eq!(ours.size(), theirs.shape, "{what}");
    let theirs = Tensor::from_slice(&theirs.values).view(theirs.shape.as_slice());
    let error = (ours - theirs).abs().max().double_value(&[]);
    assert!(error <= TOLERANCE, "{what}: {error:e}");
}

fn weight(name: &str, shape: &[i64]) -> Tensor {
    let noise = noise(name, shape);
    let values = if name.ends_with("weight_g") || (shape.len() == 1 && name.ends_with("weight")) {
        noise / 2.0 + 1.0
    } else if shape.len() > 1 {
        noise / (shape[1..].iter().product::<i64>() as f64).sqrt()
    } else {
        noise / 4.0
    };
    values.to_kind(Kind::Float)
}
