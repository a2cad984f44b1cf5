//! `encoder`: checkpoints and drawn encoders become artefacts.

use std::fs;
use std::path::{Path, PathBuf};

use affekt_encoders::{ArtefactCard, Hub, tensors};
use affekt_graph::{Job, Ops};
use affekt_runner::{EncoderPlaces, RunnerOps};
use affekt_spec::encoder::{EncoderConfig, Normalisation, Vgg16Config, Wav2VecConfig};
use serde_json::{Value, json};

use crate::bench::{Bench, Unwatched, params, source};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/encoders/post-norm").join(name)
}

/// Ops that find checkpoints in `folder` and nowhere else.
fn ops(bench: &Bench, folder: &Path) -> RunnerOps {
    let hub = Hub::of(|_| Some(bench.path("no-hub").into_os_string()));
    let datasets = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets").into()];
    bench.ops().with_encoders(EncoderPlaces { datasets, hub, folder: Some(folder.to_owned()) })
}

/// What the artefact of a job says of itself.
fn card(job: &Job) -> ArtefactCard {
    let bytes = fs::read(&job.outputs["encoder"]).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    serde_json::from_str(header["__metadata__"]["card"].as_str().unwrap()).unwrap()
}

#[test]
fn a_checkpoint_becomes_an_artefact_and_an_account() {
    let bench = Bench::new();
    let job = bench.job("encoder", params("encoder", "from: transformers").unwrap(), &[]);
    ops(&bench, &golden("")).run(&job, &mut Unwatched::default()).unwrap();
    let card = card(&job);
    assert!(card.pretrained && !card.normalise);
    assert_eq!(card.config.wav2vec2().unwrap().hidden_size, 16);
    let written = tensors(&job.outputs["encoder"]).unwrap();
    assert_eq!(written["encoder.pos_conv_embed.conv.weight_g"].shape(), [1, 1, 6]);
    let account: Value = serde_json::from_slice(&fs::read(&job.outputs["account"]).unwrap()).unwrap();
    assert_eq!(account["taken"].as_object().unwrap().len(), written.len());
    assert_eq!(account["taken"]["wav2vec2.masked_spec_embed"], "masked_spec_embed");
    assert_eq!(
        (&account["left_out"], &account["unknown"], &account["notes"]),
        (&json!([]), &json!([]), &json!([]))
    );
}

/// The same weights of a float type or a container's are the same artefact, so that nothing below runs again.
#[test]
fn equal_checkpoints_are_equal_artefacts_under_different_keys() {
    let bench = Bench::new();
    let ops = ops(&bench, &golden(""));
    let artefact = |from: &str| {
        let job =
            bench.job("encoder", params("encoder", &format!("from: {from}\nnormalise: false")).unwrap(), &[]);
        let fingerprint = ops.fingerprint(&source(&job), false, &mut Unwatched::default()).unwrap().unwrap();
        ops.run(&job, &mut Unwatched::default()).unwrap();
        (fingerprint, fs::read(&job.outputs["encoder"]).unwrap())
    };
    let (whole, half) = (artefact("transformers"), artefact("float16"));
    assert!(whole.1 == half.1);
    assert_ne!(whole.0, half.0);
}

#[test]
fn what_changes_while_it_is_read_is_not_filed_under_what_it_was() {
    let (bench, folder) = (Bench::new(), tempfile::tempdir().unwrap());
    fs::create_dir(folder.path().join("own")).unwrap();
    for file in fs::read_dir(golden("bare")).unwrap() {
        let path = file.unwrap().path();
        fs::copy(&path, folder.path().join("own").join(path.file_name().unwrap())).unwrap();
    }
    let job = bench.job("encoder", params("encoder", "from: own").unwrap(), &[]);
    let ops = ops(&bench, folder.path());
    ops.fingerprint(&source(&job), true, &mut Unwatched::default()).unwrap();
    fs::write(folder.path().join("own/preprocessor_config.json"), r#"{"do_normalize": true}"#).unwrap();
    let told = ops.run(&job, &mut Unwatched::default()).unwrap_err().to_string();
    assert!(told.ends_with("own changed while it was read; run again"), "{told}");
    ops.run(&job, &mut Unwatched::default()).unwrap();
    assert!(card(&job).normalise);
}

#[test]
fn what_is_not_here_is_told_how_to_get() {
    let (bench, folder) = (Bench::new(), tempfile::tempdir().unwrap());
    let job = bench.job("encoder", params("encoder", "from: wav2vec2-base").unwrap(), &[]);
    let told =
        ops(&bench, folder.path()).fingerprint(&source(&job), false, &mut Unwatched::default()).unwrap_err();
    let told = told.to_string();
    assert!(told.contains("looked in ") && told.contains("`fetch wav2vec2-base` downloads it"), "{told}");
}

#[test]
fn an_encoder_can_be_drawn() {
    let bench = Bench::new();
    let yaml =
        "from: random\narchitecture: large-lv60k\nconfig: { num_hidden_layers: 2, hidden_size: 32 }\nseed: 7";
    let job = bench.job("encoder", params("encoder", yaml).unwrap(), &[]);
    bench.ops().run(&job, &mut Unwatched::default()).unwrap();
    let card = card(&job);
    assert_eq!((card.pretrained, card.seed, card.name.as_str()), (false, Some(7), "random"));
    let config = EncoderConfig {
        num_hidden_layers: 2,
        hidden_size: 32,
        ..affekt_spec::encoder::Architecture::LargeLv60k.config()
    };
    assert_eq!(card.config, config.into());
    assert!(card.normalise);
    assert!(tensors(&job.outputs["encoder"]).unwrap().is_empty());
}

#[test]
fn a_wav2vec_is_read_and_can_be_drawn() {
    let bench = Bench::new();
    let job = bench.job("encoder", params("encoder", "from: ../wav2vec/args.pt").unwrap(), &[]);
    ops(&bench, &golden("")).run(&job, &mut Unwatched::default()).unwrap();
    let small = Wav2VecConfig {
        conv_feature_layers: vec![[6, 10, 5], [6, 8, 4], [8, 1, 1]],
        conv_aggregator_layers: vec![[8, 2, 1], [8, 3, 1]],
        ..Wav2VecConfig::large()
    };
    assert_eq!(card(&job).config, small.clone().into());
    let account: Value = serde_json::from_slice(&fs::read(&job.outputs["account"]).unwrap()).unwrap();
    assert_eq!(account["left_out"][0][0], "wav2vec_predictions.project_to_steps.bias");

    let yaml = "from: random\narchitecture: wav2vec-large\nconfig:\n  \
                conv_feature_layers: [[6, 10, 5], [6, 8, 4], [8, 1, 1]]\n  \
                conv_aggregator_layers: [[8, 2, 1], [8, 3, 1]]";
    let job = bench.job("encoder", params("encoder", yaml).unwrap(), &[]);
    bench.ops().run(&job, &mut Unwatched::default()).unwrap();
    let card = card(&job);
    assert_eq!((card.pretrained, card.normalise, card.config), (false, false, small.into()));
}

#[test]
fn parameters_are_read_and_mistakes_told() {
    let read = |yaml: &str| params("encoder", yaml);
    assert_eq!(
        read("from: own.pt\nnormalise: checkpoint\nconfig: { num_attention_heads: 2 }"),
        Ok(json!({
            "from": { "checkpoint": { "name": "own.pt", "config": { "num_attention_heads": 2 } } },
            "normalise": null,
        }))
    );
    assert_eq!(read("from: own.pt\nnormalise: true").unwrap()["normalise"], true);
    // What is drawn may stand beside a checkpoint, where it means nothing: a pipeline gives it beside a variable.
    assert_eq!(read("from: a\narchitecture: vgg16\nseed: 1").unwrap(), read("from: a").unwrap());
    for (yaml, expected) in [
        ("normalise: true", "needs `from`"),
        ("from: a\nnormalise: perhaps", "expected `checkpoint`, `true` or `false`, found `perhaps`"),
        ("from: a\nseed: -1", "expected a whole number"),
        ("from: a\narchitecture: basic", "valid values are `base`"),
        ("from: random\nconfig: { hidden_sise: 32 }", "did you mean `hidden_size`?"),
        (
            "from: random\nconfig: { hidden_size: wide }",
            "`hidden_size`: invalid type: string \"wide\", expected usize",
        ),
        (
            "from: random\narchitecture: basic",
            "valid values are `base`, `large`, `large-lv60k`, `xlsr-53`, `hubert`",
        ),
        (
            "from: random\narchitecture: wav2vec-large\nconfig: { conv_aggregator_layer: [] }",
            "did you mean `conv_aggregator_layers`?",
        ),
        (
            "from: random\narchitecture: wav2vec-large\nconfig: { conv_aggregator_layers: [[8, 2, 2]] }",
            "`conv_aggregator_layers` is of stride 2: only 1 is supported",
        ),
        (
            "from: random\nconfig: { hidden_size: 50 }",
            "`hidden_size` is 50, expected a multiple of `num_attention_heads`, which is 12",
        ),
        (
            "from: random\nconfig: small",
            "expected a mapping of fields of transformers' `config.json`, found `small`",
        ),
    ] {
        let told = read(yaml).unwrap_err();
        assert!(told.contains(expected), "{yaml}:\n{told}");
    }
}

#[test]
fn a_vgg16_is_read_and_can_be_drawn() {
    let bench = Bench::new();
    let from = |file: &str, config: &str| {
        let yaml = format!("from: ../../vgg16/{file}\n{config}");
        let job = bench.job("encoder", params("encoder", &yaml).unwrap(), &[]);
        ops(&bench, &golden("")).run(&job, &mut Unwatched::default()).map(|()| job)
    };
    let small = Vgg16Config { channels: vec![4, 6], convolutions: vec![1, 2], ..Vgg16Config::default() };
    for file in ["small.zip.pth", "small.legacy.pth", "small.safetensors"] {
        let job = from(file, "").unwrap();
        let card = card(&job);
        assert_eq!(
            (card.config, card.pretrained, card.normalise),
            (small.clone().into(), true, false),
            "{file}"
        );
        let written = tensors(&job.outputs["encoder"]).unwrap();
        assert_eq!(written["features.5.weight"].shape(), [6, 6, 3, 3]);
        let account: Value = serde_json::from_slice(&fs::read(&job.outputs["account"]).unwrap()).unwrap();
        assert_eq!((account["taken"].as_object().unwrap().len(), written.len()), (6, 6));
        assert_eq!(account["left_out"][3][0], "classifier.3.weight");
    }
    let keras = Vgg16Config { normalisation: Normalisation::Keras, ..small.clone() };
    let job = from("small.zip.pth", "config: { normalisation: keras }").unwrap();
    assert_eq!(card(&job).config, keras.clone().into());
    for (config, expected) in [
        ("config: { channels: [4, 8] }", "`channels` is [4,6] in the file, but [4,8] under `config`"),
        ("normalise: true", "`normalise` is true: only `normalisation` under `config`"),
        ("config: { hidden_size: 16 }", "`hidden_size`: unknown field"),
    ] {
        let told = from("small.zip.pth", config).map(|_| ()).unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
    }

    let drawn = "config: { channels: [4, 6], convolutions: [1, 2], normalisation: keras }\nseed: 7";
    for yaml in [
        format!("from: random\narchitecture: vgg16\n{drawn}"),
        format!("from: random\n{}", drawn.replace("{ ", "{ model_type: vgg16, ")),
    ] {
        let job = bench.job("encoder", params("encoder", &yaml).unwrap(), &[]);
        bench.ops().run(&job, &mut Unwatched::default()).unwrap();
        let card = card(&job);
        assert_eq!((card.config, card.pretrained, card.seed), (keras.clone().into(), false, Some(7)));
    }
    let told = params("encoder", "from: random\narchitecture: vgg16\nnormalise: true").unwrap_err();
    assert!(told.contains("a VGG16 reads images"), "{told}");
}
