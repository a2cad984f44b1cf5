//! The steps of P-TAPT, one after the other, and what they refuse.

use affekt_spec::encoder::EncoderConfig;
use affekt_table::pseudo_labels::PseudoLabelTable;
use affekt_table::rows::{self, SplitRow, SplitRows};
use affekt_table::states::States;
use affekt_table::waveforms::WaveformWriter;
use affekt_torch::Checkpoint;
use serde_json::{Value, json};

use super::*;

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
    let model = run(bench, &FrameTeacher::DEFINITION, STATE_MODEL, inputs).unwrap();
    let inputs = vec![("waveforms", waveforms), ("train", rows.clone()), ("model", model["model"].clone())];
    let states = run(bench, &affekt_ops::states::States::DEFINITION, "{}", inputs).unwrap()["states"].clone();
    let inputs = vec![("states", states.clone()), ("train", rows)];
    let clusters = run(bench, &Kmeans::DEFINITION, "{ clusters: [2, 3], iterations: 4 }", inputs).unwrap();
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
        let labels = PseudoLabelTable::open(file(&bench, &clusters["labels"])).unwrap();
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
        let further = run(&bench, &Pretrain::DEFINITION, LABELLED, inputs).unwrap();
        // It is an encoder like any other: it can go on learning, and be fine-tuned.
        let inputs = vec![
            ("waveforms", waveforms(&bench)),
            ("train", rows.clone()),
            ("encoder", further["encoder"].clone()),
        ];
        // Pseudo-labels left it without a quantiser, which it is let begin with anew.
        let permitted = CONTRASTIVE.replace("contrastive", "contrastive, lacking_head: drawn");
        let again = run(&bench, &Pretrain::DEFINITION, &permitted, inputs).unwrap();
        let inputs =
            vec![("features", waveforms(&bench)), ("train", rows), ("encoder", again["encoder"].clone())];
        let tuned = run(&bench, &Train::DEFINITION, TUNED, inputs).unwrap();
        let card = affekt_ops::train::card(&bench.store.object(tuned["model"].digest).unwrap()).unwrap();
        // Whatever it heard since, it began at random.
        assert_eq!(card["encoder"]["pretrained"], false);
        let expected =
            "small, pretrained further (pseudo-labels, fold 1), pretrained further (contrastive, fold 1)";
        assert_eq!(card["encoder"]["name"], expected);
    }
}

const TUNED: &str = "{ network: { kind: wav2vec2 }, training: { max_epochs: 1, stopping: { kind: fixed } } }";

/// As one that was fine-tuned, or torchaudio's, lacks them.
#[test]
fn an_encoder_without_quantiser_goes_on_with_its_pretraining_by_permission_alone() {
    let bench = Bench::new();
    let inputs = |encoder: Item| {
        vec![("waveforms", waveforms(&bench)), ("train", bench.rows(Role::Train, 1, 0)), ("encoder", encoder)]
    };
    let whole = run(&bench, &Pretrain::DEFINITION, CONTRASTIVE, inputs(encoder(&bench, &second()))).unwrap();
    run(&bench, &Pretrain::DEFINITION, CONTRASTIVE, inputs(whole["encoder"].clone())).unwrap();

    let bytes = bench.store.object(whole["encoder"].digest).unwrap();
    let mut checkpoint = Checkpoint::from_bytes(bytes.all().unwrap()).unwrap();
    checkpoint.tensors.retain(|name, _| !name.starts_with("quantizer.") && name != "project_q.bias");
    let path = bench.path("without");
    std::fs::write(&path, checkpoint.to_bytes().unwrap()).unwrap();
    let without = bench.adopt(&path);
    let refused = run(&bench, &Pretrain::DEFINITION, CONTRASTIVE, inputs(without.clone()));
    let Err(Failure::Failed { message }) = refused else { panic!("it was not refused") };
    for part in ["`project_q.bias`", "`quantizer.codevectors`", "lacking_head: drawn", "wav2vec2-base"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains("project_hid"), "{message}");
    let permitted = CONTRASTIVE.replace("contrastive", "contrastive, lacking_head: drawn");
    run(&bench, &Pretrain::DEFINITION, &permitted, inputs(without.clone())).unwrap();
    // Fine-tuning, and pretraining of another kind, do without.
    let tuned =
        vec![("features", waveforms(&bench)), ("train", bench.rows(Role::Train, 1, 0)), ("encoder", without)];
    run(&bench, &Train::DEFINITION, TUNED, tuned).unwrap();
}

/// Stage 1 of P-TAPT from a wav2vec 2.0, as published.
#[test]
fn clips_of_a_teacher_behind_a_wav2vec2_are_cut_to_one_length_where_asked() {
    let bench = Bench::new();
    let trained = |text: &str| {
        let inputs = vec![
            ("waveforms", waveforms(&bench)),
            ("train", bench.rows(Role::Train, 1, 0)),
            ("encoder", encoder(&bench, &second())),
        ];
        run(&bench, &FrameTeacher::DEFINITION, text, inputs).unwrap()["model"].digest
    };
    let cut = STATE_MODEL.replace("head: 4", "head: 4, one_length: true");
    assert_ne!(trained(STATE_MODEL), trained(&cut));
}

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
        let further = run(&bench, &Pretrain::DEFINITION, CONTRASTIVE, inputs).unwrap();
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
    let refused = run(&bench, &Kmeans::DEFINITION, "{ clusters: [2] }", inputs);
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
        message(run(&bench, &Pretrain::DEFINITION, LABELLED, inputs))
    };
    let expected = format!("there are no pseudo-labels of `{}`: are they another fold's?", name(4));
    assert_eq!(of_labels(fold_2), expected);
    // Fewer rows than there are labels of.
    let path = bench.path("few");
    let row = |utterance| SplitRow {
        utterance: name(utterance),
        target: Some(Target::Class("a".into())),
        corpus: "C".into(),
        speaker: "C/1".into(),
        session: None,
        sex: None,
        style: None,
    };
    let task = Task::Classes(vec!["a".into(), "b".into()]);
    rows::write(&path, &SplitRows { role: Role::Train, fold: 1, task, rows: (0..3).map(row).collect() })
        .unwrap();
    let expected = format!("there are pseudo-labels of `{}`, which is no training row of this fold", name(3));
    assert_eq!(of_labels(bench.adopt(&path)), expected);

    let inputs = vec![
        ("waveforms", waveforms(&bench)),
        ("train", bench.rows(Role::Train, 1, 0)),
        ("encoder", encoder(&bench, &second())),
    ];
    let further = run(&bench, &Pretrain::DEFINITION, CONTRASTIVE, inputs).unwrap();
    let inputs = vec![
        ("features", waveforms(&bench)),
        ("train", bench.rows(Role::Train, 2, 2)),
        ("encoder", further["encoder"].clone()),
    ];
    let refused = message(run(&bench, &Train::DEFINITION, TUNED, inputs));
    assert_eq!(refused, "an encoder pretrained in fold 1 must not be used in fold 2");
}
