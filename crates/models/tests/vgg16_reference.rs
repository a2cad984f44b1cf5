//! VGG16 against torchvision: pixels, features and logits, and checkpoints as PyTorch saves them. The goldens' script stands
//! beside them.

mod formula;

use std::collections::BTreeMap;
use std::path::PathBuf;

use affekt_encoders::{Overrides, read};
use affekt_models::vgg16::{Bottleneck, normalised};
use affekt_models::{InputShape, Inputs, Network};
use affekt_spec::encoder::{Normalisation, Vgg16Config};
use affekt_spec::network::{FreezeBase, NetworkConfig, Vgg16NetworkConfig};
use affekt_torch::NamedTensors;
use serde::Deserialize;
use serde_json::json;
use tch::{Device, Kind, Tensor};

use crate::formula::{Sketch, noise};

/// Relative to the largest number.
const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct Goldens {
    pixels: Pixels,
    small: Small,
    true_size: TrueSize,
}

#[derive(Deserialize)]
struct Pixels {
    pixels: Vec<u8>,
    torchvision: Vec<f32>,
    keras: Vec<f32>,
}

#[derive(Deserialize)]
struct Small {
    shape: [usize; 3],
    channels: Vec<usize>,
    convolutions: Vec<usize>,
    hidden: Vec<usize>,
    outputs: usize,
    torchvision: Answer,
    keras: Answer,
    targets: Vec<i64>,
    loss: f64,
    gradients: BTreeMap<String, Sketch>,
}

/// What a network says of the pictures.
#[derive(Deserialize)]
struct Answer {
    features: Vec<f32>,
    logits: Vec<f32>,
}

#[derive(Deserialize)]
struct TrueSize {
    parameters: usize,
    /// Every so many features are kept.
    every: i64,
    features: Vec<f32>,
    norm: f64,
    largest: f64,
    logits: Vec<f32>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/vgg16")
}

fn goldens() -> Goldens {
    serde_json::from_slice(&std::fs::read(folder().join("vgg16.json")).unwrap()).unwrap()
}

/// u8 of 0..255.
fn pictures(name: &str, shape: &[i64]) -> Tensor {
    ((noise(name, shape) + 1.0) * 128.0).floor().clamp(0.0, 255.0).to_kind(Kind::Uint8)
}

fn weight(name: &str, shape: &[i64]) -> Tensor {
    let noise = noise(name, shape);
    let values = if shape.len() > 1 {
        noise * (6.0 / shape[1..].iter().product::<i64>() as f64).sqrt()
    } else {
        noise / 8.0
    };
    values.to_kind(Kind::Float)
}

fn by_formula(weights: NamedTensors) -> NamedTensors {
    weights.into_iter().map(|(name, tensor)| (name.clone(), weight(&name, &tensor.size()))).collect()
}

/// How far they are apart, as a share of the largest number.
fn apart(ours: &Tensor, theirs: &[f32]) -> f64 {
    let ours = ours.flatten(0, -1);
    let theirs = Tensor::from_slice(theirs);
    assert_eq!(ours.size(), theirs.size());
    (ours - &theirs).abs().max().double_value(&[]) / theirs.abs().max().double_value(&[])
}

fn close(what: &str, ours: &Tensor, theirs: &[f32]) {
    let apart = apart(ours, theirs);
    assert!(apart <= TOLERANCE, "{what}: {apart:e}");
}

impl Small {
    fn encoder(&self, normalisation: Normalisation) -> Vgg16Config {
        let (channels, convolutions) = (self.channels.clone(), self.convolutions.clone());
        Vgg16Config { channels, convolutions, normalisation, ..Vgg16Config::default() }
    }

    fn network(&self, encoder: &Vgg16Config) -> Network {
        let config = NetworkConfig::Vgg16(Vgg16NetworkConfig {
            encoder: encoder.clone(),
            hidden: self.hidden.clone(),
            dropout: 0.0,
            freeze: FreezeBase::None,
            ..Vgg16NetworkConfig::default()
        });
        Network::new(&config, &InputShape::Pictures(self.shape), self.outputs, 0, Device::Cpu).unwrap()
    }

    fn pictures(&self) -> Tensor {
        let [channels, height, width] = self.shape.map(|size| size as i64);
        pictures("pictures", &[2, channels, height, width])
    }
}

#[test]
fn pixels_are_normalised_in_both_conventions() {
    let Pixels { pixels, torchvision, keras } = goldens().pixels;
    let pixels = Tensor::from_slice(&pixels).view([1, 3, 2, 3]);
    for (convention, theirs) in [(Normalisation::Torchvision, torchvision), (Normalisation::Keras, keras)] {
        for pixels in [pixels.shallow_clone(), pixels.to_kind(Kind::Float)] {
            let ours = normalised(&pixels, convention);
            assert_eq!((ours.kind(), ours.size()), (Kind::Float, pixels.size()));
            assert!(apart(&ours, &theirs) < 1e-6, "{convention:?}");
        }
    }
}

#[test]
fn features_and_logits_at_a_small_size() {
    affekt_torch::device::set_threads(1); // tests run side by side already
    let _guard = tch::no_grad_guard();
    let small = goldens().small;
    for (normalisation, theirs) in
        [(Normalisation::Torchvision, &small.torchvision), (Normalisation::Keras, &small.keras)]
    {
        let encoder = small.encoder(normalisation);
        let mut network = small.network(&encoder);
        network.load(&by_formula(network.weights())).unwrap();
        let logits = network.forward_t(&Inputs::pictures(small.pictures()), false).unwrap();
        close(&format!("{normalisation:?}: logits"), &logits, &theirs.logits);
        let mut base = Bottleneck::new(&encoder, None, small.shape, 0, Device::Cpu).unwrap();
        base.load(&network.weights()).unwrap();
        let features = base.forward(&small.pictures()).unwrap();
        close(&format!("{normalisation:?}: features"), &features, &theirs.features);
    }
}

#[test]
fn every_gradient_at_a_small_size() {
    affekt_torch::device::set_threads(1); // tests run side by side already
    let small = goldens().small;
    let mut network = small.network(&small.encoder(Normalisation::Torchvision));
    network.load(&by_formula(network.weights())).unwrap();
    let logits = network.forward_t(&Inputs::pictures(small.pictures()), true).unwrap();
    let loss = logits.cross_entropy_for_logits(&Tensor::from_slice(&small.targets));
    loss.backward();
    let loss = loss.double_value(&[]);
    assert!((loss - small.loss).abs() <= TOLERANCE * small.loss, "{loss}");
    let trainable = network.trainable();
    assert!(trainable.keys().eq(small.gradients.keys()));
    for (name, theirs) in &small.gradients {
        let error = Sketch::of(name, &trainable[name].grad()).distance(theirs);
        assert!(error <= TOLERANCE * theirs.norm, "{name}: {error:e} of {:e}", theirs.norm);
    }
}

/// PyTorch has two formats; torchvision's published file is of the older.
#[test]
fn checkpoints_of_torchvision_are_read_and_say_what_torchvision_says() {
    let small = goldens().small;
    let said = |normalisation: &str| {
        let config = json!({ "normalisation": normalisation });
        Overrides { config: config.as_object().unwrap().clone(), normalise: None }
    };
    for file in ["small.zip.pth", "small.legacy.pth", "small.safetensors"] {
        for (said, normalisation, theirs) in [
            (Overrides::default(), Normalisation::Torchvision, &small.torchvision),
            (said("keras"), Normalisation::Keras, &small.keras),
        ] {
            let encoder = read(&folder().join(file), &said).unwrap();
            let config = encoder.config.vgg16().unwrap();
            assert_eq!(*config, small.encoder(normalisation), "{file}");
            let names = ["features.0.bias", "features.0.weight", "features.3.bias", "features.3.weight"];
            let names = [&names[..], &["features.5.bias", "features.5.weight"]].concat();
            assert!(encoder.key_mapping.taken.iter().all(|(theirs, name)| theirs == name), "{file}");
            assert!(encoder.key_mapping.taken.keys().eq(&names), "{file}");
            let why = "tells the classes apart that it was trained for".to_owned();
            let left = ["0.bias", "0.weight", "3.bias", "3.weight"];
            let left: Vec<_> = left.iter().map(|name| (format!("classifier.{name}"), why.clone())).collect();
            assert_eq!((encoder.key_mapping.left_out, encoder.key_mapping.unknown), (left, vec![]), "{file}");

            let tensor = |(name, weights): (&String, &affekt_encoders::Weights)| {
                let shape: Vec<i64> = weights.shape().iter().map(|&size| size as i64).collect();
                (name.clone(), Tensor::from_slice(&weights.values()).view(shape.as_slice()))
            };
            let checkpoint: BTreeMap<_, _> = encoder.tensors.iter().map(tensor).collect();
            let mut network = small.network(config);
            network.load(&by_formula(network.weights())).unwrap();
            for (name, tensor) in network.weights() {
                if name.starts_with("features.") {
                    let _ = tensor.shallow_clone().zero_();
                }
            }
            assert_eq!(network.load_encoder(&checkpoint).unwrap().loaded, 6, "{file}");
            let logits = network.forward_t(&Inputs::pictures(small.pictures()), false).unwrap();
            close(file, &logits, &theirs.logits);
        }
    }
}

/// Ten seconds on one core; run by name: `cargo test -p affekt-models --test vgg16_reference -- --ignored --nocapture`.
#[test]
#[allow(clippy::print_stdout, reason = "run by name, it says how far apart they are")]
#[ignore = "thirty million numbers by formula and a true VGG16 take too long for every day"]
fn features_and_logits_at_the_true_size() {
    let golden = goldens().true_size;
    let _guard = tch::no_grad_guard();
    let shape = [3, 224, 224];
    let config = NetworkConfig::Vgg16(Vgg16NetworkConfig::default());
    let mut network = Network::new(&config, &InputShape::Pictures(shape), 7, 0, Device::Cpu).unwrap();
    assert_eq!(network.parameter_counts().total, golden.parameters);
    network.load(&by_formula(network.weights())).unwrap();
    let xs = pictures("pictures", &[1, 3, 224, 224]);
    let logits = network.forward_t(&Inputs::pictures(xs.shallow_clone()), false).unwrap();
    let mut base = Bottleneck::new(&Vgg16Config::default(), None, shape, 0, Device::Cpu).unwrap();
    base.load(&network.weights()).unwrap();
    let features = base.forward(&xs).unwrap();
    assert_eq!(features.size(), [1, 512, 49]);
    let features = features.flatten(0, -1);
    let norm = features.norm().double_value(&[]);
    assert!((norm - golden.norm).abs() <= TOLERANCE * golden.norm, "{norm} {}", golden.norm);
    let largest = features.abs().max().double_value(&[]);
    assert!((largest - golden.largest).abs() <= TOLERANCE * golden.largest, "{largest} {}", golden.largest);
    let kept = features.slice(0, None, None, golden.every);
    let absolute = |ours: &Tensor, theirs: &[f32]| {
        (ours.flatten(0, -1) - Tensor::from_slice(theirs)).abs().max().double_value(&[])
    };
    println!(
        "largest differences: features {:.1e} (of numbers up to {largest:.1}), logits {:.1e}",
        absolute(&kept, &golden.features),
        absolute(&logits, &golden.logits)
    );
    assert!(absolute(&kept, &golden.features) <= TOLERANCE && absolute(&logits, &golden.logits) <= TOLERANCE);
}
