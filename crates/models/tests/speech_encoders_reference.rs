//! Encoders of speech against their references: all hidden states, the last one, every gradient; and each clip of a padded batch
//! against itself alone. The goldens' scripts stand beside them.

mod formula;
mod golden_parameters;

use std::collections::BTreeMap;

use affekt_models::{Encoded, SpeechEncoder, speech_encoder};
use affekt_spec::encoder::SpeechConfig;
use affekt_spec::network::Padding;
use affekt_torch::init::Vars;
use serde::Deserialize;
use serde_json::{Map, Value};
use tch::{Device, Kind, Tensor, nn};

use crate::formula::{Sketch, noise};
use crate::golden_parameters::Parameters;

/// Absolute, of numbers about as large as 1.
const TOLERANCE: f64 = 1e-5;

#[derive(Deserialize)]
struct Golden {
    case: String,
    config: Map<String, Value>,
    samples: i64,
    lengths: Vec<usize>,
    frames: Vec<i64>,
    hidden_states: Vec<Numbers>,
    last: Numbers,
    /// Shapes under the names of the reference.
    parameters: BTreeMap<String, Vec<i64>>,
    gradients: BTreeMap<String, Sketch>,
}

#[derive(Deserialize)]
struct Numbers {
    shape: Vec<i64>,
    values: Vec<f32>,
}

#[test]
fn relatives_of_wav2vec2() {
    equal_their_reference("relatives.json");
}

#[test]
fn whisper() {
    equal_their_reference("whisper.json");
}

#[expect(clippy::print_stdout, reason = "how near they are")]
fn equal_their_reference(file: &str) {
    affekt_torch::device::set_threads(1); // tests run side by side already
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/speech_encoders/");
    let text = std::fs::read(format!("{folder}{file}")).unwrap();
    let goldens: Vec<Golden> = serde_json::from_slice(&text).unwrap();
    assert!(goldens.len() >= 2, "{file}");
    for golden in goldens {
        let case = &golden.case;
        let config = SpeechConfig::of(&SpeechConfig::known_fields(&golden.config).unwrap()).unwrap();
        let store = nn::VarStore::new(Device::Cpu);
        let mut encoder = speech_encoder(&Vars::new(&store, 0), &config).unwrap();
        let parameters = Parameters::of(&store, &golden.parameters);
        let waveforms = noise("input", &[2, golden.samples]).to_kind(Kind::Float);

        let encoded = encoder.forward_t(&waveforms, &golden.lengths, Padding::Reference, false).unwrap();
        assert_eq!(encoded.frames, golden.frames, "{case}");
        assert_eq!(config.frames(golden.lengths[1]) as i64, golden.frames[1], "{case}");
        assert_eq!(encoded.states.len(), golden.hidden_states.len(), "{case}");
        assert_eq!(encoded.states.len(), config.layers() + 1, "{case}");
        let states = encoded.states.iter().zip(&golden.hidden_states).enumerate();
        let mut greatest = close(&format!("{case}: last"), &encoded.last, &golden.last, &golden.frames);
        for (i, (ours, theirs)) in states {
            greatest = greatest.max(close(&format!("{case}: state {i}"), ours, theirs, &golden.frames));
        }

        loss(&encoded).backward();
        let gradients = parameters.gradients_are(case, &golden.gradients);
        println!("{case}: states within {greatest:.1e}, gradients within {gradients:.1e}");

        alone_as_in_a_batch(case, encoder.as_ref(), &waveforms, &golden.lengths);
        recomputed_gradients_are_the_same(case, encoder.as_mut(), &waveforms, &golden.lengths, &parameters);
    }
}

/// The loss of the scripts, over the clips' own frames.
fn loss(encoded: &Encoded) -> Tensor {
    let weighted = &encoded.last * noise("loss", &encoded.last.size()).to_kind(Kind::Float);
    let own = (0_i64..).zip(&encoded.frames).map(|(row, count)| weighted.get(row).narrow(0, 0, *count));
    own.map(|clip| clip.sum(Kind::Float)).reduce(|a, b| a + b).unwrap()
}

fn alone_as_in_a_batch(case: &str, encoder: &dyn SpeechEncoder, waveforms: &Tensor, lengths: &[usize]) {
    let _guard = tch::no_grad_guard();
    let batch = encoder.forward_t(waveforms, lengths, Padding::Ignored, false).unwrap();
    for (row, &length) in lengths.iter().enumerate() {
        let clip = waveforms.narrow(0, row as i64, 1).narrow(1, 0, length as i64);
        let alone = encoder.forward_t(&clip, &[length], Padding::Ignored, false).unwrap();
        for (i, (of_batch, alone)) in batch.states.iter().zip(&alone.states).enumerate() {
            let frames = batch.frames[row];
            let (of_batch, alone) =
                (of_batch.get(row as i64).narrow(0, 0, frames), alone.get(0).narrow(0, 0, frames));
            let error = (of_batch - alone).abs().max().double_value(&[]);
            assert!(error <= TOLERANCE, "{case}: clip {row} alone, state {i}: {error:e}");
        }
    }
}

fn recomputed_gradients_are_the_same(
    case: &str,
    encoder: &mut dyn SpeechEncoder,
    waveforms: &Tensor,
    lengths: &[usize],
    parameters: &Parameters,
) {
    let mut gradients = |checkpointed| -> BTreeMap<String, Tensor> {
        parameters.ours.values().for_each(|tensor| tensor.shallow_clone().zero_grad());
        encoder.checkpoint_gradients(checkpointed);
        loss(&encoder.forward_t(waveforms, lengths, Padding::Ignored, false).unwrap()).backward();
        let own = parameters.ours.iter().filter(|(_, tensor)| tensor.grad().defined());
        own.map(|(name, tensor)| (name.clone(), tensor.grad().copy())).collect()
    };
    let (kept, recomputed) = (gradients(false), gradients(true));
    assert!(!kept.is_empty(), "{case}");
    for (name, kept) in kept {
        let error = (&kept - &recomputed[&name]).norm().double_value(&[]);
        let norm = kept.norm().double_value(&[]);
        assert!(error <= 1e-5 * norm + 1e-6, "{case}: recomputed gradient of {name}: {error:e} of {norm:e}");
    }
}

/// Asserts that the clips' own frames are equal; returns the greatest difference.
fn close(what: &str, ours: &Tensor, theirs: &Numbers, frames: &[i64]) -> f64 {
    assert_eq!(ours.size(), theirs.shape, "{what}");
    let theirs = Tensor::from_slice(&theirs.values).view(theirs.shape.as_slice());
    let errors = (ours - theirs).abs();
    let of_clips = (0_i64..).zip(frames).map(|(row, count)| errors.get(row).narrow(0, 0, *count));
    let error = of_clips.map(|errors| errors.max().double_value(&[])).fold(0.0, f64::max);
    assert!(error <= TOLERANCE, "{what}: {error:e}");
    error
}
