//! wav2vec 2.0 against transformers: hidden states, logits, losses and every gradient. The goldens' scripts stand beside
//! them.

mod formula;
mod golden_parameters;

use affekt_models::SpeechEncoder as _;
use std::collections::BTreeMap;

use affekt_models::wav2vec2::{Choice, CtcHead, PretrainingHead, SequenceClassifier, Wav2Vec2};
use affekt_spec::encoder::EncoderConfig;
use affekt_spec::network::Padding;
use affekt_spec::training::Diversity;
use affekt_torch::init::Vars;
use affekt_torch::{Adam, AdamConfig};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tch::{Device, Kind, Tensor, nn};

use crate::formula::{Sketch, noise};
use crate::golden_parameters::{Parameters, weight};

const SAMPLES: i64 = 240;
/// Absolute, of numbers about as large as 1.
const TOLERANCE: f64 = 1e-5;
/// Relative to the norm of what training changed.
const CHANGE_TOLERANCE: f64 = 1e-3;

#[derive(Deserialize)]
struct Golden {
    case: String,
    config: EncoderConfig,
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
    for golden in goldens::<Golden>("wav2vec2.json") {
        let case = &golden.case;
        let store = nn::VarStore::new(Device::Cpu);
        let vars = Vars::new(&store, 0);
        let encoder = Wav2Vec2::new(&vars, &golden.config).unwrap();
        let ctc = CtcHead::new(&vars, &golden.config).unwrap();
        let classifier = SequenceClassifier::new(&vars, &golden.config, /* projector */ true, 3).unwrap();
        let parameters = Parameters::of(&store, &golden.parameters);

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
        parameters.gradients_are(case, &golden.gradients);
    }
}

#[derive(Deserialize)]
struct PretrainingGolden {
    case: String,
    config: EncoderConfig,
    lengths: Option<Vec<usize>>,
    /// That of Gumbel softmax; none where the likeliest codewords are chosen.
    temperature: Option<f64>,
    masked: Vec<Vec<bool>>,
    /// Frames of the clip.
    negatives: Vec<Vec<Vec<i64>>>,
    loss: f64,
    contrastive_loss: f64,
    diversity_loss: f64,
    perplexity: f64,
    parameters: BTreeMap<String, Vec<i64>>,
    gradients: BTreeMap<String, Sketch>,
}

/// In transformers 5.17 and 4.10.0, which counts the diversity term otherwise and hears padding: `tapt.json` has negatives from whole
/// rows.
#[test]
fn pretraining() {
    goldens("pretraining.json")
        .into_iter()
        .for_each(|golden| pretraining_is(golden, Diversity::PerMaskedFrame, TOLERANCE));
    // Codewords are used so evenly that the 1e-7 in transformers' logarithm counts in what little the term has left.
    goldens("tapt.json").into_iter().for_each(|golden| pretraining_is(golden, Diversity::PerBatch, 1e-4));
}

/// The golden of one way to count the diversity term is not that of the other.
#[test]
fn the_diversity_term_counts_once_or_for_every_masked_frame() {
    for golden in goldens::<PretrainingGolden>("tapt.json") {
        let masked = golden.masked.concat().into_iter().filter(|masked| *masked).count() as f64;
        let weight = golden.config.diversity_loss_weight;
        let other = golden.contrastive_loss + weight * golden.diversity_loss * masked;
        assert!((other / golden.loss - 1.0).abs() > 100.0 * TOLERANCE, "{other} {}", golden.loss);
        // And negatives from whole rows are not masked ones alone.
        let is_masked = |clip: usize, frame: i64| golden.masked[clip][frame as usize];
        let outside = golden.negatives.iter().enumerate().flat_map(|(clip, of_clip)| {
            of_clip.concat().into_iter().filter(move |frame| !is_masked(clip, *frame))
        });
        assert!(outside.count() > 20);
    }
}

fn pretraining_is(golden: PretrainingGolden, diversity: Diversity, tolerance: f64) {
    let (case, config) = (&golden.case, &golden.config);
    let store = nn::VarStore::new(Device::Cpu);
    let vars = Vars::new(&store, 0);
    let encoder = Wav2Vec2::new(&vars, config).unwrap();
    let head = PretrainingHead::new(&vars, config, diversity).unwrap();
    let parameters = Parameters::of(&store, &golden.parameters);

    let waveforms = noise("input", &[2, SAMPLES]).to_kind(Kind::Float);
    let own = golden.lengths.unwrap_or_else(|| vec![SAMPLES as usize; 2]);
    let waveforms = padded(&waveforms, &own);
    // Where 4.10.0 is given no attention mask, padding is heard.
    let lengths = match diversity {
        Diversity::PerMaskedFrame => own,
        Diversity::PerBatch => vec![SAMPLES as usize; 2],
    };
    let masked = golden.masked.concat();
    let masked = Tensor::from_slice(&masked).view([2, -1]);
    let negatives = Tensor::from_slice(&golden.negatives.concat().concat());
    let negatives = negatives.view([2, masked.size()[1], -1]);
    let gumbel = head.gumbel_noise(2, masked.size()[1], Device::Cpu).size();
    let gumbel = -2.0 * noise("gumbel", &gumbel).to_kind(Kind::Float);
    let choice = match golden.temperature {
        None => Choice::Likeliest,
        Some(temperature) => Choice::Gumbel { temperature, noise: &gumbel },
    };
    let train = golden.temperature.is_some();
    let encoded = encoder.forward_masked_t(&waveforms, &lengths, Padding::Reference, &masked, train).unwrap();
    let found = head.forward_t(&encoded, &masked, &negatives, choice, train);
    for (what, ours, theirs) in [
        ("contrastive loss", &found.contrastive, golden.contrastive_loss),
        ("diversity loss", &found.diversity, golden.diversity_loss),
        ("perplexity", &found.perplexity, golden.perplexity),
        ("loss", &found.loss, golden.loss),
    ] {
        let error = (ours.double_value(&[]) - theirs).abs() / theirs;
        assert!(error <= tolerance, "{case}: {what}: {error:e}");
    }
    found.loss.backward();
    parameters.gradients_are(case, &golden.gradients);
}

#[derive(Deserialize)]
struct TuningGolden {
    case: String,
    config: EncoderConfig,
    learning_rate: f64,
    /// Before each step.
    losses: Vec<f64>,
    parameters: BTreeMap<String, Vec<i64>>,
    /// What all steps together added to each parameter.
    changes: BTreeMap<String, Sketch>,
}

#[test]
fn twenty_steps_of_fine_tuning() {
    for golden in goldens::<TuningGolden>("tuning.json") {
        let (case, config) = (&golden.case, &golden.config);
        let store = nn::VarStore::new(Device::Cpu);
        let vars = Vars::new(&store, 0);
        let encoder = Wav2Vec2::new(&vars, config).unwrap();
        let classifier = SequenceClassifier::new(&vars, config, /* projector */ true, 3).unwrap();
        let parameters = Parameters::of(&store, &golden.parameters);
        let adam = AdamConfig { learning_rate: golden.learning_rate, ..AdamConfig::default() };
        let mut optimiser = Adam::new(store.variables().into_iter().collect(), adam);

        let waveforms = noise("input", &[4, SAMPLES]).to_kind(Kind::Float);
        let targets = Tensor::from_slice(&[2_i64, 0, 1, 0]);
        for (step, theirs) in golden.losses.iter().enumerate() {
            let encoded =
                encoder.forward_t(&waveforms, &[SAMPLES as usize; 4], Padding::Ignored, true).unwrap();
            let loss = classifier.forward(&encoded.last, &encoded.frames).cross_entropy_for_logits(&targets);
            let error = (loss.double_value(&[]) - theirs).abs() / theirs;
            assert!(error <= TOLERANCE, "{case}: loss before step {step}: {error:e}");
            loss.backward();
            optimiser.step().unwrap();
        }
        for (ours, name) in &parameters.names {
            let Some(theirs) = golden.changes.get(name) else {
                // A bias of all keys has rounding for a gradient, of which Adam makes steps of full size; masks are off.
                assert!(ours.ends_with("k_proj.bias") || ours == "masked_spec_embed", "{ours}");
                continue;
            };
            let after = &parameters.ours[ours];
            let after = after.detach().to_kind(Kind::Double);
            let change = &after - weight(ours, &after.size());
            // Each step rounds the parameter to f32; such errors add up like the steps of a random walk.
            let rounding =
                (golden.losses.len() as f64).sqrt() * 2_f64.powi(-24) * Sketch::of(ours, &after).norm;
            let error = (Sketch::of(ours, &change).distance(theirs) - rounding) / theirs.norm;
            assert!(error <= CHANGE_TOLERANCE, "{case}: change of {ours}: {error:e}");
        }
    }
}

/// Waveforms with zeros behind the clips of these lengths.
fn padded(waveforms: &Tensor, lengths: &[usize]) -> Tensor {
    let rows: Vec<Tensor> = (0_i64..)
        .zip(lengths)
        .map(|(row, &length)| {
            let clip = waveforms.get(row).narrow(0, 0, length as i64);
            clip.constant_pad_nd([0, SAMPLES - length as i64])
        })
        .collect();
    Tensor::stack(&rows, 0)
}

fn goldens<T: DeserializeOwned>(file: &str) -> Vec<T> {
    affekt_torch::device::set_threads(1); // tests run side by side already
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/wav2vec2/");
    let goldens: Vec<T> = serde_json::from_slice(&std::fs::read(format!("{folder}{file}")).unwrap()).unwrap();
    assert!(goldens.len() >= 2, "{file}");
    goldens
}

fn close(what: &str, ours: &Tensor, theirs: &Numbers) {
    assert_eq!(ours.size(), theirs.shape, "{what}");
    let theirs = Tensor::from_slice(&theirs.values).view(theirs.shape.as_slice());
    let error = (ours - theirs).abs().max().double_value(&[]);
    assert!(error <= TOLERANCE, "{what}: {error:e}");
}
