//! Encoders of speech in transformers' form, every family: read whole, and the same again when a trained one was exported. Names
//! and shapes are the reference's, which stand in the goldens of `affekt-models`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use affekt_encoders::{Export, Head, Linear, OutputNames, Overrides, Weights, export, fingerprint, read};
use affekt_spec::encoder::{Relative, SpeechConfig};
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
struct Golden {
    case: String,
    config: Map<String, Value>,
    parameters: BTreeMap<String, Vec<usize>>,
}

fn goldens(file: &str) -> Vec<Golden> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/speech_encoders/");
    serde_json::from_slice(&fs::read(format!("{folder}{file}")).unwrap()).unwrap()
}

/// Writes a folder as transformers does, in which every element tells its tensor.
fn write(folder: &Path, golden: &Golden, prefix: &str) {
    fs::write(folder.join("config.json"), Value::Object(golden.config.clone()).to_string()).unwrap();
    let bytes: BTreeMap<String, (Vec<usize>, Vec<u8>)> = (1_u32..)
        .zip(&golden.parameters)
        .map(|(number, (name, shape))| {
            let values = vec![number as f32; shape.iter().product()];
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (format!("{prefix}{name}"), (shape.clone(), bytes))
        })
        .collect();
    let views = bytes
        .iter()
        .map(|(name, (shape, bytes))| (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    fs::write(folder.join("model.safetensors"), serialize(views, None).unwrap()).unwrap();
}

#[test]
fn relatives_are_read_and_exported() {
    let mut seen = Vec::new();
    for golden in goldens("relatives.json") {
        let case = &golden.case;
        let relative = Relative::of(golden.config["model_type"].as_str().unwrap()).unwrap();
        let expected = SpeechConfig::of(&SpeechConfig::known_fields(&golden.config).unwrap()).unwrap();
        for prefix in ["", relative.prefix] {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), &golden, prefix);
            fingerprint(folder.path()).unwrap();
            let encoder = read(folder.path(), &Overrides::default()).unwrap();
            assert_eq!(encoder.config.speech(), Some(&expected), "{case}");
            assert_eq!(encoder.config.name(), relative.name, "{case}");
            assert_eq!(encoder.key_mapping.taken.len(), golden.parameters.len(), "{case}");
            assert!(encoder.key_mapping.unknown.is_empty(), "{case}: {:?}", encoder.key_mapping.unknown);

            let exported = folder.path().join("exported");
            let width = expected.width();
            let linear = |outputs: usize| Linear {
                weight: Weights::from_values(&[outputs, width], &vec![0.5; outputs * width]),
                bias: Weights::from_values(&[outputs], &vec![0.0; outputs]),
            };
            let network = Export {
                title: "A network".into(),
                about: "For a test.".into(),
                config: expected.clone(),
                normalise: false,
                clip: None,
                encoder: encoder.tensors.clone(),
                head: Head::Mean { projector: None, classifier: linear(2) },
                outputs: OutputNames::Classes(vec!["a".into(), "b".into()]),
                licence: None,
            };
            export(&exported, &network).unwrap();
            let again = read(&exported, &Overrides::default()).unwrap();
            // What the head that was added is wide.
            let changed = Map::from_iter([("classifier_proj_size".to_owned(), width.into())]);
            assert_eq!(again.config, encoder.config.with(&changed).unwrap(), "{case}");
            for (name, weights) in &encoder.tensors {
                assert_eq!(again.tensors[name].values(), weights.values(), "{case}: {name}");
            }
            let text = fs::read_to_string(exported.join("config.json")).unwrap();
            assert!(text.contains(&format!("{}ForSequenceClassification", relative.class)), "{text}");
        }
        seen.push(relative.name);
    }
    seen.dedup();
    assert_eq!(seen, ["HuBERT", "WavLM", "UniSpeech-SAT", "data2vec-audio"]);
}

#[test]
fn the_encoder_of_a_whisper_is_read_and_exported() {
    for golden in goldens("whisper.json") {
        let case = &golden.case;
        let expected = SpeechConfig::of(&SpeechConfig::known_fields(&golden.config).unwrap()).unwrap();
        for prefix in ["", "model."] {
            let folder = tempfile::tempdir().unwrap();
            let mut golden = Golden {
                parameters: golden.parameters.clone(),
                config: golden.config.clone(),
                case: case.clone(),
            };
            for decoder in ["decoder.layers.0.fc1.weight", "decoder.embed_tokens.weight"] {
                golden.parameters.insert(decoder.to_owned(), vec![2]);
            }
            write(folder.path(), &golden, prefix);
            let encoder = read(folder.path(), &Overrides::default()).unwrap();
            assert_eq!((encoder.config.speech(), encoder.normalise), (Some(&expected), false), "{case}");
            assert_eq!(encoder.key_mapping.left_out.len(), 2, "{case}");
            assert!(encoder.key_mapping.unknown.is_empty(), "{case}: {:?}", encoder.key_mapping.unknown);

            let exported = folder.path().join("exported");
            let linear = Linear {
                weight: Weights::from_values(&[2, expected.width()], &vec![0.5; 2 * expected.width()]),
                bias: Weights::from_values(&[2], &[0.0; 2]),
            };
            let network = Export {
                title: "A network".into(),
                about: "For a test.".into(),
                config: expected.clone(),
                normalise: false,
                clip: None,
                encoder: encoder.tensors.clone(),
                head: Head::Mean { projector: None, classifier: linear },
                outputs: OutputNames::Classes(vec!["a".into(), "b".into()]),
                licence: None,
            };
            let files = export(&exported, &network).unwrap();
            let files: Vec<_> = files.iter().map(|file| (file.file, file.prefix)).collect();
            assert_eq!(files, [("model.safetensors", "wav2vec2."), ("head.safetensors", "")]);
            let again = read(&exported, &Overrides::default()).unwrap();
            assert_eq!((again.config, again.normalise), (encoder.config, false), "{case}");
            assert!(again.tensors.keys().eq(encoder.tensors.keys()), "{case}");
        }
    }
}
