//! Weights and what describes them: safetensors, PyTorch's files, exported models.

use std::fs;
use std::path::Path;

use affekt_encoders::Overrides;
use affekt_ops::exported::{self, Exported};
use affekt_pickle::{PtFile, Value};
use serde_json::json;

use crate::target::{Subject, files};

/// Safetensors files, alone and as a checkpoint in transformers' layout.
pub fn safetensors(folder: &Path) -> Subject {
    let folder = folder.to_owned();
    let pool = contents(&["tests/goldens/encoders"], &["model.safetensors"]);
    let config = files(&["tests/goldens/encoders/post-norm/transformers"], &["config.json"]).remove(0).1;
    fs::write(folder.join("config.json"), config).expect("the folder can be written to");
    let words =
        ["F32", "F16", "BF16", "F64", "I64", "dtype", "shape", "data_offsets", "__metadata__", "[0,0]"];
    Subject::new(pool, &words, move |bytes| {
        let path = folder.join("model.safetensors");
        fs::write(&path, bytes).expect("the folder can be written to");
        if let Ok(tensors) = affekt_encoders::tensors(&path) {
            let count: usize = tensors.values().map(|tensor| tensor.values().len()).sum();
            assert!(count * 2 <= bytes.len(), "{count} weights in {} bytes", bytes.len());
        }
        let _ = affekt_encoders::read(&folder, &Overrides::default());
    })
}

/// PyTorch's files, alone and as a checkpoint of fairseq, torchaudio or torchvision.
pub fn pickle(folder: &Path) -> Subject {
    let path = folder.join("checkpoint.pt");
    let pool = contents(&["tests/goldens/pickle", "tests/goldens/encoders"], &[".pt", ".pth", ".bin"]);
    let words = [
        "ctorch._utils\n_rebuild_tensor_v2\n",
        "ccollections\nOrderedDict\n",
        "ctorch\nFloatStorage\n",
        "cos\nsystem\n",
        "cargparse\nNamespace\n",
        "storage",
        "q\u{1}",
        "h\u{1}",
        "(",
        "t",
        "tR",
        "e",
        "u",
        ".",
        "2",
        "0",
        "\u{95}",
        "PK\u{1}\u{2}",
        "PK\u{5}\u{6}",
        "data.pkl",
        "data/0",
        "cbuiltins\nbytearray\n",
        "cbuiltins\nlist\n",
        "Q",
        "b",
    ];
    Subject::new(pool, &words, move |bytes| {
        if let Ok(file) = PtFile::parse(bytes) {
            let mut left = 100_000;
            walk(file.root(), &mut left, 0);
        }
        fs::write(&path, bytes).expect("the folder can be written to");
        let _ = affekt_encoders::read(&path, &Overrides::default());
    })
}

/// Visits so many of a value's parts.
fn walk(value: Value<'_>, left: &mut usize, depth: usize) {
    if *left == 0 || depth > 50 {
        return;
    }
    *left -= 1;
    if let Some(tensor) = value.tensor() {
        let _ = (tensor.bytes(), tensor.range());
    }
    // A collection that holds itself is visited again and again: what it has is copied each time.
    for item in value.items().into_iter().flatten().take(*left) {
        *left = left.saturating_sub(1);
        walk(item, left, depth + 1);
    }
    for (key, item) in value.entries().into_iter().flatten().take(*left) {
        walk(key, left, depth + 1);
        walk(item, left, depth + 1);
    }
}

/// What an exported model says of itself.
pub fn export(folder: &Path) -> Subject {
    let folder = folder.to_owned();
    let step = |op: &str| json!({ "op": op, "version": 1, "params": { "rate_hz": 16000, "seconds": 3.0 } });
    let exported = json!({
        "version": 1, "experiment": "cnn", "node": "train[fold=1,seed=1]",
        "steps": [step("audio"), step("mfcc")],
        "card": { "network": { "kind": "cnn" }, "outputs": ["angry", "happy"] },
        "weights": [{ "file": "model.safetensors", "blake3": "00", "bytes": 5 }],
    });
    let pool = vec![exported.to_string().into_bytes()];
    let words = ["\"file\":\"../x\"", "\"steps\":[]", "\"/etc/passwd\"", "null", "[[", "{\"a\":"];
    Subject::new(pool, &words, move |bytes| {
        fs::write(folder.join(exported::FILE), bytes).expect("the folder can be written to");
        if let Ok(exported) = Exported::of_any(&folder) {
            let outside = exported.files().find(|file| !affekt_config::is_contained(file));
            assert_eq!(outside, None, "a file outside its folder");
        }
    })
}

fn contents(folders: &[&str], endings: &[&str]) -> Vec<Vec<u8>> {
    files(folders, endings).into_iter().map(|(_, bytes)| bytes).collect()
}
