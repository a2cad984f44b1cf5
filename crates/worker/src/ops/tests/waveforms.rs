//! Ops on waveforms: an encoder that is frozen, one that is fine-tuned, and what an exported network says.

use affekt_models::wav2vec2::{CtcHead, Wav2Vec2};
use affekt_ops::exported::{self, Exported, Weights};
use affekt_spec::encoder::EncoderConfig;
use affekt_table::features::Features;
use affekt_table::waveforms::WaveformWriter;
use affekt_torch::Checkpoint;
use affekt_torch::init::Vars;
use serde_json::json;
use tch::nn;

use super::*;

const RATE: u32 = 16_000;

fn config() -> EncoderConfig {
    EncoderConfig {
        hidden_size: 16,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        intermediate_size: 24,
        conv_dim: vec![8, 8],
        conv_stride: vec![5, 2],
        conv_kernel: vec![10, 3],
        num_conv_pos_embeddings: 4,
        num_conv_pos_embedding_groups: 2,
        vocab_size: 7,
        ..EncoderConfig::default()
    }
}

/// Twelve utterances of two pitches, all of `samples` or each a little longer than the one before.
fn waveforms(bench: &Bench, samples: usize, longer: usize) -> Item {
    let path = bench.path("waveforms");
    let mut writer = WaveformWriter::create(&path, RATE).unwrap();
    for utterance in 0..12 {
        let hz = [300.0, 900.0][utterance as usize % 2] + utterance as f32;
        let sample = |i: usize| (i as f32 * hz * std::f32::consts::TAU / RATE as f32).sin() * 0.3;
        let length = samples + utterance as usize * longer;
        writer.push(&name(utterance), 0, &(0..length).map(sample).collect::<Vec<_>>()).unwrap();
    }
    writer.finish().unwrap();
    bench.adopt(&path)
}

/// The artefact of an encoder with a head for characters.
fn encoder(bench: &Bench, pretrained: bool) -> Item {
    let store = nn::VarStore::new(Device::Cpu);
    let vars = Vars::new(&store, 7);
    Wav2Vec2::new(&vars, &config()).unwrap();
    CtcHead::new(&vars, &config()).unwrap();
    let tensors = store.variables().into_iter().map(|(name, tensor)| (name, tensor.detach()));
    let tensors = if pretrained { tensors.collect() } else { BTreeMap::new() };
    let card = json!({
        "version": 1, "name": "tiny", "config": config(), "normalise": true, "origin": "a test",
        "pretrained": pretrained, "seed": 3,
    });
    let metadata = BTreeMap::from([("card".to_owned(), card.to_string())]);
    let path = bench.path("encoder");
    std::fs::write(&path, Checkpoint { tensors, metadata }.to_bytes().unwrap()).unwrap();
    bench.adopt(&path)
}

/// What `embed` gives: the shape, and the values of every row.
fn embedded(
    bench: &Bench,
    params: &str,
    inputs: Vec<(&str, Item)>,
) -> Result<(Vec<usize>, Vec<Vec<f32>>), Failure> {
    let (params, complaints) = planned(&Embed::DEFINITION, params);
    assert_eq!(complaints, "");
    let made = bench.run(&Embed::DEFINITION, params, inputs)?;
    let features = Features::open(table::open(&open(&made["features"]))?).unwrap();
    let rows = (0..features.len()).map(|row| features.frames(row).unwrap().to_vec()).collect();
    Ok((features.shape().to_vec(), rows))
}

#[test]
fn a_frozen_encoder_makes_a_matrix_of_every_waveform() {
    let bench = Bench::new();
    let inputs = || vec![("waveforms", waveforms(&bench, 1000, 0)), ("encoder", encoder(&bench, true))];
    let (shape, logits) = embedded(&bench, "output: ctc-logits", inputs()).unwrap();
    assert_eq!((shape, logits.len()), (vec![99, 7], 12));
    // How many go through at a time is no matter; nor is which are beside.
    let (_, alone) = embedded(&bench, "{ output: ctc-logits, batch_size: 1 }", inputs()).unwrap();
    let apart = logits.iter().flatten().zip(alone.iter().flatten()).map(|(a, b)| (a - b).abs());
    assert!(apart.fold(0.0, f32::max) < 1e-5);

    let (_, scaled) = embedded(&bench, "{ output: ctc-logits, scale: min-max }", inputs()).unwrap();
    for (scaled, raw) in scaled.iter().zip(&logits) {
        let (low, high) = raw.iter().fold((f32::MAX, f32::MIN), |(low, high), &x| (low.min(x), high.max(x)));
        for (scaled, raw) in scaled.iter().zip(raw) {
            assert!((scaled - (2.0 * (raw - low) / (high - low) - 1.0)).abs() < 1e-5);
        }
        let extremes = |wanted: f32| scaled.iter().any(|x| (x - wanted).abs() < 1e-6);
        assert!(extremes(-1.0) && extremes(1.0));
    }
    assert_eq!(embedded(&bench, "{ output: layer, layer: 1 }", inputs()).unwrap().0, [99, 16]);

    let uneven = vec![("waveforms", waveforms(&bench, 1000, 10)), ("encoder", encoder(&bench, true))];
    let refused = message(embedded(&bench, "output: last-layer", uneven));
    assert!(refused.contains("`C/01` has 1010 samples and others have 1000"), "{refused}");
}

const TRAIN: &str = "{ network: { kind: wav2vec2, lstm: { layers: 1, hidden: 8 }, pooling: last }, \
                      training: { batch_size: 3, max_epochs: 2, stopping: { kind: fixed } } }";

/// A fine-tuned network.
fn fine_tuned(bench: &Bench, waveforms: &Item, pretrained: bool) -> Result<Item, Failure> {
    let (params, complaints) = planned(&Train::DEFINITION, TRAIN);
    assert_eq!(complaints, "");
    let inputs = vec![
        ("features", waveforms.clone()),
        ("encoder", encoder(bench, pretrained)),
        ("train", bench.rows(Role::Train, 1, 0)),
    ];
    Ok(bench.run(&Train::DEFINITION, params, inputs)?["model"].clone())
}

#[test]
fn an_encoder_is_fine_tuned_and_exported_and_says_the_same() {
    let bench = Bench::new();
    let waveforms = waveforms(&bench, 800, 37);
    let model = fine_tuned(&bench, &waveforms, true).unwrap();
    let (card, weights) = artefact::read::<Card>(&open(&model)).unwrap();
    assert_eq!(card.encoder.as_ref().map(|encoder| encoder.pretrained), Some(true));
    let random = fine_tuned(&bench, &waveforms, false).unwrap();
    let (other, others) = artefact::read::<Card>(&open(&random)).unwrap();
    assert_eq!(other.encoder.map(|encoder| encoder.pretrained), Some(false));
    let beginning = "wav2vec2.feature_extractor.conv_layers.0.conv.weight";
    assert!((&weights[beginning] - &others[beginning]).abs().max().double_value(&[]) > 1e-2);

    let (params, _) = planned(&Predict::DEFINITION, "{}");
    let rows = bench.rows(Role::Test, 1, 8);
    let inputs = vec![("model", model.clone()), ("features", waveforms.clone()), ("rows", rows)];
    let made = bench.run(&Predict::DEFINITION, params, inputs).unwrap();
    let predictions = table::read(&open(&made["predictions"]), affekt_table::predictions::read).unwrap();
    assert_eq!(predictions.rows.len(), 4);

    // Exported with the encoder's weights under names without a prefix, as some programs want them.
    let folder = bench.path("exported");
    std::fs::create_dir(&folder).unwrap();
    let (encoder, head): (BTreeMap<_, _>, BTreeMap<_, _>) =
        weights.into_iter().partition(|(name, _)| name.starts_with("wav2vec2."));
    let encoder =
        encoder.into_iter().map(|(name, tensor)| (name["wav2vec2.".len()..].to_owned(), tensor)).collect();
    let file = |name: &str, tensors| {
        let bytes = Checkpoint { tensors, metadata: BTreeMap::new() }.to_bytes().unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    };
    file("encoder.safetensors", encoder);
    file("head.safetensors", head);
    let weights =
        |file: &str, prefix: &str| Weights { file: file.into(), prefix: prefix.into(), without: vec![] };
    let exported = Exported {
        version: exported::VERSION,
        experiment: "test".into(),
        node: "train".into(),
        steps: Vec::new(),
        card: serde_json::to_value(&card).unwrap(),
        weights: vec![weights("encoder.safetensors", "wav2vec2."), weights("head.safetensors", "")],
        trained_on: None,
        epochs_from: None,
    };
    std::fs::write(folder.join(exported::FILE), serde_json::to_vec(&exported).unwrap()).unwrap();
    let params = json!(affekt_ops::infer::Params { folder });
    let made = bench.run(&Infer::DEFINITION, params, vec![("features", waveforms)]).unwrap();
    let outputs: affekt_ops::infer::Outputs =
        serde_json::from_slice(open(&made["outputs"]).all().unwrap()).unwrap();
    assert_eq!(outputs.len(), 12);
    for (row, outputs) in predictions.rows.iter().zip(&outputs[8..]) {
        let apart = row.outputs.iter().zip(outputs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-5, "{}: {:?} and {outputs:?}", row.utterance, row.outputs);
    }
}

#[test]
fn a_wav2vec_is_refused_where_wav2vec_2_is_read() {
    let bench = Bench::new();
    let config = json!({ "model_type": "wav2vec" });
    let card = json!({ "version": 1, "name": "first", "config": config, "origin": "a test", "normalise": false, "pretrained": false });
    let metadata = BTreeMap::from([("card".to_owned(), card.to_string())]);
    let path = bench.path("first");
    std::fs::write(&path, Checkpoint { tensors: BTreeMap::new(), metadata }.to_bytes().unwrap()).unwrap();
    let expected = |op: &str| {
        format!(
            "the encoder `first` is a wav2vec, and `{op}` reads wav2vec 2.0 alone: try `from: wav2vec2-base`; a wav2vec is for \
             networks of states"
        )
    };
    let waveforms = waveforms(&bench, 800, 0);
    let encoder = ("encoder", bench.adopt(&path));
    let inputs = vec![("waveforms", waveforms.clone()), encoder.clone()];
    assert_eq!(message(embedded(&bench, "output: last-layer", inputs)), expected("embed"));
    let inputs = vec![("features", waveforms), encoder, ("train", bench.rows(Role::Train, 1, 0))];
    let refused = message(bench.run(&Train::DEFINITION, planned(&Train::DEFINITION, TRAIN).0, inputs));
    assert_eq!(refused, expected("train"));
}

#[test]
fn an_encoder_that_is_another_one_is_refused() {
    let bench = Bench::new();
    let card = json!({ "version": 1, "name": "empty", "config": config(), "normalise": true, "origin": "a test", "pretrained": true });
    let metadata = BTreeMap::from([("card".to_owned(), card.to_string())]);
    let path = bench.path("empty");
    std::fs::write(&path, Checkpoint { tensors: BTreeMap::new(), metadata }.to_bytes().unwrap()).unwrap();
    let inputs = vec![
        ("features", waveforms(&bench, 800, 0)),
        ("encoder", bench.adopt(&path)),
        ("train", bench.rows(Role::Train, 1, 0)),
    ];
    let refused = message(bench.run(&Train::DEFINITION, planned(&Train::DEFINITION, TRAIN).0, inputs));
    assert!(refused.contains("is missing"), "{refused}");
}
