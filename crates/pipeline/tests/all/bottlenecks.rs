//! A network behind a `bottleneck` has to go on where that ends: what is said where it does not.

use crate::compiled::compiled;

const PIPELINE: &str = "\
nodes:
  audio: { op: audio, rate_hz: 8000, seconds: 1 }
  logmel: { op: logmel, in: audio }
  picture: { op: picture, in: logmel }
  base: { op: encoder, from: random, architecture: vgg16 }
  other: { op: encoder, from: random, architecture: vgg16, seed: 1 }
  bottleneck: { op: bottleneck, in: { pictures: picture, encoder: base }, unfreeze: { layers: 1 } }
  train:
    op: train
    in: { features: bottleneck, encoder: base, train: split.train }
    network: { kind: vgg16, unfreeze: { layers: 1 } }
    training: { stopping: { kind: fixed } }
    per: [fold, seed]
  predict: { op: predict, in: { model: train, features: bottleneck, rows: split.test }, per: [fold, seed] }
  metrics: { op: evaluate, in: { predictions: predict } }
";

const EXPERIMENT: &str = "\
name: own
corpora: { ravdess: }
protocol: { kind: group-kfold, group: speaker, folds: 3, dev: none, seeds: [1] }
use: own-pipeline.yaml
";

/// What is said of the pipeline with one piece of text for another.
fn told(from: &str, to: &str) -> String {
    assert!(PIPELINE.contains(from), "{from}");
    let (compiled, told) = compiled(EXPERIMENT, &PIPELINE.replacen(from, to, 1), &[]);
    assert_eq!(compiled.is_none(), !told.is_empty(), "{told}");
    told
}

#[test]
fn a_network_goes_on_where_its_bottleneck_ends() {
    assert_eq!(told("", ""), "");
    let pictures = "features: picture, encoder: base, train";
    assert_eq!(told("features: bottleneck, encoder: base, train", pictures), "");
    for (from, to, expected) in [
        (
            "kind: vgg16, unfreeze: { layers: 1 }",
            "kind: vgg16, unfreeze: { blocks: 2 }",
            "`train` unfreezes the last 2 blocks, and `bottleneck`, which it reads, leaves out the last 1 layers",
        ),
        (
            "encoder: base }, unfreeze: { layers: 1 }",
            "encoder: base }",
            "`train` unfreezes the last 1 layers, and `bottleneck`, which it reads, leaves out nothing",
        ),
        (
            "kind: vgg16, unfreeze: { layers: 1 }",
            "kind: vgg16, freeze: none",
            "`train` freezes nothing, and reads what the frozen base of `bottleneck` gives",
        ),
        (
            "features: bottleneck, encoder: base",
            "features: bottleneck, encoder: other",
            "`train` and `bottleneck`, which it reads, have other encoders",
        ),
        (
            "kind: vgg16, unfreeze: { layers: 1 }",
            "kind: vgg16, unfreeze: { layers: 1, blocks: 1 }",
            "expected the last `layers` or the last `blocks`, one of them",
        ),
        (
            "kind: vgg16, unfreeze: { layers: 1 }",
            "kind: vgg16, freeze: none, unfreeze: { layers: 1 }",
            "`unfreeze` is of a base that is frozen, and `freeze` is `none`",
        ),
        (
            "features: bottleneck, encoder: base",
            "features: audio, encoder: base",
            "the network of `train`, `vgg16`, reads spectrogram images or features, and `audio` gives waveforms",
        ),
        (
            "features: bottleneck, encoder: base",
            "features: bottleneck",
            "the network of `train`, `vgg16`, reads an encoder",
        ),
    ] {
        let told = told(from, to);
        assert!(told.contains(expected), "{told}");
    }
}
