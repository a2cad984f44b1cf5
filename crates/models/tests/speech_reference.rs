//! The networks of embeddings, functionals and waveforms against PyTorch and transformers: outputs, loss and every gradient.
//! The goldens' scripts stand beside them.

mod formula;
mod small;

use std::collections::BTreeMap;

use affekt_models::{InputShape, Inputs, Network};
use affekt_spec::network::{
    EmbeddingCnnConfig, EncoderLayer, End2YouConfig, FineTunedConfig, FrameActivation, LstmConfig, MlpConfig,
    MlpNorm, NetworkConfig, OutputActivation, Overrides, Padding, Pooling, PoolingAttention, ProjectorConfig,
};
use affekt_torch::NamedTensors;
use serde::Deserialize;
use tch::{Device, Kind, Tensor};

use crate::formula::{Sketch, noise};
use crate::small::{post_norm, pre_norm};

/// Relative to the norm: of outputs in f32, and of gradients.
const TOLERANCE: f64 = 1e-5;
const GRADIENT_TOLERANCE: f64 = 1e-4;

#[derive(Clone, Deserialize)]
struct Golden {
    case: String,
    /// The name that the input is drawn for.
    input: String,
    shape: Vec<i64>,
    lengths: Option<Vec<usize>>,
    outputs: Vec<f32>,
    loss: f64,
    outputs_in_evaluation: Vec<f32>,
    gradients: BTreeMap<String, Sketch>,
}

#[test]
fn outputs_loss_and_gradients() {
    affekt_torch::device::set_threads(1); // tests run side by side already
    let read = |file: &str| -> Vec<Golden> {
        let path = format!("{}/../../tests/goldens/models/{file}", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let goldens = [read("speech_networks.json"), read("keras_example.json"), read("pooling.json")].concat();
    assert_eq!(goldens.len(), 20);
    for golden in goldens {
        let case = &golden.case;
        let (config, input, train) = network(&golden);
        let mut network = Network::new(&config, &input, 3, 0, Device::Cpu).unwrap();
        network.load(&weights_by_formula(&network)).unwrap();

        let inputs = inputs(&golden);
        let outputs = network.forward_t(&inputs, train).unwrap();
        let loss = outputs.cross_entropy_for_logits(&Tensor::from_slice(&[2_i64, 0, 1]));
        loss.backward();
        near(&format!("{case}: outputs"), &outputs, &golden.outputs);
        let loss = loss.double_value(&[]);
        assert!((loss - golden.loss).abs() <= TOLERANCE * golden.loss, "{case}: loss {loss}");

        let scale = golden.gradients.values().map(|sketch| sketch.norm).fold(0.0, f64::max);
        let gradients: NamedTensors = network
            .trainable()
            .into_iter()
            .map(|(name, tensor)| (name, tensor.grad()))
            .filter(|(_, gradient)| gradient.defined())
            .collect();
        assert!(gradients.keys().eq(golden.gradients.keys()), "{case}");
        for (name, theirs) in &golden.gradients {
            let scale = if cancels(&config, name) { scale } else { theirs.norm };
            let error = Sketch::of(name, &gradients[name]).distance(theirs) / scale;
            assert!(error <= GRADIENT_TOLERANCE, "{case}: gradient of {name}: {error:e}");
        }
        let later = tch::no_grad(|| network.forward_t(&inputs, false)).unwrap();
        near(&format!("{case}: evaluation"), &later, &golden.outputs_in_evaluation);
    }
}

/// The network of a case, what it reads, and whether it is in training.
fn network(golden: &Golden) -> (NetworkConfig, InputShape, bool) {
    let mlp = |norm, output_activation| {
        NetworkConfig::Mlp(MlpConfig { hidden: vec![12, 10, 8], norm, dropout: 0.0, output_activation })
    };
    let base = FineTunedConfig { padding: Padding::Reference, ..FineTunedConfig::default() };
    let post_norm = || FineTunedConfig { encoder: post_norm().into(), ..base.clone() };
    let lstm = Some(LstmConfig { layers: 2, hidden: 7 });
    let last = FineTunedConfig { pooling: Pooling::Last, lstm, ..base.clone() };
    let layer_2 = FineTunedConfig { encoder: pre_norm().into(), layer: EncoderLayer::Nth(2), ..last.clone() };
    let fine_tuned = |config| (NetworkConfig::Wav2Vec2(Box::new(config)), InputShape::Waveforms, false);
    let weighted = |encoder, layer, projects: bool| {
        let projector = projects.then_some(ProjectorConfig { width: 10 });
        fine_tuned(FineTunedConfig { encoder, layer, projector, ..base.clone() })
    };
    let pooled = |encoder, pooling| {
        let global_context = golden.case != "attentive statistics, no context";
        let attention = PoolingAttention { channels: 6, global_context, heads: 4 };
        let overrides = Overrides { apply_spec_augment: Some(false), ..Overrides::default() };
        fine_tuned(FineTunedConfig { encoder, pooling, attention, overrides, ..base.clone() })
    };
    match golden.case.as_str() {
        "embedding-cnn" => {
            let channels = vec![4, 4, 6, 6, 8, 8, 10, 10];
            let config = EmbeddingCnnConfig { channels, dropout: 0.0, hidden: 12, ..Default::default() };
            (NetworkConfig::EmbeddingCnn(config), InputShape::Frames([48, 32]), true)
        }
        "mlp" => (mlp(MlpNorm::Layer, OutputActivation::None), InputShape::Frames([1, 20]), true),
        "mlp, batch norm, sigmoid" => {
            (mlp(MlpNorm::Batch, OutputActivation::Sigmoid), InputShape::Frames([1, 20]), true)
        }
        "end2you" => {
            let config = End2YouConfig {
                chunk: 200,
                channels: vec![4, 6, 8],
                pools: vec![5, 4, 3],
                lstm: LstmConfig { layers: 2, hidden: 7 },
                ..End2YouConfig::default()
            };
            (NetworkConfig::End2You(config), InputShape::Waveforms, true)
        }
        "B5" => fine_tuned(post_norm()),
        "B5, as Keras' example" => {
            let overrides = Overrides { apply_spec_augment: Some(false), ..Overrides::default() };
            let (network, input, _) = fine_tuned(FineTunedConfig {
                padding: Padding::Unmasked,
                padded_to: Some(260),
                normalise: true,
                overrides,
                ..post_norm()
            });
            (network, input, true)
        }
        "V-FT" => fine_tuned(FineTunedConfig {
            frame_activation: FrameActivation::Relu,
            pooling: Pooling::MeanButLast,
            ..post_norm()
        }),
        "D, post-norm" => {
            fine_tuned(FineTunedConfig { layer: EncoderLayer::Nth(3), encoder: post_norm().encoder, ..last })
        }
        "D, pre-norm" => fine_tuned(FineTunedConfig { normalise: true, ..layer_2 }),
        "D, max" => fine_tuned(FineTunedConfig { pooling: Pooling::Max, ..layer_2 }),
        "D, first" => fine_tuned(FineTunedConfig { pooling: Pooling::First, lstm: None, ..layer_2 }),
        "classifier" => {
            let projector = Some(ProjectorConfig { width: 10 });
            fine_tuned(FineTunedConfig { encoder: pre_norm().into(), projector, ..base })
        }
        "weighted, post-norm" => weighted(post_norm().encoder, EncoderLayer::Weighted, true),
        "weighted, pre-norm" => weighted(pre_norm().into(), EncoderLayer::Weighted, true),
        "layers 0 and 2" => weighted(pre_norm().into(), EncoderLayer::Several(vec![0, 2]), false),
        "statistics" => pooled(post_norm().encoder, Pooling::Statistics),
        "attentive statistics" => pooled(post_norm().encoder, Pooling::AttentiveStatistics),
        "attentive statistics, no context" => pooled(pre_norm().into(), Pooling::AttentiveStatistics),
        "attentive statistics, training" => {
            (pooled(post_norm().encoder, Pooling::AttentiveStatistics).0, InputShape::Waveforms, true)
        }
        "self-attention" => pooled(post_norm().encoder, Pooling::SelfAttention),
        other => panic!("an unknown case `{other}`"),
    }
}

fn inputs(golden: &Golden) -> Inputs {
    let xs = noise(&golden.input, &[&[3], golden.shape.as_slice()].concat()).to_kind(Kind::Float);
    let Some(lengths) = &golden.lengths else { return Inputs::frames(xs) };
    for (row, &length) in lengths.iter().enumerate() {
        let _ = xs.get(row as i64).narrow(0, length as i64, golden.shape[0] - length as i64).zero_();
    }
    Inputs::waveforms(xs, lengths.clone())
}

/// Whether a bias does nothing, so that its gradient is 0 but for rounding: batch norm takes it away, or it adds the same
/// to all scores of a frame.
fn cancels(config: &NetworkConfig, name: &str) -> bool {
    match config {
        NetworkConfig::EmbeddingCnn(_) | NetworkConfig::End2You(_) => name.ends_with("conv.bias"),
        NetworkConfig::Mlp(config) => config.norm == MlpNorm::Batch && name.ends_with("linear.bias"),
        // A softmax over steps, and batch norm in training.
        _ => ["k_proj.bias", "attention.conv.bias", "attention.tdnn.bias"]
            .iter()
            .any(|end| name.ends_with(end)),
    }
}

fn near(what: &str, ours: &Tensor, theirs: &[f32]) {
    let theirs = Tensor::from_slice(theirs);
    let error = (ours.flatten(0, -1) - &theirs).norm().double_value(&[]);
    let scale = theirs.norm().double_value(&[]);
    assert!(error <= TOLERANCE * scale, "{what}: {error:e} of {scale:e}");
}

fn weights_by_formula(network: &Network) -> NamedTensors {
    let weight = |(name, tensor): (String, Tensor)| {
        let shape = tensor.size();
        let noise = noise(&name, &shape);
        let of_a_norm = shape.len() == 1 && (name.ends_with("weight") || name.ends_with("running_var"));
        let values = if name.ends_with("weight_g") || of_a_norm {
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
