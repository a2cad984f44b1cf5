//! wav2vec against fairseq, and the network of states against fairseq's encoder and PyTorch's layers: what each part gives, losses
//! and every gradient. The goldens' script stands beside them.

mod formula;

use std::collections::BTreeMap;

use affekt_models::states::{StatesConfig, StatesNetwork};
use affekt_models::wav2vec::Wav2Vec;
use affekt_spec::encoder::Wav2VecConfig;
use affekt_torch::NamedTensors;
use affekt_torch::init::Vars;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tch::{Device, Kind, Tensor, nn};

use crate::formula::{Sketch, noise};

const SAMPLES: i64 = 600;
/// Absolute, of numbers about as large as 1.
const TOLERANCE: f64 = 1e-5;
/// Relative to a gradient's norm.
const GRADIENT_TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct Numbers {
    shape: Vec<i64>,
    values: Vec<f32>,
}

#[derive(Deserialize)]
struct Outcome {
    loss: f64,
    parameters: BTreeMap<String, Vec<i64>>,
    gradients: BTreeMap<String, Sketch>,
}

#[derive(Deserialize)]
struct Golden {
    case: String,
    config: Wav2VecConfig,
    features: Numbers,
    context: Numbers,
    #[serde(flatten)]
    outcome: Outcome,
}

#[test]
fn features_context_and_gradients() {
    let goldens: Vec<Golden> = golden("wav2vec.json");
    assert_eq!(goldens.len(), 3);
    for Golden { case, config, features, context, outcome } in goldens {
        let store = nn::VarStore::new(Device::Cpu);
        let network = Wav2Vec::new(&Vars::new(&store, 0), &config).unwrap();
        let parameters = store.variables().into_iter().collect();
        fill(&case, &parameters, &outcome);

        let waveforms = noise("input", &[2, SAMPLES]).to_kind(Kind::Float);
        let ours = network.features(&waveforms, &[SAMPLES as usize; 2]).unwrap();
        close(&format!("{case}: features"), &ours, &features);
        assert_eq!(ours.size()[1] as usize, config.frames(SAMPLES as usize));
        let aggregated = network.aggregate(&ours, /* train */ false);
        close(&format!("{case}: context"), &aggregated, &context);
        let loss = ours.square().mean(None) + aggregated.square().mean(None);
        check(&case, &loss, &parameters, &outcome);
    }
}

#[derive(Deserialize)]
struct StatesGolden {
    config: StatesConfig,
    states: Numbers,
    per_frame: Numbers,
    clip: Numbers,
    #[serde(flatten)]
    outcome: Outcome,
}

#[test]
fn states_and_what_heads_say_of_them() {
    let StatesGolden { config, states, per_frame, clip, outcome } = golden("states.json");
    let network = StatesNetwork::new(&config, 3, 0, Device::Cpu).unwrap();
    fill("states", &network.weights(), &outcome);
    let waveforms = noise("input", &[2, SAMPLES]).to_kind(Kind::Float);
    let ours = network.forward_t(&waveforms, &[SAMPLES as usize; 2], /* train */ false).unwrap();
    close("states", &ours.states, &states);
    close("frame head", &ours.per_frame, &per_frame);
    close("clip head", &ours.clip, &clip);
    let targets = Tensor::from_slice(&[2_i64, 0]);
    let of_frames = targets.unsqueeze(1).expand([2, ours.per_frame.size()[1]], false).flatten(0, 1);
    let loss = ours.per_frame.flatten(0, 1).cross_entropy_for_logits(&of_frames)
        + ours.clip.cross_entropy_for_logits(&targets);
    // Of the whole network: what is frozen is in the golden without a gradient.
    let weights = network.weights();
    let trainable = network.trainable();
    let all = weights.into_iter().map(|(name, own)| {
        let tensor = trainable.get(&name).map_or(own, Tensor::shallow_clone);
        (name, tensor)
    });
    check("states", &loss, &all.collect(), &outcome);
}

fn golden<T: DeserializeOwned>(file: &str) -> T {
    affekt_torch::device::set_threads(1); // tests run side by side already
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/wav2vec/");
    serde_json::from_slice(&std::fs::read(format!("{folder}{file}")).unwrap()).unwrap()
}

/// Gives parameters, which must be those of the golden, the golden's weights.
fn fill(case: &str, parameters: &NamedTensors, outcome: &Outcome) {
    let shapes: BTreeMap<_, _> =
        parameters.iter().map(|(name, tensor)| (name.clone(), tensor.size())).collect();
    assert_eq!(shapes, outcome.parameters, "{case}");
    for (name, tensor) in parameters {
        tch::no_grad(|| tensor.shallow_clone().copy_(&weight(name, &tensor.size())));
    }
}

fn check(case: &str, loss: &Tensor, parameters: &NamedTensors, outcome: &Outcome) {
    let error = (loss.double_value(&[]) - outcome.loss).abs() / outcome.loss;
    assert!(error <= TOLERANCE, "{case}: loss {error:e}");
    loss.backward();
    for (name, tensor) in parameters {
        let gradient = tensor.grad();
        match outcome.gradients.get(name) {
            None => assert!(!gradient.defined(), "{case}: {name}"),
            Some(theirs) => {
                let error = Sketch::of(name, &gradient).distance(theirs) / theirs.norm;
                assert!(error <= GRADIENT_TOLERANCE, "{case}: gradient of {name}: {error:e}");
            }
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
    let values = match shape {
        [_] if name.ends_with("weight") => noise / 2.0 + 1.0,
        [_] => noise / 4.0,
        _ => noise / (shape[1..].iter().product::<i64>() as f64).sqrt(),
    };
    values.to_kind(Kind::Float)
}
