//! Artefacts depend on the encoder only; transformers opens exported folders
//! (`tests/goldens/encoders/check_export.py`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use affekt_encoders::{
    ArtefactCard, CARD, ClipLength, Encoder, EncoderError, Export, ExportedWeights, Head, Linear,
    OutputNames, Overrides, ShortClips, Weights, export, fingerprint, read, tensors, write,
};
use affekt_spec::encoder::EncoderConfig;
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::support::{expected, golden};

fn encoder(file: &str) -> Encoder {
    read(&golden(file), &Overrides { normalise: Some(false), ..Overrides::default() }).unwrap()
}

fn artefact(encoder: &Encoder) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("encoder");
    write(&path, &ArtefactCard::of(encoder, None), &encoder.tensors).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn equal_encoders_have_equal_bytes_whatever_they_came_in() {
    let bytes = artefact(&encoder("post-norm/transformers"));
    for file in ["sharded", "bin", "bin-sharded", "float16", "bfloat16"] {
        assert!(artefact(&encoder(&format!("post-norm/{file}"))) == bytes, "{file}");
    }
    assert!(artefact(&encoder("post-norm/ctc")) != bytes);
}

/// Artefacts have the form of affekt-torch's checkpoints: sorted, aligned, with the digest of everything else.
#[test]
fn an_artefact_is_a_safetensors_file_with_its_digest() {
    let bytes = artefact(&encoder("pre-norm/transformers"));
    let (length, header) = SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(length % 8, 0);
    let mut metadata: BTreeMap<_, _> = header.metadata().clone().unwrap().into_iter().collect();
    let written = metadata.remove("blake3").unwrap();
    let mut plain: BTreeMap<String, Value> =
        header.tensors().into_iter().map(|(name, info)| (name, json!(info))).collect();
    let whole = expected("pre-norm")["tensors"].take();
    let pretrained = whole.as_object().unwrap().keys().filter(|name| !name.starts_with("lm_head"));
    assert!(plain.keys().eq(pretrained));
    assert!(plain.values().all(|info| info["dtype"] == "F32"));
    let ends: Vec<u64> = plain.values().map(|info| info["data_offsets"][1].as_u64().unwrap()).collect();
    assert!(ends.is_sorted(), "in the order of names");
    plain.insert("__metadata__".into(), json!(metadata));
    let plain = serde_json::to_vec(&plain).unwrap();
    let digest = blake3::Hasher::new().update(&plain).update(&bytes[8 + length..]).finalize();
    assert_eq!(written, digest.to_string());

    let card: ArtefactCard = serde_json::from_str(&metadata[CARD]).unwrap();
    assert!(card.pretrained && !card.normalise);
    assert_eq!(
        (card.version, card.name.as_str(), card.seed, card.config.wav2vec2().unwrap().hidden_size),
        (1, "unnamed", None, 16)
    );
}

#[test]
fn an_encoder_that_nobody_trained_is_its_card() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("encoder");
    let card = ArtefactCard::untrained(EncoderConfig::default(), true, 7);
    write(&path, &card, &BTreeMap::new()).unwrap();
    assert_eq!(tensors(&path).unwrap().len(), 0);
    let bytes = fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let read: Value = serde_json::from_str(&header.metadata().clone().unwrap()[CARD]).unwrap();
    assert_eq!((&read["pretrained"], &read["seed"]), (&json!(false), &json!(7)));
    assert_eq!(read["origin"], "drawn at random from seed 7: not pretrained");
}

#[test]
fn what_is_no_number_is_not_written() {
    let mut encoder = encoder("post-norm/bare");
    let mut mask = vec![0.0; 16];
    mask[3] = f32::NAN;
    encoder.tensors.insert("masked_spec_embed".into(), Weights::from_values(&[16], &mask));
    let folder = tempfile::tempdir().unwrap();
    let error =
        write(&folder.path().join("e"), &ArtefactCard::of(&encoder, None), &encoder.tensors).unwrap_err();
    assert!(matches!(error, EncoderError::NotFinite { .. }));
    let message =
        "`masked_spec_embed` has values that are not finite: the checkpoint it comes from is damaged";
    assert_eq!(error.to_string(), message);
}

#[test]
fn a_fingerprint_is_of_what_files_hold_not_of_where_they_lie() {
    let of = |file: &str| fingerprint(&golden(file)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for file in fs::read_dir(golden("post-norm/sharded")).unwrap() {
        let path = file.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    fs::write(folder.path().join("training_args.bin"), "of no concern").unwrap();
    assert_eq!(fingerprint(folder.path()).unwrap(), of("post-norm/sharded"));
    fs::remove_file(folder.path().join("preprocessor_config.json")).unwrap();
    assert_ne!(fingerprint(folder.path()).unwrap(), of("post-norm/sharded"));
    assert_ne!(of("post-norm/fairseq/args.pt"), of("post-norm/fairseq/cfg.pt"));
    assert!(fingerprint(&golden("post-norm/fairseq")).is_err());
}

/// The configuration determines the family.
#[test]
fn a_wav2vec_is_written_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("encoder");
    let encoder = encoder("wav2vec/args.pt");
    write(&path, &ArtefactCard::of(&encoder, None), &encoder.tensors).unwrap();
    assert!(tensors(&path).unwrap().keys().eq(encoder.tensors.keys()));
    let bytes = fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let written: Value = serde_json::from_str(&header.metadata().clone().unwrap()[CARD]).unwrap();
    assert_eq!(written["config"]["model_type"], "wav2vec");
    assert_eq!(written["config"]["conv_feature_layers"], json!([[6, 10, 5], [6, 8, 4], [8, 1, 1]]));
    let card: ArtefactCard = serde_json::from_value(written).unwrap();
    assert_eq!(card.config, encoder.config);
}

/// Multiples of 1/8; `check_export.py` has the same formula.
fn formula(shape: &[usize]) -> Weights {
    let count = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..count).map(|i| ((i * 7 % 11) as f32 - 5.0) / 8.0).collect();
    Weights::from_values(shape, &values)
}

fn linear(to: usize, from: usize) -> Linear {
    Linear { weight: formula(&[to, from]), bias: formula(&[to]) }
}

/// Returns a folder that remains, for `check_export.py` to open.
fn exported(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("affekt-encoders").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    folder
}

fn network(file: &str, head: Head, outputs: OutputNames) -> Export {
    let mut encoder = encoder(file);
    encoder.tensors.retain(|name, _| !name.starts_with("lm_head"));
    Export {
        title: "A tiny network".into(),
        about: "It knows nothing.".into(),
        config: encoder.config.speech().unwrap().clone(),
        normalise: file.starts_with("pre-norm"),
        clip: Some(ClipLength { samples: 48_000, short: ShortClips::Zeros }),
        encoder: encoder.tensors,
        head,
        outputs,
        licence: None,
    }
}

fn json_of(folder: &Path, file: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(file)).unwrap()).unwrap()
}

#[test]
fn a_mean_and_a_linear_map_are_transformers_classifier() {
    for network_of in ["post-norm", "pre-norm"] {
        let folder = exported(network_of);
        let names = ["angry", "happy", "sad"].map(str::to_owned);
        let head = Head::Mean { projector: None, classifier: linear(3, 16) };
        let network = network(&format!("{network_of}/ctc"), head, OutputNames::Classes(names.into()));
        let weights = export(&folder, &network).unwrap();
        let added = vec!["projector.weight".to_owned(), "projector.bias".to_owned()];
        assert_eq!(weights, [ExportedWeights { file: "model.safetensors", prefix: "", added }]);

        // What was written is what is read again: the encoder, the classifier, and the identity.
        let again = read(&folder, &Overrides::default()).unwrap();
        assert_eq!(again.normalise, network_of == "pre-norm");
        let config = network.config.wav2vec2().unwrap().clone();
        let config = EncoderConfig { classifier_proj_size: 16, ..config };
        assert_eq!(again.config, config.into());
        for (name, weights) in &network.encoder {
            assert_eq!(again.tensors[name].values(), weights.values(), "{name}");
        }
        assert_eq!(again.tensors["classifier.weight"].values(), formula(&[3, 16]).values());
        let identity = again.tensors["projector.weight"].values();
        assert!(
            identity.iter().enumerate().all(|(at, entry)| *entry == f32::from(u8::from(at / 16 == at % 16)))
        );
        let config = json_of(&folder, "config.json");
        assert_eq!(config["architectures"], json!(["Wav2Vec2ForSequenceClassification"]));
        assert_eq!(config["id2label"], json!({ "0": "angry", "1": "happy", "2": "sad" }));
        assert_eq!(config["label2id"]["sad"], 2);
        assert_eq!(config["problem_type"], "single_label_classification");
        let preprocessor = json_of(&folder, "preprocessor_config.json");
        assert_eq!(preprocessor["sampling_rate"], 16_000);
        let length = ["max_length", "padding", "truncation"].map(|name| preprocessor[name].clone());
        assert_eq!(length, [json!(48_000), json!("max_length"), json!(true)]);
        let card = fs::read_to_string(folder.join("README.md")).unwrap();
        let line = "\nwaveform = np.pad(waveform[:48000], (0, max(0, 48000 - len(waveform))))\nmodel = ";
        assert!(card.contains(line) && card.contains("clips of 3 s (48000 samples)"), "{card}");
    }
}

#[test]
fn a_projector_and_values_are_kept() {
    let folder = exported("regression");
    let head = Head::Mean { projector: Some(linear(6, 16)), classifier: linear(2, 6) };
    let names = ["valence", "arousal"].map(str::to_owned);
    let network = network("post-norm/ctc", head, OutputNames::Outputs(names.into()));
    let weights = export(&folder, &network).unwrap();
    assert_eq!(weights, [ExportedWeights { file: "model.safetensors", prefix: "", added: vec![] }]);
    let config = json_of(&folder, "config.json");
    assert_eq!((&config["problem_type"], &config["classifier_proj_size"]), (&json!("regression"), &json!(6)));
}

#[test]
fn other_heads_lie_beside_the_encoder() {
    let folder = exported("lstm");
    let head = BTreeMap::from([("lstm.weight_ih_l0".to_owned(), formula(&[8, 16]))]);
    let about = "An LSTM reads the frames, and its last output is mapped to the outputs.".to_owned();
    let head = Head::Other { tensors: head, about: about.clone() };
    let network = network("pre-norm/ctc", head, OutputNames::Outputs(vec!["awe".into()]));
    let weights = export(&folder, &network).unwrap();
    let files: Vec<_> = weights.iter().map(|weights| (weights.file, weights.prefix)).collect();
    assert_eq!(files, [("model.safetensors", "wav2vec2."), ("head.safetensors", "")]);
    assert_eq!(json_of(&folder, "config.json")["architectures"], json!(["Wav2Vec2Model"]));
    assert_eq!(tensors(&folder.join("head.safetensors")).unwrap()["lstm.weight_ih_l0"].shape(), [8, 16]);
    let again = read(&folder, &Overrides::default()).unwrap();
    assert!(again.tensors.keys().eq(network.encoder.keys()));
    let page = fs::read_to_string(folder.join("README.md")).unwrap();
    assert!(page.contains(&about) && page.contains("The encoder alone is here"), "{page}");
}
