//! A VGG16 whose base is frozen: what `bottleneck` gives of pictures, and a network that is trained on it.

use affekt_models::InputShape;
use affekt_models::vgg16::drawn;
use affekt_spec::encoder::Vgg16Config;
use affekt_spec::network::{NetworkConfig, Unfreeze};
use affekt_table::features::Features;
use affekt_table::spectrogram_images::SpectrogramImageWriter;
use affekt_table::waveforms::WaveformWriter;
use affekt_torch::{Checkpoint, NamedTensors};
use serde_json::json;

use super::*;

const SHAPE: [usize; 3] = [3, 8, 8];

/// Blocks of one and of two convolutions.
fn config() -> Vgg16Config {
    Vgg16Config { channels: vec![4, 6], convolutions: vec![1, 2], ..Vgg16Config::default() }
}

/// Twelve utterances of two classes, dark and light.
fn pictures(bench: &Bench) -> Item {
    let path = bench.path("pictures");
    let mut writer = SpectrogramImageWriter::create(&path, SHAPE).unwrap();
    for utterance in 0..12 {
        let value = |i: usize| (utterance % 2 * 150) as u8 + ((utterance as usize * 7 + i * 13) % 97) as u8;
        writer.push(&name(utterance), 0, &(0..3 * 8 * 8).map(value).collect::<Vec<_>>()).unwrap();
    }
    writer.finish().unwrap();
    bench.adopt(&path)
}

/// The artefact of a base that is drawn from seed 3, or has these weights.
fn base(bench: &Bench, weights: Option<NamedTensors>) -> Item {
    let card = json!({
        "version": 1, "name": "tiny", "config": config(), "normalise": false, "origin": "a test",
        "pretrained": weights.is_some(), "seed": 3,
    });
    let metadata = BTreeMap::from([("card".to_owned(), card.to_string())]);
    let path = bench.path("base");
    let tensors = weights.unwrap_or_default();
    std::fs::write(&path, Checkpoint { tensors, metadata }.to_bytes().unwrap()).unwrap();
    bench.adopt(&path)
}

fn bottleneck(bench: &Bench, params: &str, base: Item) -> Result<Item, Failure> {
    let (params, complaints) = planned(&Bottleneck::DEFINITION, params);
    assert_eq!(complaints, "");
    let inputs = vec![("pictures", pictures(bench)), ("encoder", base)];
    Ok(bench.run(&Bottleneck::DEFINITION, params, inputs)?.remove("features").unwrap())
}

/// The shape, and the values of every row.
fn read(features: &Item) -> (Vec<usize>, Vec<Vec<f32>>) {
    let features = Features::open(table::open(&open(features)).unwrap()).unwrap();
    let rows = (0..features.len()).map(|row| features.frames(row).unwrap().to_vec()).collect();
    (features.shape().to_vec(), rows)
}

#[test]
fn frozen_convolutions_give_maps_of_every_picture() {
    let bench = Bench::new();
    for (params, expected) in [
        ("{}", [6, 4]),
        ("unfreeze: { layers: 1 }", [6, 16]),
        ("unfreeze: { layers: 2 }", [4, 16]),
        ("unfreeze: { blocks: 1 }", [4, 16]),
    ] {
        let (shape, rows) = read(&bottleneck(&bench, params, base(&bench, None)).unwrap());
        assert_eq!((&shape[..], rows.len()), (&expected[..], 12), "{params}");
        assert_ne!(rows[0], rows[1]);
    }
    let (_, together) = read(&bottleneck(&bench, "{}", base(&bench, None)).unwrap());
    let (_, alone) = read(&bottleneck(&bench, "batch_size: 1", base(&bench, None)).unwrap());
    let apart = together.iter().flatten().zip(alone.iter().flatten()).map(|(a, b)| (a - b).abs());
    assert!(apart.fold(0.0, f32::max) < 1e-5);
    // What a base is drawn from is all there is to it.
    let weights = drawn(&config(), 3).unwrap();
    assert_eq!(read(&bottleneck(&bench, "{}", base(&bench, Some(weights))).unwrap()).1, together);
    let other = drawn(&config(), 4).unwrap();
    assert_ne!(read(&bottleneck(&bench, "{}", base(&bench, Some(other))).unwrap()).1, together);
}

#[test]
fn what_gives_no_maps_is_refused() {
    let bench = Bench::new();
    let refused = message(bottleneck(&bench, "unfreeze: { blocks: 2 }", base(&bench, None)));
    assert_eq!(refused, "nothing of the base stays frozen: leave out `unfreeze`, or unfreeze less");
    let mut weights = drawn(&config(), 3).unwrap();
    weights.remove("features.3.bias");
    let refused = message(bottleneck(&bench, "{}", base(&bench, Some(weights))));
    assert!(refused.contains("`features.3.bias` is missing"), "{refused}");
    let card = json!({ "version": 1, "name": "first", "config": { "model_type": "wav2vec" }, "origin": "a test",
        "normalise": false, "pretrained": false });
    let metadata = BTreeMap::from([("card".to_owned(), card.to_string())]);
    let path = bench.path("first");
    std::fs::write(&path, Checkpoint { tensors: BTreeMap::new(), metadata }.to_bytes().unwrap()).unwrap();
    let refused = message(bottleneck(&bench, "{}", bench.adopt(&path)));
    let expected = "the encoder `first` is a wav2vec, and `bottleneck` reads VGG16 alone: try `from: vgg16-imagenet`; a wav2vec \
                    is for networks of states";
    assert_eq!(refused, expected);
}

#[test]
fn a_network_is_trained_on_what_the_frozen_base_gave() {
    let bench = Bench::new();
    let training = "training: { batch_size: 4, max_epochs: 12, lr: 1e-2, stopping: { kind: fixed } }";
    for (unfreeze, shape, trained, total) in [
        ("none", [6, 4], 0, 112 + 222 + 330),
        ("{ layers: 1 }", [6, 16], 330, 112 + 222 + 330),
        ("{ blocks: 1 }", [4, 16], 222 + 330, 112 + 222 + 330),
    ] {
        let features = bottleneck(&bench, &format!("unfreeze: {unfreeze}"), base(&bench, None)).unwrap();
        let network = format!("network: {{ kind: vgg16, hidden: [8, 4], dropout: 0, unfreeze: {unfreeze} }}");
        let (params, complaints) = planned(&Train::DEFINITION, &format!("{{ {network}, {training} }}"));
        assert_eq!(complaints, "");
        let inputs = vec![
            ("features", features.clone()),
            ("encoder", base(&bench, None)),
            ("train", bench.rows(Role::Train, 1, 0)),
        ];
        let made = bench.run(&Train::DEFINITION, params, inputs).unwrap();
        let (card, weights) = artefact::read::<Card>(&open(&made["model"])).unwrap();
        let NetworkConfig::Vgg16(network) = &card.network else { panic!("{:?}", card.network) };
        assert_eq!((&network.encoder, card.input), (&config(), InputShape::Frames(shape)));
        let classifier = 24 * 8 + 8 + 8 * 4 + 4 + 4 * 2 + 2;
        let counts = (card.parameters.total, card.parameters.trainable);
        assert_eq!(counts, (total + classifier, trained + classifier), "{unfreeze}");
        assert_eq!(card.encoder.as_ref().map(|encoder| encoder.pretrained), Some(false));
        // What is trained of the base began as the base, not as the training's seed has it.
        if let Some(Unfreeze::Layers(1)) = network.unfreeze {
            let (began, ended) =
                (&drawn(&config(), 3).unwrap()["features.5.weight"], &weights["features.5.weight"]);
            let moved = (began - ended).abs().max().double_value(&[]);
            assert!(moved > 0.0 && moved < 0.3, "{moved}");
        }

        let (params, _) = planned(&Predict::DEFINITION, "{}");
        let rows = bench.rows(Role::Test, 1, 8);
        let inputs = vec![("model", made["model"].clone()), ("features", features), ("rows", rows)];
        let made = bench.run(&Predict::DEFINITION, params, inputs).unwrap();
        let predictions = table::read(&open(&made["predictions"]), affekt_table::predictions::read).unwrap();
        // Dark from light is not hard.
        for row in &predictions.rows {
            let expected = usize::from(row.truth == Some(Target::Class("b".into())));
            assert!(row.outputs[expected] > row.outputs[1 - expected], "{unfreeze} {row:?}");
        }
    }
}

#[test]
fn a_network_that_is_cut_elsewhere_than_its_features_is_refused_where_shapes_tell() {
    let bench = Bench::new();
    let features = bottleneck(&bench, "unfreeze: { layers: 1 }", base(&bench, None)).unwrap();
    let text = "{ network: { kind: vgg16, hidden: [8], unfreeze: { blocks: 1 } }, training: { stopping: { kind: fixed } } }";
    let (params, _) = planned(&Train::DEFINITION, text);
    let train_on = |features| {
        let rows = bench.rows(Role::Train, 1, 0);
        let inputs = vec![("features", features), ("encoder", base(&bench, None)), ("train", rows)];
        message(bench.run(&Train::DEFINITION, params.clone(), inputs))
    };
    let refused = train_on(features);
    assert!(refused.contains("give `bottleneck` and the network the same `unfreeze`"), "{refused}");
    let path = bench.path("waveforms");
    let mut writer = WaveformWriter::create(&path, 16_000).unwrap();
    (0..12).for_each(|utterance| writer.push(&name(utterance), 0, &[0.0; 99]).unwrap());
    writer.finish().unwrap();
    let refused = train_on(bench.adopt(&path));
    assert!(
        refused.contains("the network `vgg16` reads pictures, and the examples are waveforms"),
        "{refused}"
    );
}
