//! Experiments with encoders of speech: frozen, fine-tuned, on numbers; and what is exported of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::process::Stdio;

use affekt_table::TableFile;
use affekt_table::predictions::{self, Predictions};
use serde_json::Value;

use crate::lab::{Ended, Lab, Run};
use crate::stand_in::{Repository, StandIn};

/// An encoder that knows nothing, quick to compute.
const SMALL: &str = "
  encoder.architecture: base
  encoder.config:
    hidden_size: 16
    num_hidden_layers: 2
    num_attention_heads: 2
    intermediate_size: 24
    conv_dim: [8, 8, 8, 8, 8, 8, 8]
    num_conv_pos_embeddings: 8
    num_conv_pos_embedding_groups: 2
";

fn speech(pipeline: &str, with: &str) -> String {
    format!(
        "name: speech\ncorpora: {{ ravdess: {{ synthetic: {{ actors: 4, statements: 1, repetitions: 1 }} }} }}\n\
         labels: native\nprotocol: {{ kind: group-kfold, group: speaker, folds: 2, dev: none, seeds: [1] }}\n\
         use: pipelines/{pipeline}.yaml\nwith:\n  encoder: random{SMALL}{with}"
    )
}

/// A lab where that has run.
fn ran(text: &str) -> (Lab, Run) {
    let lab = Lab::empty();
    lab.write("speech.yaml", text);
    let run = lab.run("speech", &[]).expect(0);
    (lab, run)
}

fn predicted(run: &Run, file: &str) -> Predictions {
    predictions::read(&TableFile::open_path(&run.folder.join(file)).unwrap()).unwrap()
}

/// What `predict` printed.
fn lines(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const FINE_TUNED: &str = "  seconds: whole\n  batching: { kind: bucketed }\n  lr: 1e-2\n  batch_size: 8\n  max_epochs: 2\n  \
                          stopping: { kind: fixed }\n  padding: excluded\n  padded_to: none\n";

#[test]
fn a_fine_tuned_encoder_is_exported_and_says_what_the_experiment_said() {
    let (lab, run) = ran(&speech("wav2vec2", FINE_TUNED));
    let page = run.text("report.md");
    assert!(page.contains("was not pretrained but began at random"), "{page}");
    let predictions = predicted(&run, "predictions.arrow");
    let of_fold = predictions.rows.iter().filter(|row| row.fold == 1);
    let expected: BTreeMap<String, &Vec<f32>> =
        of_fold.map(|row| (stem(&row.utterance), &row.outputs)).collect();
    assert_eq!(expected.len(), 30);

    let node = "train[fold=1,seed=1]";
    let export =
        |node: &str, folder: &str| lab.xtask(&["export", "speech.yaml", node, folder, "--device", "cpu"]);
    export(node, "model").expect(0);
    let refused = export(node, "model").expect(2);
    assert!(refused.stderr.contains("not empty"), "{}", refused.stderr);
    let refused = export("predict[fold=1,seed=1]", "other").expect(2);
    assert!(refused.stderr.contains("no training") && refused.stderr.contains(node), "{}", refused.stderr);
    let card = fs::read_to_string(lab.path("model/README.md")).unwrap();
    assert!(card.contains("synthetic voices") && card.contains("uar"), "{card}");
    let config: Value = serde_json::from_slice(&fs::read(lab.path("model/config.json")).unwrap()).unwrap();
    assert_eq!(config["architectures"][0], "Wav2Vec2ForSequenceClassification");

    let recordings: Vec<_> = recordings(&lab, ".affekt/synthetic")
        .into_iter()
        .filter(|(stem, _)| expected.contains_key(stem))
        .collect();
    let paths: Vec<&str> = recordings.iter().map(|(_, path)| path.as_str()).collect();
    let ended = lab.xtask(&[&["predict", "model", "--device", "cpu"][..], &paths[..]].concat()).expect(0);
    let found = lines(&ended);
    assert_eq!(found.len(), 30);
    for ((stem, path), line) in recordings.iter().zip(&found) {
        assert_eq!(line["audio"], *path);
        assert_eq!(line["predicted"], predictions.task.predicted(expected[stem]).unwrap());
        close(line, predictions.task.names(), expected[stem]);
    }

    // The same recording as a stream, in one window and a little silence of no account.
    let (stem, path) = &recordings[0];
    let wav = fs::read(lab.path(path)).unwrap();
    let samples = &wav[44..];
    let seconds = (samples.len() / 2) as f64 / 16_000.0;
    let stream = |window: &str, samples: &[u8]| {
        let words = ["predict", "model", "-", "--window", window, "--device", "cpu"];
        let mut child = lab.command(&words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(samples).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let heard = stream(&seconds.to_string(), samples);
    assert_eq!(heard.len(), 1);
    close(&heard[0], predictions.task.names(), expected[stem]);
    let half = stream(&(seconds / 2.0).to_string(), samples);
    assert_eq!(
        half.iter().map(|line| line["start"].as_f64().unwrap() > 0.0).collect::<Vec<_>>(),
        [false, true]
    );
}

#[test]
fn a_folder_of_transformers_is_tested_as_the_export_that_it_is() {
    let (lab, first) = ran(&speech("wav2vec2", FINE_TUNED));
    lab.xtask(&["export", "speech.yaml", "train[fold=1,seed=1]", "model", "--device", "cpu"]).expect(0);
    // Without its own file it is a folder like any on the Hub, of which nobody says what it was trained on.
    fs::remove_file(lab.path("model/affekt.json")).unwrap();
    let text = speech("existing-model", "")
        .replace("group-kfold, group: speaker, folds: 2, dev: none, seeds: [1]", "test-only");
    let text = text.replace(&format!("encoder: random{SMALL}"), "model: model\n");
    lab.write("again.yaml", &text.replace("name: speech", "name: again"));
    let run = lab.run("again", &[]).expect(0);
    assert_eq!(stamps(&run), ["earlier training data unknown"]);
    let (ours, again) = (predicted(&first, "predictions.arrow"), predicted(&run, "predictions.arrow"));
    let said: BTreeMap<&String, &Vec<f32>> =
        again.rows.iter().map(|row| (&row.utterance, &row.outputs)).collect();
    assert_eq!((said.len(), &again.task), (ours.rows.len(), &ours.task));
    for row in ours.rows.iter().filter(|row| row.fold == 1) {
        let apart = row.outputs.iter().zip(said[&row.utterance]).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) < 1e-5, "{}", row.utterance);
    }
}

/// Those that compute most otherwise of what is built like wav2vec 2.0: trained, exported, and read again as a folder of transformers.
#[test]
fn relatives_of_wav2vec2_are_trained_exported_and_read_again() {
    for (model_type, class) in [
        ("wavlm", "WavLMForSequenceClassification"),
        ("data2vec-audio", "Data2VecAudioForSequenceClassification"),
    ] {
        let small = SMALL.replace("architecture: base", &format!("architecture: {model_type}"));
        let (lab, first) = ran(&speech("wav2vec2", FINE_TUNED).replace(SMALL, &small));
        lab.xtask(&["export", "speech.yaml", "train[fold=1,seed=1]", "model", "--device", "cpu"]).expect(0);
        let config: Value =
            serde_json::from_slice(&fs::read(lab.path("model/config.json")).unwrap()).unwrap();
        assert_eq!((&config["model_type"], &config["architectures"][0]), (&model_type.into(), &class.into()));
        // As an export of this program, and as a folder like any on the Hub.
        let (stem, path) = recordings(&lab, ".affekt/synthetic").pop_first().unwrap();
        let predict = || lines(&lab.xtask(&["predict", "model", "--device", "cpu", &path]).expect(0));
        let exported = predict();
        fs::remove_file(lab.path("model/affekt.json")).unwrap();
        let text = speech("existing-model", "")
            .replace("group-kfold, group: speaker, folds: 2, dev: none, seeds: [1]", "test-only")
            .replace(&format!("encoder: random{SMALL}"), "model: model\n")
            .replace("name: speech", "name: again");
        lab.write("again.yaml", &text);
        let run = lab.run("again", &[]).expect(0);
        let (ours, again) = (predicted(&first, "predictions.arrow"), predicted(&run, "predictions.arrow"));
        let said: BTreeMap<&String, &Vec<f32>> =
            again.rows.iter().map(|row| (&row.utterance, &row.outputs)).collect();
        for row in ours.rows.iter().filter(|row| row.fold == 1) {
            let apart = row.outputs.iter().zip(said[&row.utterance]).map(|(a, b)| (a - b).abs());
            assert!(apart.fold(0.0, f32::max) < 1e-5, "{model_type}: {}", row.utterance);
        }
        let row = again.rows.iter().find(|row| row.utterance.ends_with(&stem)).unwrap();
        close(&exported[0], again.task.names(), &row.outputs);
    }
}

#[test]
fn an_encoder_that_was_trained_with_test_speakers_labels_is_refused() {
    let (lab, first) = ran(&speech("wav2vec2", FINE_TUNED));
    lab.xtask(&["export", "speech.yaml", "train[fold=1,seed=1]", "model", "--device", "cpu"]).expect(0);
    let text = fs::read_to_string(lab.path("model/affekt.json")).unwrap();
    let mut card: Value = serde_json::from_str(&text).unwrap();
    let entries = card["trained_on"].as_array().unwrap();
    assert_eq!(
        (entries.len(), &entries[0]["corpus"], &entries[0]["labels"]),
        (1, &"RAVDESS".into(), &"emotions".into())
    );
    let rows = predicted(&first, "predictions.arrow").rows;
    let tested: BTreeSet<&str> =
        rows.iter().filter(|row| row.fold == 1).map(|row| row.speaker.as_str()).collect();
    let trained: BTreeSet<&str> =
        entries[0]["speakers"].as_array().unwrap().iter().map(|speaker| speaker.as_str().unwrap()).collect();
    assert!(trained.len() == 2 && trained.is_disjoint(&tested), "{trained:?} {tested:?}");

    let own = speech("wav2vec2", FINE_TUNED).replace(&format!("random{SMALL}"), "model\n");
    lab.write("again.yaml", &own.replace("name: speech", "name: again"));
    let refused = lab.xtask(&["run", "again.yaml", "--device", "cpu"]).expect(1).stderr;
    assert!(refused.contains("was trained on 2 test speakers of RAVDESS with their labels"), "{refused}");
    assert!(refused.contains("`unsafe: [earlier-test-labels]`"), "{refused}");
    let audit = lab.xtask(&["audit", "again.yaml", "--device", "cpu"]).expect(1).stdout;
    assert!(audit.contains("LEAK: encoder `model` was trained on 2 test speakers"), "{audit}");

    let run = lab.run("again", &["--set", "unsafe=[earlier-test-labels]"]).expect(0);
    assert_eq!(stamps(&run), ["trained earlier with test speakers' labels"]);
    // Saying something else of it trains nothing anew.
    for (said, expected) in [
        (
            serde_json::json!([{ "corpus": "RAVDESS", "speakers": [], "labels": "none" }]),
            "trained earlier on test speakers' recordings",
        ),
        (Value::Null, "earlier training data unknown"),
    ] {
        card["trained_on"] = said;
        fs::write(lab.path("model/affekt.json"), card.to_string()).unwrap();
        let run = lab.run("again", &[]).expect(0);
        assert_eq!((stamps(&run), run.ran()), (vec![expected.to_owned()], Vec::new()));
    }
}

/// The stamps of the only variant, which stand in the report too.
fn stamps(run: &Run) -> Vec<String> {
    let metrics: Value = serde_json::from_slice(&run.bytes("metrics.json")).unwrap();
    let stamps = metrics["variants"][0]["stamps"].as_array().unwrap();
    let stamps: Vec<String> = stamps.iter().map(|stamp| stamp.as_str().unwrap().to_owned()).collect();
    assert!(stamps.iter().all(|stamp| run.text("report.md").contains(stamp)), "{stamps:?}");
    stamps
}

/// The recordings below a folder of the lab by their stems, as the lab sees them.
fn recordings(lab: &Lab, folder: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![lab.path(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wav") {
                let shown = path.strip_prefix(lab.path("")).unwrap().to_str().unwrap().to_owned();
                found.insert(path.file_stem().unwrap().to_str().unwrap().to_owned(), shown);
            }
        }
    }
    found
}

fn stem(utterance: &str) -> String {
    utterance.rsplit('/').next().unwrap().to_owned()
}

/// The probabilities are those of these logits.
fn close(line: &Value, classes: &[String], logits: &[f32]) {
    let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
    for (class, &logit) in classes.iter().zip(logits) {
        let found = line["probabilities"][class].as_f64().unwrap();
        let expected = f64::from(logit).exp() / sum;
        assert!((found - expected).abs() < 1e-5, "{class}: {found} and {expected} in {line}");
    }
}

#[test]
fn what_is_no_model_is_refused_and_what_is_no_audio_is_said() {
    let lab = Lab::finished();
    lab.run("tiny", &[]).expect(0);
    let refused = lab.xtask(&["predict", "data", "a.wav"]).expect(2);
    assert!(
        refused.stderr.contains("not a model") && refused.stderr.contains("export"),
        "{}",
        refused.stderr
    );
    lab.xtask(&["export", "tiny.yaml", "train[fold=1,seed=1]", "model", "--device", "cpu"]).expect(0);
    let first = recordings(&lab, "data").into_values().next().unwrap();
    let ended = lab.xtask(&["predict", "model", "gone.wav", &first, "--device", "cpu"]).expect(1);
    assert!(ended.stderr.contains("no prediction for gone.wav"), "{}", ended.stderr);
    let found = lines(&ended);
    assert_eq!((found.len(), &found[0]["audio"]), (1, &Value::from(first)));
    let sum: f64 = found[0]["probabilities"].as_object().unwrap().values().map(|p| p.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-6);
    let wrong = lab.xtask(&["predict", "model", "a.wav", "--window", "3", "--hop", "4"]).expect(1);
    assert!(wrong.stderr.contains("a.wav"), "{}", wrong.stderr);

    // One that cannot be used takes no other with it, and seconds are those that were heard: the network's clips are of 1 s.
    let write = |name: &str, samples: usize, sample: fn(usize) -> f32| {
        let samples: Vec<[u8; 4]> = (0..samples).map(|at| sample(at).to_le_bytes()).collect();
        write_wav(&lab.path(name), 3, 8000, &samples);
    };
    write("long.wav", 20_000, |at| (at as f32 * 0.3).sin() / 2.0);
    write("short.wav", 2000, |at| (at as f32 * 0.3).sin() / 2.0);
    write("nan.wav", 8000, |_| f32::NAN);
    write("nothing.wav", 0, |_| 0.0);
    let words = ["predict", "model", "nan.wav", "long.wav", "nothing.wav", "short.wav", "--device", "cpu"];
    let ended = lab.xtask(&words).expect(1);
    for name in ["nan.wav", "nothing.wav"] {
        assert!(ended.stderr.contains(&format!("no prediction for {name}")), "{}", ended.stderr);
    }
    let heard: Vec<_> =
        lines(&ended).iter().map(|line| (line["audio"].clone(), line["seconds"].as_f64().unwrap())).collect();
    assert_eq!(heard, [("long.wav".into(), 1.0), ("short.wav".into(), 0.25)]);
}

/// Writes mono samples: format 1 are integers, 3 floats.
fn write_wav(path: &std::path::Path, format: u16, rate_hz: u32, samples: &[impl AsRef<[u8]>]) {
    let data: Vec<u8> = samples.iter().flat_map(|sample| sample.as_ref().iter().copied()).collect();
    let width = samples.first().map_or(4, |sample| sample.as_ref().len() as u32);
    let length = data.len() as u32;
    let mut bytes = [&b"RIFF"[..], &(36 + length).to_le_bytes(), b"WAVEfmt ", &16_u32.to_le_bytes()].concat();
    bytes.extend([format, 1].iter().flat_map(|field| field.to_le_bytes()));
    bytes.extend([rate_hz, rate_hz * width].iter().flat_map(|field| field.to_le_bytes()));
    bytes.extend([width as u16, 8 * width as u16].iter().flat_map(|field| field.to_le_bytes()));
    bytes.extend([&b"data"[..], &length.to_le_bytes(), &data].concat());
    fs::write(path, bytes).unwrap();
}

#[test]
fn an_export_tells_how_long_clips_must_be() {
    let zeros = FINE_TUNED.replace("seconds: whole", "seconds: 0.5\n  audio.fill: zeros");
    for (with, fills) in [(zeros, true), (FINE_TUNED.replace("seconds: whole", "seconds: 0.5"), false)] {
        the_card_tells_how_long_clips_must_be(&with, fills);
    }
}

/// What the card's line makes of a recording is what the network hears of it, longer or shorter.
fn the_card_tells_how_long_clips_must_be(with: &str, fills: bool) {
    let (lab, _) = ran(&speech("wav2vec2", with));
    lab.xtask(&["export", "speech.yaml", "train[fold=1,seed=1]", "model", "--device", "cpu"]).expect(0);
    let json = |name: &str| -> Value { serde_json::from_slice(&fs::read(lab.path(name)).unwrap()).unwrap() };
    let preprocessor = json("model/preprocessor_config.json");
    assert_eq!((&preprocessor["max_length"], &preprocessor["truncation"]), (&8000.into(), &true.into()));
    let length = preprocessor["max_length"].as_u64().unwrap() as usize;
    assert_eq!(preprocessor.get("padding").is_some(), fills);
    let card = fs::read_to_string(lab.path("model/README.md")).unwrap();
    let line = match fills {
        true => format!("waveform = np.pad(waveform[:{length}], (0, max(0, {length} - len(waveform))))\n"),
        false => format!("waveform = waveform[:{length}]\n"),
    };
    assert!(card.contains(&line), "{card}");
    for (number, samples) in [20_000, 5000].into_iter().enumerate() {
        let wave: Vec<i16> = (0..samples).map(|at| ((at * at % 977) as i16 - 488) * 20).collect();
        let mut prepared = wave[..length.min(samples)].to_vec();
        if fills {
            prepared.resize(length, 0);
        }
        let (whole, cut) = (format!("whole-{number}.wav"), format!("cut-{number}.wav"));
        for (name, samples) in [(&whole, &wave), (&cut, &prepared)] {
            let samples: Vec<[u8; 2]> = samples.iter().map(|sample| sample.to_le_bytes()).collect();
            write_wav(&lab.path(name), 1, 16_000, &samples);
        }
        let found = lines(&lab.xtask(&["predict", "model", &whole, &cut, "--device", "cpu"]).expect(0));
        assert_eq!(found[0]["probabilities"], found[1]["probabilities"]);
        assert_eq!(found[0]["seconds"], (samples as f64 / 16_000.0).min(0.5));
    }
}

#[test]
fn a_frozen_encoder_gives_a_matrix_a_clip() {
    let with = "  lr: 1e-3\n  batch_size: 16\n  max_epochs: 1\n  embed.batch_size: 4\n  \
                train.network: { kind: embedding-cnn, channels: [2, 2, 4, 4], hidden: 8 }\n  \
                train.training.stopping: { kind: fixed }\n";
    let (lab, run) = ran(&speech("embedding-cnn", with));
    assert!(run.ran().iter().any(|node| node.starts_with("embed[shard=")));
    let shards = lab.xtask(&["path", "speech.yaml", "embed", "--device", "cpu"]).expect(0);
    let shard = fs::read_dir(shards.stdout.trim()).unwrap().next().unwrap().unwrap().path();
    let features = affekt_table::features::Features::open(TableFile::open_path(&shard).unwrap()).unwrap();
    assert_eq!(features.shape(), [149, 32]);
    let matrix = features.frames(0).unwrap();
    let (low, high) = matrix.iter().fold((f32::MAX, f32::MIN), |(low, high), &x| (low.min(x), high.max(x)));
    assert_eq!((low, high), (-1.0, 1.0));
}

/// Every hidden state under learnt weights, low-rank maps, attention: reported, exported, and predicted again from what was exported.
#[test]
fn layers_are_weighed_and_low_rank_maps_merged() {
    let with = "  layers: weighted\n  adapt: { kind: lora, rank: 2 }\n  pooling: attentive-statistics\n  lr: 1e-2\n  \
                batch_size: 8\n  max_epochs: 2\n  loss: focal\n  batching: { balance: class }\n  stopping: { kind: fixed }\n";
    let (lab, run) = ran(&speech("encoder", with));
    let page = run.text("report.md");
    assert!(
        page.contains("Weights of the encoder’s layers") && page.contains("over 2 training runs"),
        "{page}"
    );
    assert!(page.contains("low-rank maps (LoRA) of rank 2") && page.contains("focal loss"), "{page}");

    lab.xtask(&["export", "speech.yaml", "train[fold=1,seed=1]", "model", "--device", "cpu"]).expect(0);
    assert!(lab.path("model/adapter/adapter_model.safetensors").is_file());
    let json = |file: &str| -> Value { serde_json::from_slice(&fs::read(lab.path(file)).unwrap()).unwrap() };
    let adapter = json("model/adapter/adapter_config.json");
    assert_eq!((&adapter["r"], &adapter["target_modules"][0]), (&2.into(), &"q_proj".into()));
    assert!(json("model/affekt.json")["card"]["network"]["adapt"].is_null());
    let predictions = predicted(&run, "predictions.arrow");
    let of_fold = predictions.rows.iter().filter(|row| row.fold == 1);
    let expected: BTreeMap<String, &Vec<f32>> =
        of_fold.map(|row| (stem(&row.utterance), &row.outputs)).collect();
    let recordings = recordings(&lab, ".affekt/synthetic");
    let (stem, path) = recordings.iter().find(|(stem, _)| expected.contains_key(*stem)).unwrap();
    let ended = lab.xtask(&["predict", "model", "--device", "cpu", path]).expect(0);
    close(&lines(&ended)[0], predictions.task.names(), expected[stem]);
}

#[test]
fn bursts_are_rated_and_their_test_part_is_submitted() {
    let lab = Lab::empty();
    lab.write(
        "speech.yaml",
        &format!(
            "name: speech\ncorpora: {{ hume-vb: {{ synthetic: {{ parts: [16, 8, 4] }} }} }}\nlabels: hume-two\n\
             protocol: {{ kind: official, seeds: [1] }}\nuse: pipelines/avb.yaml\nwith:\n  extractor: random{SMALL}  \
             lstm: {{ layers: 1, hidden: 8 }}\n  train.network.layer: 1\n  max_epochs: 1\n  batch_size: 8\n\
             variants:\n  last: {{ with.pooling: last, report.published: {{ ccc: 0.6 }} }}\n  \
             type: {{ with.pooling: max, labels: hume-type, with.loss: cross-entropy, with.monitor: dev-uar }}\n\
             report: {{ primary: ccc, table: {{ rows: with.pooling, columns: labels }} }}\n"
        ),
    );
    let run = lab.run("speech", &[]).expect(0);
    let metrics: Value = serde_json::from_str(&run.text("metrics.json")).unwrap();
    let (last, of_type) = (&metrics["variants"][0], &metrics["variants"][1]);
    assert_eq!((&last["part"], &last["withheld"]), (&"dev".into(), &4.into()));
    assert!(last["aggregate"]["ccc"]["mean"].is_number() && of_type["aggregate"]["uar"]["mean"].is_number());
    assert!(run.text("report.md").contains("dev part: the test labels are withheld"));
    let submitted = run.text("submissions/submission[variant=last].csv");
    assert_eq!(submitted.lines().next(), Some("File_ID,Valence,Arousal"));
    assert_eq!(submitted.lines().count(), 5);
    assert_eq!(run.text("submissions/submission[variant=type].csv").lines().next(), Some("File_ID,Voc_Type"));
    let rows = |file: &str| predicted(&run, file).rows.len();
    assert_eq!((rows("predictions.arrow"), rows("predictions-2.arrow")), (12, 12));
}

#[test]
fn labels_of_the_test_part_count_beside_the_published_test_column() {
    let lab = Lab::empty();
    lab.write(
        "speech.yaml",
        &format!(
            "name: speech\ncorpora: {{ hume-vb: {{ synthetic: {{ parts: [16, 8, 8], test_labels: true }} }} }}\n\
             labels: hume-two\nprotocol: {{ kind: official, seeds: [1] }}\nuse: pipelines/avb.yaml\nwith:\n  \
             extractor: random{SMALL}  lstm: {{ layers: 1, hidden: 8 }}\n  train.network.layer: 1\n  max_epochs: 1\n  \
             batch_size: 8\nreport: {{ primary: ccc, published: [{{ ccc: 0.61, part: dev }}, {{ ccc: 0.62, part: test }}] }}\n"
        ),
    );
    let run = lab.run("speech", &[]).expect(0);
    let metrics: Value = serde_json::from_str(&run.text("metrics.json")).unwrap();
    let only = &metrics["variants"][0];
    assert_eq!((&only["part"], &only["withheld"]), (&Value::Null, &Value::Null), "it is the test part");
    let page = run.text("report.md");
    assert!(page.contains("| CCC | 62.0 |") && page.contains("| CCC, dev part | 61.0 |"), "{page}");
    assert!(page.contains("Parameter train.network.layer is 1; published is 12."), "{page}");
    // Without a figure of the test part, that of the other stands there and is called what it is.
    let one = ["--set", "report.published={ ccc: 0.61, part: dev }"];
    let page = lab.run("speech", &one).expect(0).text("report.md");
    assert!(page.contains("61.0") && page.contains("of the dev part, ours of the test part"), "{page}");
}

#[test]
fn networks_are_given_what_they_read() {
    let lab = Lab::empty();
    let refused = |text: &str| {
        lab.write("speech.yaml", text);
        lab.xtask(&["plan", "speech.yaml", "--device", "cpu"]).expect(2).stderr
    };
    let network = |network: &str| speech("wav2vec2", &format!("  train.network: {network}\n"));
    let found = refused(&network("{ kind: cnn }"));
    assert!(found.contains("`cnn`, reads features, and `audio` gives waveforms"), "{found}");
    assert!(found.contains("has no use for an encoder"), "{found}");
    lab.write(
        "pipelines/bare.yaml",
        "nodes:\n  audio: { op: audio, seconds: whole }\n  train:\n    op: train\n    \
               in: { features: audio, train: split.train }\n    network: { kind: wav2vec2 }\n    \
               training: { stopping: { kind: fixed } }\n    per: [fold, seed]\n",
    );
    let bare = speech("bare", "");
    let bare = &bare[..bare.find("with:").unwrap()];
    let found = refused(bare);
    assert!(found.contains("`wav2vec2`, reads an encoder"), "{found}");
    let found = refused(&speech("wav2vec2", "  train.network.lstm: { layer: 2 }\n"));
    assert!(found.contains("did you mean `layers`"), "{found}");
    let found = refused(&speech("wav2vec2", "").replace("hidden_size", "hiden_size"));
    assert!(found.contains("hiden_size"), "{found}");
}

#[test]
fn an_encoder_that_is_not_here_says_how_to_get_it() {
    let lab = Lab::empty();
    lab.write(
        "speech.yaml",
        &speech("wav2vec2", FINE_TUNED)
            .replace("encoder: random", "encoder: wav2vec2-base")
            .replace(SMALL, "\n"),
    );
    let mut command = lab.command(&["run", "speech.yaml", "--device", "cpu"]);
    command.env("HF_HOME", lab.path("hub"));
    let ended = Ended::of(command).expect(1);
    assert!(ended.stderr.contains("`fetch wav2vec2-base` downloads it"), "{}", ended.stderr);
}

/// An experiment that tests the model `from` on the corpus of `first`, with the permission that this takes.
fn tests_again(first: &str, from: &str) -> String {
    let (_, head) = first.split_once('\n').unwrap();
    let (head, _) = head.split_once("protocol:").unwrap();
    format!(
        "name: again\n{head}protocol: {{ kind: test-only }}\nuse: pipelines/existing-model.yaml\nwith: {{ model: {from} }}\n\
         unsafe: [earlier-test-labels]\n"
    )
}

/// Checks that the model in a folder says what the experiment said that it was exported from, and what `predict` says.
fn says_the_same(lab: &Lab, first: &Run, model: &str, text: &str) {
    lab.write("again.yaml", &tests_again(text, model));
    let run = lab.run("again", &[]).expect(0);
    let (ours, again) = (predicted(first, "predictions.arrow"), predicted(&run, "predictions.arrow"));
    let said: BTreeMap<&String, &Vec<f32>> =
        again.rows.iter().map(|row| (&row.utterance, &row.outputs)).collect();
    for row in ours.rows.iter().filter(|row| row.fold == 1) {
        let apart = row.outputs.iter().zip(said[&row.utterance]).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) < 1e-5, "{}", row.utterance);
    }
    let (stem, path) = recordings(lab, ".affekt/synthetic").into_iter().next().unwrap();
    let line = lines(&lab.xtask(&["predict", model, &path, "--device", "cpu"]).expect(0)).remove(0);
    let row = again.rows.iter().find(|row| self::stem(&row.utterance) == stem).unwrap();
    close(&line, again.task.names(), &row.outputs);
}

#[test]
fn a_model_brings_along_the_frozen_encoder_before_it() {
    let with = "  lr: 1e-3\n  batch_size: 16\n  max_epochs: 1\n  embed.batch_size: 4\n  audio.fill: zeros\n  \
                train.network: { kind: embedding-cnn, channels: [2, 2, 4, 4], hidden: 8 }\n  \
                train.training.stopping: { kind: fixed }\n";
    let text = speech("embedding-cnn", with);
    let (lab, first) = ran(&text);
    lab.xtask(&["export", "speech.yaml", "train[fold=1,seed=1]", "model", "--device", "cpu"]).expect(0);
    says_the_same(&lab, &first, "model", &text);

    // From the Hub, where it was fetched.
    let names = ["affekt.json", "embed.encoder", "model.safetensors", "README.md"];
    let files = names.map(|name| (name, fs::read(lab.path("model").join(name)).unwrap()));
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let repository = Repository { name: "somebody/heard", commit, files: files.into(), store: None };
    let hub = StandIn::new(move |asked| repository.answer(asked));
    let with_hub = |words: &[&str]| {
        let mut command = lab.command(words);
        command.env("HF_HOME", lab.path("hf")).env("HF_ENDPOINT", &hub.address).env_remove("HF_HUB_OFFLINE");
        command
    };
    fs::rename(lab.path("model"), lab.path("away")).unwrap();
    lab.write("again.yaml", &tests_again(&text, "somebody/heard"));
    let plan = ["plan", "again.yaml", "--device", "cpu"];
    let missing = Ended::of(with_hub(&plan)).expect(2).stderr;
    assert!(missing.contains("`fetch somebody/heard` downloads it"), "{missing}");
    Ended::of(with_hub(&["fetch", "somebody/heard"])).expect(0);
    let there = Ended::of(with_hub(&["fetch", "somebody/heard"])).expect(0);
    assert!(there.stdout.contains("is there") && !there.stderr.contains("downloading"), "{there:?}");
    assert!(!hub.questions().iter().any(|question| question.contains("README")));
    let again = lab.run_by("again", with_hub(&["run", "again.yaml", "--device", "cpu"])).expect(0);
    // The same bytes under another name: nothing goes through a network again.
    assert!(again.ran().iter().all(|node| !node.starts_with("predict[")), "{:?}", again.ran());
    let (_, path) = recordings(&lab, ".affekt/synthetic").into_iter().next().unwrap();
    Ended::of(with_hub(&["predict", "somebody/heard", &path, "--device", "cpu"])).expect(0);

    // Another encoder in its place is found out.
    fs::rename(lab.path("away"), lab.path("model")).unwrap();
    let mut bytes = fs::read(lab.path("model/embed.encoder")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(lab.path("model/embed.encoder"), bytes).unwrap();
    lab.write("again.yaml", &tests_again(&text, "model"));
    for words in
        [&["run", "again.yaml", "--device", "cpu"][..], &["predict", "model", &path, "--device", "cpu"]]
    {
        let refused = lab.xtask(words);
        assert_ne!(refused.code, Some(0));
        assert!(refused.stderr.contains("is not the file that was exported"), "{}", refused.stderr);
    }
}

#[test]
fn a_model_brings_along_the_frozen_convolutions_before_it() {
    let text = speech("vgg16", "").replace(&format!("encoder: random{SMALL}"), "base: random\n  base_config: { channels: [2, 2, 2, 2, 2] }\n  \
                size: 32\n  units_1: 4\n  units_2: 4\n  max_epochs: 1\n  refit: none\n  train.training.stopping: { kind: fixed }\n");
    let (lab, first) = ran(&text);
    assert!(first.ran().iter().any(|node| node.starts_with("frozen[shard=")), "{:?}", first.ran());
    lab.xtask(&["export", "speech.yaml", "train[fold=1,seed=1]", "model", "--device", "cpu"]).expect(0);
    says_the_same(&lab, &first, "model", &text);
}
