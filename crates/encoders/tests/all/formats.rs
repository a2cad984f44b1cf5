//! Files of transformers, torchaudio and fairseq with the same network are read as the same tensors.

use affekt_encoders::{Overrides, read};
use affekt_spec::encoder::{Activation, Family, Wav2VecConfig};
use serde_json::{Value, json};

use crate::support::{config, expected, golden, said, tensors};

const CTC: &str = "lm_head.";
const PRETRAINING: [&str; 3] = ["quantizer.", "project_q.", "project_hid."];
const MASK: &str = "masked_spec_embed";

/// Reads a golden and compares it with the network, except for tensors whose names start with those it `lacks`.
fn check(network: &str, file: &str, lacks: &[&str], said: &Overrides, normalise: bool, changed: &Value) {
    let encoder = read(&golden(network).join(file), said).unwrap_or_else(|error| panic!("{error}"));
    let mut found = tensors(&encoder);
    let mut whole = expected(network)["tensors"].take();
    if lacks.contains(&MASK) {
        let mask = found.as_object_mut().unwrap().remove(MASK).unwrap();
        assert_eq!(
            mask["blake3"],
            blake3::hash(&[0; 16 * 4]).to_string(),
            "{file}: zeros where there is none"
        );
        let note = "no `masked_spec_embed`: masked frames are replaced by zeros".to_owned();
        assert!(encoder.key_mapping.notes.contains(&note), "{file}: {:?}", encoder.key_mapping.notes);
    }
    whole.as_object_mut().unwrap().retain(|name, _| !lacks.iter().any(|part| name.starts_with(part)));
    assert_eq!(found, whole, "{network}/{file}");
    assert_eq!(encoder.config, Family::from(config(network, changed)), "{network}/{file}");
    assert_eq!(encoder.normalise, normalise, "{network}/{file}");
    assert_eq!(encoder.key_mapping.taken.len(), whole.as_object().unwrap().len(), "{file}");
    assert!(encoder.key_mapping.unknown.is_empty(), "{file}: {:?}", encoder.key_mapping.unknown);
    assert!(encoder.key_mapping.left_out.is_empty(), "{file}: {:?}", encoder.key_mapping.left_out);
}

#[test]
fn transformers_in_every_container_and_precision() {
    for (file, normalise) in [
        ("transformers", false),
        ("sharded", false),
        ("float16", false),
        ("bfloat16", false),
        // Without a `preprocessor_config.json`.
        ("bin", true),
        ("bin-sharded", true),
    ] {
        check("post-norm", file, &[CTC], &Overrides::default(), normalise, &json!({}));
    }
    check("pre-norm", "transformers", &[CTC], &Overrides::default(), true, &json!({}));
    let [codes, quantised, context] = PRETRAINING;
    for network in ["post-norm", "pre-norm"] {
        check(network, "ctc", &[codes, quantised, context], &Overrides::default(), true, &json!({}));
    }
    check("post-norm", "bare", &[codes, quantised, context, CTC], &Overrides::default(), false, &json!({}));
}

/// Weight norm has two names, and models with a head prefix those of the encoder.
#[test]
fn names_are_accounted_for() {
    let account = |file: &str| read(&golden(file), &Overrides::default()).unwrap().key_mapping.taken;
    let canonical = "encoder.pos_conv_embed.conv.weight_g";
    let new = "encoder.pos_conv_embed.conv.parametrizations.weight.original0";
    assert_eq!(account("post-norm/transformers")[&format!("wav2vec2.{new}")], canonical);
    assert_eq!(account("post-norm/bare")[new], canonical);
    assert_eq!(account("post-norm/bin")[&format!("wav2vec2.{canonical}")], canonical);
    let fairseq = account("pre-norm/fairseq/ctc.pt");
    assert_eq!(
        fairseq["w2v_encoder.w2v_model.feature_extractor.conv_layers.1.2.1.bias"],
        "feature_extractor.conv_layers.1.layer_norm.bias"
    );
    assert_eq!(fairseq["w2v_encoder.proj.bias"], "lm_head.bias");
}

/// Settings that these files lack are transformers' defaults.
fn torchaudio_leaves_open() -> Value {
    json!({
        "hidden_dropout": 0.1, "layerdrop": 0.1, "feat_quantizer_dropout": 0.0, "mask_time_prob": 0.05,
        "num_codevectors_per_group": 320, "codevector_dim": 256, "proj_codevector_dim": 256,
    })
}

#[test]
fn torchaudio() {
    let [codes, quantised, context] = PRETRAINING;
    for (network, normalise) in [("post-norm", false), ("pre-norm", true)] {
        let heads = [codes, quantised, context];
        let mut open = torchaudio_leaves_open();
        check(network, "torchaudio/ctc.pt", &[&heads[..], &[MASK]].concat(), &said(), normalise, &open);
        open["vocab_size"] = json!(32);
        let lacks = [&heads[..], &[MASK, CTC]].concat();
        check(network, "torchaudio/bare.pth", &lacks, &said(), normalise, &open);
    }
}

#[test]
fn fairseq_with_settings_of_every_age() {
    let [codes, quantised, context] = PRETRAINING;
    for (network, normalise) in [("post-norm", false), ("pre-norm", true)] {
        for file in ["args.pt", "cfg.pt", "omegaconf.pt"] {
            let changed = json!({ "vocab_size": 32, "final_dropout": 0.0 });
            check(network, &format!("fairseq/{file}"), &[CTC], &Overrides::default(), normalise, &changed);
        }
        for file in ["ctc.pt", "ctc-args.pt"] {
            // As the fine-tuning set them.
            let changed = json!({
                "hidden_dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0, "final_dropout": 0.05,
                "mask_time_prob": 0.5, "mask_feature_prob": 0.1, "mask_feature_length": 4, "layerdrop": 0.1,
            });
            let lacks = [codes, quantised, context];
            check(network, &format!("fairseq/{file}"), &lacks, &Overrides::default(), normalise, &changed);
        }
    }
}

/// `args.pt` has the format of the published file; `cfg.pt` has what that one lacks.
#[test]
fn wav2vec_in_fairseqs_files() {
    let text = std::fs::read_to_string(golden("wav2vec/expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    for (file, config) in [
        (
            "args.pt",
            Wav2VecConfig {
                conv_feature_layers: vec![[6, 10, 5], [6, 8, 4], [8, 1, 1]],
                conv_aggregator_layers: vec![[8, 2, 1], [8, 3, 1]],
                ..Wav2VecConfig::large()
            },
        ),
        (
            "cfg.pt",
            Wav2VecConfig {
                model_type: "wav2vec".into(),
                conv_feature_layers: vec![[6, 10, 5], [6, 4, 2], [6, 4, 2]],
                conv_aggregator_layers: vec![[8, 2, 1], [8, 3, 1]],
                activation: Activation::Gelu,
                log_compression: false,
                skip_connections_feat: true,
                skip_connections_agg: true,
                residual_scale: 0.25,
                agg_zero_pad: true,
                no_conv_bias: true,
                non_affine_group_norm: true,
                dropout: 0.125,
                dropout_features: 0.25,
                dropout_agg: 0.375,
            },
        ),
    ] {
        let encoder = read(&golden("wav2vec").join(file), &Overrides::default()).unwrap();
        assert_eq!(tensors(&encoder), expected[file]["tensors"], "{file}");
        assert_eq!(encoder.config, Family::from(config), "{file}");
        assert!(!encoder.normalise, "{file}");
        let account = &encoder.key_mapping;
        assert_eq!((account.taken.len(), &account.unknown), (encoder.tensors.len(), &vec![]), "{file}");
        assert!(account.taken.iter().all(|(theirs, name)| theirs == name), "{file}");
        assert_eq!(json!(account.left_out.len()), expected[file]["left_out"], "{file}");
        let (name, why) = account.left_out.last().unwrap();
        assert_eq!(name, "wav2vec_predictions.project_to_steps.weight");
        assert_eq!(why, "tells coming frames from others, in pretraining alone");
    }
    let quiet = read(&golden("wav2vec/args.pt"), &Overrides::default()).unwrap().key_mapping.notes;
    let note = "its task does not mention `normalize`: waveforms are not normalised, fairseq's default";
    assert_eq!(quiet, [note]);
}
