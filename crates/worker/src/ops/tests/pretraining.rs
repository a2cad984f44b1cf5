//! The steps of P-TAPT, one after the other, and what they refuse.

use affekt_models::states::StatesConfig;
use affekt_ops::{kmeans, pretrain, state_model, states, train};
use affekt_spec::encoder::EncoderConfig;
use affekt_spec::network::{Overrides, SpansOver};
use affekt_table::pseudo_labels::PseudoLabels;
use affekt_table::rows::{self, Row, Rows};
use affekt_table::states::States;
use affekt_table::waveforms::WaveformWriter;
use affekt_torch::Checkpoint;
use affekt_train::pretraining::{PaddedClips, PretrainConfig};
use affekt_train::{Batching, ClassWeights, Crop, CropAt, Optimiser, Precision, Schedule, Stages, Steps};
use serde_json::{Value, json};

use super::*;
use crate::ops::pretrain::{Objective, Params};

const RATE: u32 = 16_000;

/// Twelve utterances of two pitches, each a little longer than the one before.
fn waveforms(bench: &Bench) -> Item {
    let path = bench.path("waveforms");
    let mut writer = WaveformWriter::create(&path, RATE).unwrap();
    for utterance in 0..12 {
        let hz = [300.0, 900.0][utterance as usize % 2];
        let sample = |i: usize| (i as f32 * hz * std::f32::consts::TAU / RATE as f32).sin() * 0.3;
        let length = 4000 + 400 * utterance as usize;
        writer.push(&name(utterance), 0, &(0..length).map(sample).collect::<Vec<_>>()).unwrap();
    }
    writer.finish().unwrap();
    bench.adopt(&path)
}

/// An encoder that nobody trained.
fn encoder(bench: &Bench, config: &Value) -> Item {
    let card = json!({
        "version": 1, "name": "small", "config": config, "normalise": false, "origin": "a test",
        "pretrained": false, "seed": 3,
    });
    let metadata = BTreeMap::from([("card".to_owned(), card.to_string())]);
    let path = bench.path("encoder");
    std::fs::write(&path, Checkpoint { tensors: BTreeMap::new(), metadata }.to_bytes().unwrap()).unwrap();
    bench.adopt(&path)
}

fn second() -> Value {
    let config = EncoderConfig {
        hidden_size: 8,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        intermediate_size: 16,
        conv_dim: vec![4; 7],
        num_conv_pos_embeddings: 4,
        num_conv_pos_embedding_groups: 2,
        codevector_dim: 8,
        proj_codevector_dim: 8,
        num_codevectors_per_group: 4,
        mask_time_length: 2,
        ..EncoderConfig::default()
    };
    serde_json::to_value(config).unwrap()
}

fn first() -> Value {
    json!({
        "model_type": "wav2vec",
        "conv_feature_layers": [[4, 10, 5], [4, 8, 4], [4, 4, 2], [4, 4, 2], [4, 4, 2]],
        "conv_aggregator_layers": [[4, 2, 1]],
    })
}

const STATE_MODEL: &str =
    "{ network: { head: 4, lstm: 4 }, training: { steps: 3, batch_size: 4, held_out: 0.25 } }";
const CONTRASTIVE: &str = "{ objective: { kind: contrastive }, training: { steps: 2, batch_size: 4 } }";
const LABELLED: &str = "{ objective: { kind: pseudo-labels, hidden: 4, overrides: { mask_time_length: 2 } }, training: { steps: 2 } }";

fn run(
    bench: &Bench,
    op: &Definition,
    text: &str,
    inputs: Vec<(&str, Item)>,
) -> Result<BTreeMap<String, Item>, Failure> {
    let (params, complaints) = planned(op, text);
    assert_eq!(complaints, "");
    bench.run(op, params, inputs)
}

/// States, clusters and pseudo-labels of the rows 0 to 3 of fold 1.
fn labelled(bench: &Bench, encoder: Item) -> (Item, BTreeMap<String, Item>) {
    let waveforms = waveforms(bench);
    let rows = bench.rows(Role::Train, 1, 0);
    let inputs = vec![("waveforms", waveforms.clone()), ("train", rows.clone()), ("encoder", encoder)];
    let model = run(bench, &state_model::DEFINITION, STATE_MODEL, inputs).unwrap();
    let inputs = vec![("waveforms", waveforms), ("train", rows.clone()), ("model", model["model"].clone())];
    let states = run(bench, &states::DEFINITION, "{}", inputs).unwrap()["states"].clone();
    let inputs = vec![("states", states.clone()), ("train", rows)];
    let clusters = run(bench, &kmeans::DEFINITION, "{ clusters: [2, 3], iterations: 4 }", inputs).unwrap();
    (states, clusters)
}

fn file(bench: &Bench, item: &Item) -> affekt_table::TableFile {
    table::open(&bench.store.object(item.digest).unwrap()).unwrap()
}

#[test]
fn from_waveforms_to_an_encoder_that_learnt_their_clusters() {
    let bench = Bench::new();
    for (of, lengths) in [(first(), [10, 11, 13, 14]), (second(), [12, 13, 14, 16])] {
        let (states, clusters) = labelled(&bench, encoder(&bench, &of));
        let states = States::open(file(&bench, &states)).unwrap();
        let labels = PseudoLabels::open(file(&bench, &clusters["labels"])).unwrap();
        assert_eq!((states.len(), labels.len(), labels.clusters()), (4, 4, &[2, 3][..]));
        for (row, frames) in lengths.into_iter().enumerate() {
            assert_eq!(states.utterance(row).unwrap(), name(row as i32));
            assert_eq!(states.n_frames(row).unwrap(), frames, "{of}");
            for (clustering, count) in [2, 3].into_iter().enumerate() {
                let ids = labels.ids(row, clustering).unwrap();
                assert!(ids.len() == frames && ids.iter().all(|id| *id < count));
            }
        }
        let bytes = bench.store.object(clusters["clusters"].digest).unwrap();
        let centres = Checkpoint::from_bytes(bytes.all().unwrap()).unwrap();
        assert_eq!(centres.tensors["centroids.3"].size(), [3, states.width() as i64]);
        let card: Value = serde_json::from_str(&centres.metadata["card"]).unwrap();
        assert_eq!(card["clusterings"][1]["objective"].as_array().unwrap().len(), 4);
        assert_eq!((&card["fold"], &card["frames"]), (&json!(1), &json!(lengths.iter().sum::<usize>())));

        let rows = bench.rows(Role::Train, 1, 0);
        let inputs = vec![
            ("waveforms", waveforms(&bench)),
            ("train", rows.clone()),
            ("encoder", encoder(&bench, &second())),
            ("labels", clusters["labels"].clone()),
        ];
        let further = run(&bench, &pretrain::DEFINITION, LABELLED, inputs).unwrap();
        // It is an encoder like any other: it can go on learning, and be fine-tuned.
        let inputs = vec![
            ("waveforms", waveforms(&bench)),
            ("train", rows.clone()),
            ("encoder", further["encoder"].clone()),
        ];
        let again = run(&bench, &pretrain::DEFINITION, CONTRASTIVE, inputs).unwrap();
        let inputs =
            vec![("features", waveforms(&bench)), ("train", rows), ("encoder", again["encoder"].clone())];
        let tuned = run(&bench, &train::DEFINITION, TUNED, inputs).unwrap();
        let card = train::card(&bench.store.object(tuned["model"].digest).unwrap()).unwrap();
        // Whatever it heard since, it began at random.
        assert_eq!(card["encoder"]["pretrained"], false);
        let expected =
            "small, pretrained further (pseudo-labels, fold 1), pretrained further (contrastive, fold 1)";
        assert_eq!(card["encoder"]["name"], expected);
    }
}

const TUNED: &str = "{ network: { kind: wav2vec2 }, training: { max_epochs: 1, stopping: { kind: fixed } } }";

#[test]
fn equal_inputs_give_equal_bytes() {
    let digests = || {
        let bench = Bench::new();
        let (_, clusters) = labelled(&bench, encoder(&bench, &first()));
        let inputs = vec![
            ("waveforms", waveforms(&bench)),
            ("train", bench.rows(Role::Train, 1, 0)),
            ("encoder", encoder(&bench, &second())),
        ];
        let further = run(&bench, &pretrain::DEFINITION, CONTRASTIVE, inputs).unwrap();
        [&clusters["labels"], &clusters["clusters"], &further["encoder"], &further["history"]]
            .map(|item| item.digest)
    };
    assert_eq!(digests(), digests());
}

#[test]
fn what_was_made_in_another_fold_is_refused() {
    let bench = Bench::new();
    let (states, clusters) = labelled(&bench, encoder(&bench, &first()));
    let message = |result: Result<_, Failure>| match result.map(|_: BTreeMap<String, Item>| ()) {
        Err(Failure::Failed { message }) => message,
        other => panic!("{other:?}"),
    };
    // In fold 2 the rows 2 and 3 are trained on, and 0 and 1 may be tested.
    let fold_2 = bench.rows(Role::Train, 2, 2);
    let inputs = vec![("states", states), ("train", fold_2.clone())];
    let refused = run(&bench, &kmeans::DEFINITION, "{ clusters: [2] }", inputs);
    assert_eq!(
        message(refused),
        format!("there are states of `{}`, which is no training row of this fold", name(0))
    );
    let of_labels = |rows: Item| {
        let inputs = vec![
            ("waveforms", waveforms(&bench)),
            ("train", rows),
            ("encoder", encoder(&bench, &second())),
            ("labels", clusters["labels"].clone()),
        ];
        message(run(&bench, &pretrain::DEFINITION, LABELLED, inputs))
    };
    let expected = format!("there are no pseudo-labels of `{}`: are they another fold's?", name(4));
    assert_eq!(of_labels(fold_2), expected);
    // Fewer rows than there are labels of.
    let path = bench.path("few");
    let row = |utterance| Row {
        utterance: name(utterance),
        target: Some(Target::Class("a".into())),
        corpus: "C".into(),
        speaker: "C/1".into(),
        session: None,
        sex: None,
        style: None,
    };
    let task = Task::Classes(vec!["a".into(), "b".into()]);
    rows::write(&path, &Rows { role: Role::Train, fold: 1, task, rows: (0..3).map(row).collect() }).unwrap();
    let expected = format!("there are pseudo-labels of `{}`, which is no training row of this fold", name(3));
    assert_eq!(of_labels(bench.adopt(&path)), expected);

    let inputs = vec![
        ("waveforms", waveforms(&bench)),
        ("train", bench.rows(Role::Train, 1, 0)),
        ("encoder", encoder(&bench, &second())),
    ];
    let further = run(&bench, &pretrain::DEFINITION, CONTRASTIVE, inputs).unwrap();
    let inputs = vec![
        ("features", waveforms(&bench)),
        ("train", bench.rows(Role::Train, 2, 2)),
        ("encoder", further["encoder"].clone()),
    ];
    let refused = message(run(&bench, &train::DEFINITION, TUNED, inputs));
    assert_eq!(refused, "an encoder pretrained in fold 1 must not be used in fold 2");
}

#[test]
fn the_planner_and_the_worker_agree() {
    let read = |text: &str| -> Params {
        let (params, complaints) = planned(&pretrain::DEFINITION, text);
        assert_eq!(complaints, "");
        serde_json::from_value(params).unwrap()
    };
    let plain = read("{ objective: { kind: contrastive }, training: { steps: 9 } }");
    assert_eq!(plain.seed, 0);
    let expected = PretrainConfig {
        steps: 9,
        lr: 1e-4,
        optimiser: Optimiser::Adam,
        weight_decay: 0.0,
        batch_size: 64,
        drop_last: false,
        batching: Batching::Shuffled,
        crop: None,
        precision: Precision::Fp32,
        gradient_checkpointing: false,
        schedule: Schedule::Constant,
        held_out: 0.0,
    };
    assert_eq!(plain.training, expected);
    let Objective::Contrastive {
        negatives, temperature, padding, spans_over, freeze_feature_encoder, ..
    } = plain.objective
    else {
        panic!("not what was asked for")
    };
    assert_eq!((negatives, temperature, padding), (100, 2.0, PaddedClips::Heard));
    assert_eq!((spans_over, freeze_feature_encoder), (SpansOver::Clips, false));

    let other = read(
        "objective: { kind: pseudo-labels, spans_over: clips, freeze_feature_encoder: false, overrides: { layerdrop: 0 } }\n\
         training: { steps: 9, lr: 1e-3, batching: { kind: bucketed, seconds: 250 }, crop: { seconds: 10, at: random },\n\
         \x20           schedule: { kind: linear, warmup: 100, hold: 0.05 }, precision: bf16, held_out: 0.2,\n\
         \x20           gradient_checkpointing: true, optimiser: adamw, weight_decay: 0.1, drop_last: true, batch_size: 8 }\n\
         seed: 4\n",
    );
    assert_eq!(other.seed, 4);
    let stages = Stages { warmup: Steps::Count(100), hold: Steps::Share(0.05), floor: 0.0 };
    let expected = PretrainConfig {
        lr: 1e-3,
        batch_size: 8,
        batching: Batching::Bucketed { seconds: Some(250.0), noise: 0.1 },
        crop: Some(Crop { seconds: 10.0, at: CropAt::Random }),
        schedule: Schedule::Linear(stages),
        precision: Precision::Bf16,
        held_out: 0.2,
        gradient_checkpointing: true,
        optimiser: Optimiser::AdamW,
        weight_decay: 0.1,
        drop_last: true,
        ..expected
    };
    assert_eq!(other.training, expected);
    let Objective::PseudoLabels { hidden, spans_over, freeze_feature_encoder, overrides } = other.objective
    else {
        panic!("not what was asked for")
    };
    assert_eq!((hidden, spans_over, freeze_feature_encoder), (256, SpansOver::Clips, false));
    assert_eq!(overrides, Overrides { layerdrop: Some(0.0), ..Overrides::default() });

    let (params, complaints) = planned(&state_model::DEFINITION, "training: { steps: 9 }");
    assert_eq!(complaints, "");
    let plain: crate::ops::state_model::Params = serde_json::from_value(params).unwrap();
    assert_eq!((plain.class_weights, plain.training.held_out), (ClassWeights::InverseFrequency, 0.1));
    let published = StatesConfig::default();
    assert_eq!((plain.network.head, plain.network.lstm), (published.head_width, published.lstm_hidden));

    let (_, complaints) = planned(&kmeans::DEFINITION, "{ clusters: [64, 64] }");
    assert!(complaints.contains("64 clusters are asked for twice"), "{complaints}");
    let (_, complaints) =
        planned(&pretrain::DEFINITION, "{ objective: { kind: contrastve }, training: { stps: 9 } }");
    assert!(complaints.contains("did you mean `contrastive`"), "{complaints}");
    assert!(complaints.contains("did you mean `steps`"), "{complaints}");
}
