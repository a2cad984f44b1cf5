//! Rows of pictures: which are shown, and what is refused to learn from them.

use affekt_models::InputShape;
use affekt_ops::feature_set::FeatureSet;
use affekt_table::spectrogram_images::SpectrogramImageWriter;
use affekt_train::Dataset;

use super::super::feature_dataset::FeatureDataset;
use super::*;

/// Spectrogram images of twelve utterances, each with a noisy copy.
fn pictures(bench: &Bench) -> Item {
    let path = bench.path("pictures");
    let mut writer = SpectrogramImageWriter::create(&path, [3, 2, 4]).unwrap();
    for utterance in 0..12 {
        for copy in 0..2 {
            writer.push(&name(utterance), copy, &pixels(utterance, copy)).unwrap();
        }
    }
    writer.finish().unwrap();
    bench.adopt(&path)
}

fn pixels(utterance: i32, copy: i32) -> Vec<u8> {
    (0..24).map(|pixel| (utterance * 20 + copy * 7 + pixel) as u8).collect()
}

#[test]
fn training_rows_come_with_their_copies_and_others_alone() {
    let bench = Bench::new();
    let features = FeatureSet::open(&[open(&pictures(&bench))]).unwrap();
    let rows =
        |role, first| table::read(&open(&bench.rows(role, 1, first)), |file| rows::read(file, role)).unwrap();
    let (training, dev) = (rows(Role::Train, 0), rows(Role::Dev, 4));
    let dataset = FeatureDataset::new(&features, &[&training, &dev]).unwrap();
    assert_eq!((dataset.input(), dataset.rate_hz()), (InputShape::Pictures([3, 2, 4]), None));
    let expected: Vec<(i32, i32)> =
        (0..4).flat_map(|utterance| [(utterance, 0), (utterance, 1)]).chain((4..8).map(|u| (u, 0))).collect();
    assert_eq!(dataset.len(), expected.len());
    for (row, (utterance, copy)) in expected.into_iter().enumerate() {
        assert_eq!((dataset.name(row), dataset.copy(row)), (name(utterance).as_str(), copy as usize));
        assert_eq!(dataset.pixels(row), pixels(utterance, copy));
    }
}

#[test]
fn networks_of_frames_refuse_them() {
    let bench = Bench::new();
    let text =
        "{ network: { kind: cnn }, training: { stopping: { kind: fixed }, augment: { flip: horizontal } } }";
    let (params, complaints) = planned(&Train::DEFINITION, text);
    assert_eq!(complaints, "");
    let inputs = vec![("features", pictures(&bench)), ("train", bench.rows(Role::Train, 1, 0))];
    let refused = message(bench.run(&Train::DEFINITION, params, inputs));
    assert!(refused.contains("`cnn` reads frames, and the examples are pictures of 3 × 2 × 4"), "{refused}");
}
