//! Refused checkpoints: other models, damaged files, files that lead out of the folder, and files that run code.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use affekt_encoders::{EncoderError, Overrides, fingerprint, read};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::{Value, json};

use crate::support::{golden, said};

/// Returns the error, with `F` for the folder.
fn refused(path: &Path, said: &Overrides, folder: &Path) -> String {
    let error = read(path, said).err().unwrap_or_else(|| panic!("{} is read", path.display()));
    error.to_string().replace(folder.to_str().unwrap(), "F")
}

/// A copy of a golden folder, to be modified.
struct Copy(tempfile::TempDir);

impl Copy {
    fn of(name: &str) -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        for file in fs::read_dir(golden(name)).unwrap() {
            let path = file.unwrap().path();
            fs::copy(&path, copy.path(path.file_name().unwrap().to_str().unwrap())).unwrap();
        }
        copy
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn refused(&self) -> String {
        refused(self.0.path(), &Overrides::default(), self.0.path())
    }

    /// Changes the JSON of a file.
    fn edit(&self, file: &str, edit: impl FnOnce(&mut Value)) {
        let mut json = serde_json::from_slice(&fs::read(self.path(file)).unwrap()).unwrap();
        edit(&mut json);
        fs::write(self.path(file), json.to_string()).unwrap();
    }

    /// Changes the tensors of `model.safetensors`.
    fn edit_tensors(&self, edit: impl FnOnce(&mut BTreeMap<String, TensorView<'_>>)) {
        let path = self.path("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let mut tensors = file.tensors().into_iter().collect();
        edit(&mut tensors);
        fs::write(path, serialize(&tensors, None).unwrap()).unwrap();
    }
}

/// The pickles name `os.system`, which would create a file in the working folder.
#[test]
fn pickles_that_want_to_run_are_refused_and_do_not_run() {
    for file in ["args", "cfg", "torchaudio"] {
        let path = golden("refused").join(format!("{file}.pt"));
        let told = refused(&path, &Overrides::default(), &golden("refused"));
        assert!(told.starts_with(&format!("F/{file}.pt: refused `posix.system` at byte")), "{told}");
    }
    let copy = Copy::of("post-norm/bin");
    fs::copy(golden("refused/torchaudio.pt"), copy.path("pytorch_model.bin")).unwrap();
    assert!(copy.refused().starts_with("F/pytorch_model.bin: refused `posix.system`"));
    assert!(!Path::new("affekt-was-here").exists());
}

#[test]
fn other_models_are_refused_by_name() {
    let folder = golden("refused");
    let told = |file: &str| refused(&folder.join(file), &Overrides::default(), &folder);
    let supported = "`wav2vec2`, the CTC models around it (`wav2vec_ctc`) and `wav2vec` are supported";
    assert_eq!(told("hubert.pt"), format!("F/hubert.pt: it is a model of type `hubert`: only {supported}"));
    assert_eq!(
        told("data2vec.pt"),
        format!("F/data2vec.pt: it is a model of type `data2vec_audio`: only {supported}")
    );
    assert_eq!(told("wav2vec-vq.pt"), "F/wav2vec-vq.pt: `vq_type` is \"gumbel\": only \"none\" is supported");
    assert_eq!(
        told("wav2vec-gru.pt"),
        "F/wav2vec-gru.pt: `aggregator` is \"gru\": only \"cnn\" is supported"
    );
    let empty = told("wav2vec.pt");
    let expected = "F/wav2vec.pt: the tensors do not match the settings: \
                    `feature_aggregator.conv_layers.0.1.bias` is missing; ";
    assert!(empty.starts_with(expected), "{empty}");
    let expected = "no checkpoint that is known: expected torchaudio's names (`encoder.transformer.…`), torchvision's of a VGG16 \
                    without batch norms (`features.0.weight`), or fairseq's \
                    `model` beside `cfg` or `args`; of transformers' checkpoints, give the folder with `config.json`";
    assert_eq!(told("something.pt"), format!("F/something.pt: {expected}"));
    assert_eq!(told("tensor.pt"), "F/tensor.pt: it contains a tensor, expected tensors by name");
    for kind in ["speecht5", "wav2vec2-conformer"] {
        let copy = Copy::of("post-norm/bare");
        copy.edit("config.json", |config| config["model_type"] = json!(kind));
        let expected =
            format!("F/config.json: it is a model of type `{kind}`: supported are `wav2vec2`, `hubert`, ");
        assert!(copy.refused().starts_with(&expected), "{}", copy.refused());
        // Planning reads a checkpoint for its identity alone, and is told as well.
        let told = fingerprint(copy.0.path()).unwrap_err().to_string();
        assert!(told.contains(expected.strip_prefix("F/config.json").unwrap()), "{told}");
    }
}

#[test]
fn settings_that_cannot_be_followed_are_refused() {
    for (field, value, expected) in [
        ("add_adapter", json!(true), "F/config.json: `add_adapter` is true: only false is supported"),
        ("adapter_attn_dim", json!(16), "F/config.json: `adapter_attn_dim` is 16: only null is supported"),
        (
            "hidden_act",
            json!("silu"),
            "F: `hidden_act`: unknown value `silu`: expected one of `gelu`, `relu`",
        ),
        ("hidden_size", json!("16"), "F: `hidden_size`: invalid type: string \"16\", expected usize"),
        (
            "hidden_size",
            json!(1_u64 << 60),
            "F: `hidden_size` is 1152921504606846976: expected between 1 and 1048576",
        ),
        (
            "num_hidden_layers",
            json!(1_000_000_000),
            "F: `num_hidden_layers` is 1000000000: expected between 1 and 1048576",
        ),
        (
            "num_attention_heads",
            json!(3),
            "F: `hidden_size` is 16, expected a multiple of `num_attention_heads`, which is 3",
        ),
        (
            "conv_stride",
            json!([5, 2]),
            "F: `conv_dim`, `conv_kernel` and `conv_stride` list 3, 3 and 2 layers: expected the same number, at least one",
        ),
    ] {
        let copy = Copy::of("post-norm/bare");
        copy.edit("config.json", |config| config[field] = value);
        assert_eq!(copy.refused(), expected);
    }
    let copy = Copy::of("post-norm/bare");
    copy.edit("config.json", |config| config["num_hidden_layers"] = json!(3));
    let told = copy.refused();
    let expected =
        "F: the tensors do not match the settings: `encoder.layers.2.attention.k_proj.bias` is missing; ";
    assert!(told.starts_with(expected) && told.ends_with("; and 12 more"), "{told}");
    let copy = Copy::of("post-norm/bare");
    copy.edit("config.json", |config| config["intermediate_size"] = json!(25));
    let told = copy.refused();
    assert!(
        told.contains(
            "`encoder.layers.0.feed_forward.intermediate_dense.bias` has shape [24], expected [25]"
        ),
        "{told}"
    );
    let copy = Copy::of("post-norm/bare");
    fs::write(copy.path("config.json"), "{").unwrap();
    assert!(copy.refused().starts_with("F/config.json: unexpected settings: EOF"));
    let copy = Copy::of("post-norm/bare");
    copy.edit("preprocessor_config.json", |config| config["do_normalize"] = json!("yes"));
    assert_eq!(
        copy.refused(),
        "F/preprocessor_config.json: `do_normalize` is \"yes\": expected true or false"
    );
}

#[test]
fn what_a_file_cannot_tell_must_be_said_once() {
    let path = golden("post-norm/torchaudio/ctc.pt");
    let folder = golden("post-norm/torchaudio");
    let mut said = said();
    said.config.remove("num_attention_heads");
    let expected = "F/ctc.pt: `num_attention_heads` cannot be inferred from this file (its width is not a published one, \
                    768 or 1024): set it under `config`";
    assert_eq!(refused(&path, &said, &folder), expected);
    said.config.insert("hidden_size".into(), json!(32));
    let expected = "F/ctc.pt: `hidden_size` is 16 in the file, but 32 under `config`";
    assert_eq!(refused(&path, &said, &folder), expected);
    said.config.insert("hidden_size".into(), json!(16.0));
    said.config.insert("num_heads".into(), json!(2));
    said.config.insert("num_attention_heads".into(), json!(2));
    assert_eq!(refused(&path, &said, &folder), "F/ctc.pt: `num_heads`: unknown field");
}

#[test]
fn damage_is_found() {
    let files =
        [("post-norm/bare", "model.safetensors"), ("post-norm/sharded", "model-00002-of-00003.safetensors")];
    for (folder, file) in files {
        let copy = Copy::of(folder);
        let bytes = fs::read(copy.path(file)).unwrap();
        for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
            fs::write(copy.path(file), &bytes[..length]).unwrap();
            let told = copy.refused();
            assert!(told.starts_with(&format!("F/{file}: damaged safetensors file: ")), "{length}: {told}");
        }
    }
    for (folder, file) in [
        ("post-norm/bin", "pytorch_model.bin"),
        ("post-norm/bin-sharded", "pytorch_model-00001-of-00003.bin"),
    ] {
        let copy = Copy::of(folder);
        let bytes = fs::read(copy.path(file)).unwrap();
        for length in [0, 100, bytes.len() / 2, bytes.len() - 1] {
            fs::write(copy.path(file), &bytes[..length]).unwrap();
            assert!(copy.refused().starts_with(&format!("F/{file}: ")), "{length}: {}", copy.refused());
        }
    }
}

/// A header may contradict the file.
#[test]
fn offsets_that_lie_are_refused() {
    let tensor = |start: u64, end: u64| json!({ "dtype": "F32", "shape": [2], "data_offsets": [start, end] });
    for (name, offsets) in [
        ("overlapping", [tensor(0, 8), tensor(4, 12)]),
        ("beyond the end", [tensor(0, 8), tensor(8, 1 << 40)]),
        ("overflowing", [tensor(0, 8), tensor(u64::MAX - 7, u64::MAX)]),
        ("backwards", [tensor(0, 8), tensor(16, 8)]),
    ] {
        let copy = Copy::of("post-norm/bare");
        let [first, second] = offsets;
        let header = json!({ "masked_spec_embed": first, "encoder.layer_norm.bias": second }).to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        bytes.extend([0; 16]);
        fs::write(copy.path("model.safetensors"), bytes).unwrap();
        assert!(copy.refused().starts_with("F/model.safetensors: damaged safetensors file: "), "{name}");
    }
    let copy = Copy::of("post-norm/bare");
    fs::write(copy.path("model.safetensors"), u64::MAX.to_le_bytes()).unwrap();
    assert!(copy.refused().starts_with("F/model.safetensors: damaged safetensors file: "));
}

#[test]
fn nothing_outside_the_folder_is_read() {
    let index = "model.safetensors.index.json";
    for name in ["../model.safetensors", "/etc/passwd", "..", "sub/model.safetensors"] {
        let copy = Copy::of("post-norm/sharded");
        copy.edit(index, |index| index["weight_map"]["project_q.bias"] = json!(name));
        let told = copy.refused();
        assert!(
            told.starts_with(&format!("F/{index}: it names a shard outside its folder: `{name}`")),
            "{told}"
        );
    }
    let copy = Copy::of("post-norm/sharded");
    fs::remove_file(copy.path("model-00003-of-00003.safetensors")).unwrap();
    let told = copy.refused();
    let expected =
        "it names `model-00003-of-00003.safetensors`, which is missing: download the checkpoint again";
    assert_eq!(told, format!("F/{index}: {expected}"));

    for file in ["model.safetensors", "config.json", "preprocessor_config.json"] {
        let (copy, other) = (Copy::of("post-norm/bare"), Copy::of("post-norm/bare"));
        fs::remove_file(copy.path(file)).unwrap();
        symlink(other.path(file), copy.path(file)).unwrap();
        let expected =
            format!("F: `{file}` is outside the folder: all files of a checkpoint must be in one folder");
        assert_eq!(copy.refused(), expected);
    }
}

/// In a cache of the Hub every file is a link to a blob. Links to anything else are refused there too.
#[test]
fn links_to_blobs_are_followed() {
    let cache = tempfile::tempdir().unwrap();
    let [snapshot, blobs] =
        ["snapshots/0123", "blobs"].map(|folder| cache.path().join("models--a--b").join(folder));
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(&blobs).unwrap();
    for file in ["config.json", "model.safetensors", "preprocessor_config.json"] {
        fs::copy(golden("post-norm/bare").join(file), blobs.join(file)).unwrap();
        symlink(Path::new("../../blobs").join(file), snapshot.join(file)).unwrap();
    }
    assert!(read(&snapshot, &Overrides::default()).is_ok());
    fs::remove_file(snapshot.join("config.json")).unwrap();
    fs::copy(blobs.join("config.json"), cache.path().join("config.json")).unwrap();
    symlink("../../../config.json", snapshot.join("config.json")).unwrap();
    let error = read(&snapshot, &Overrides::default()).unwrap_err();
    assert!(matches!(error, EncoderError::Outside { .. }), "{error}");
}

#[test]
fn tensors_that_are_none_of_the_encoder_are_accounted_for() {
    let copy = Copy::of("post-norm/bare");
    copy.edit_tensors(|tensors| {
        let view = |dtype, shape: &[usize]| TensorView::new(dtype, shape.to_vec(), &[0; 8]).unwrap();
        tensors.insert("steps".into(), view(Dtype::I64, &[1]));
        tensors.insert("norm.num_batches_tracked".into(), view(Dtype::F32, &[2]));
        tensors.insert("tdnn.0.kernel.weight".into(), view(Dtype::F32, &[2]));
        let twice = tensors["encoder.layer_norm.bias"].clone();
        tensors.insert("wav2vec2.encoder.layer_norm.bias".into(), twice);
    });
    let account = read(copy.0.path(), &Overrides::default()).unwrap().key_mapping;
    assert_eq!(
        account.left_out,
        [
            ("norm.num_batches_tracked".to_owned(), "a counter of training steps".to_owned()),
            ("steps".to_owned(), "elements of type I64, which weights are not kept in".to_owned()),
            (
                "wav2vec2.encoder.layer_norm.bias".to_owned(),
                "the same as `encoder.layer_norm.bias`".to_owned()
            ),
        ]
    );
    assert_eq!(account.unknown, ["tdnn.0.kernel.weight"]);

    copy.edit_tensors(|tensors| {
        let other = tensors["encoder.layer_norm.weight"].clone();
        tensors.insert("wav2vec2.encoder.layer_norm.bias".into(), other);
    });
    let expected = "F: `encoder.layer_norm.bias` and `wav2vec2.encoder.layer_norm.bias` are both `encoder.layer_norm.bias`, \
                    but differ";
    assert_eq!(copy.refused(), expected);
}

#[test]
fn what_is_no_checkpoint_is_told_what_was_expected() {
    let empty = tempfile::tempdir().unwrap();
    let told = |path: &Path| refused(path, &Overrides::default(), empty.path());
    assert_eq!(told(empty.path()), "F: a folder without `config.json`: expected one that transformers saved");
    assert_eq!(told(&empty.path().join("x.pt")), "F/x.pt: No such file or directory (os error 2)");
    fs::write(empty.path().join("x.pt"), "hello").unwrap();
    assert!(told(&empty.path().join("x.pt")).starts_with("F/x.pt: not a PyTorch file: "));
    let copy = Copy::of("post-norm/bare");
    let path = copy.path("model.safetensors");
    let expected =
        "F/model.safetensors: tensors without settings: give the folder whose `config.json` describes them";
    assert_eq!(refused(&path, &Overrides::default(), copy.0.path()), expected);
    fs::remove_file(path).unwrap();
    let expected = "F: no weights: expected one of model.safetensors, model.safetensors.index.json, pytorch_model.bin, \
                    pytorch_model.bin.index.json";
    assert_eq!(copy.refused(), expected);
}
