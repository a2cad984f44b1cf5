//! Files written by PyTorch, read with the same contents; and files that would run code, which are refused. They were
//! made by `tests/goldens/pickle/make.py`.

use std::path::PathBuf;

use affekt_pickle::{Dtype, PickleError, PtFile, Tensor, Value};
use serde_json::{Value as Json, json};

fn golden(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/pickle");
    std::fs::read(folder.join(name)).unwrap()
}

/// Describes a value as `make.py` does.
fn described(value: Value) -> Json {
    if let Some(tensor) = value.tensor() {
        let (name, data) = elements(tensor);
        return json!({ "dtype": name, "shape": tensor.shape(), "data": data });
    }
    if let Some(entries) = value.entries() {
        let entries: Vec<Json> =
            entries.iter().map(|(key, value)| json!([key.text(), described(*value)])).collect();
        return match value.class() {
            Some(class) => json!({ "class": class, "entries": { "entries": entries } }),
            None => json!({ "entries": entries }),
        };
    }
    if let Some(items) = value.items() {
        return items.into_iter().map(described).collect();
    }
    if value.is_none() {
        return Json::Null;
    }
    let plain = value.text().map(|text| json!(text));
    let plain = plain.or_else(|| value.bool().map(|bool| json!(bool)));
    let plain = plain.or_else(|| value.integer().map(|integer| json!(integer)));
    plain.or_else(|| value.number().map(|number| json!(number))).unwrap()
}

fn elements(tensor: Tensor) -> (&'static str, Vec<f64>) {
    let bytes = tensor.bytes().unwrap();
    macro_rules! read {
        ($name:literal, $type:ty, $as:expr) => {{
            let chunks = bytes.chunks_exact(size_of::<$type>());
            ($name, chunks.map(|chunk| $as(<$type>::from_le_bytes(chunk.try_into().unwrap()))).collect())
        }};
    }
    match tensor.dtype() {
        Dtype::Float64 => read!("float64", f64, |x| x),
        Dtype::Float32 => read!("float32", f32, f64::from),
        Dtype::Float16 => read!("float16", u16, half),
        Dtype::BFloat16 => read!("bfloat16", u16, |x| f64::from(f32::from_bits(u32::from(x) << 16))),
        Dtype::Int64 => read!("int64", i64, |x| x as f64),
        Dtype::Int32 => read!("int32", i32, f64::from),
        Dtype::Int16 => read!("int16", i16, f64::from),
        Dtype::Int8 => read!("int8", i8, f64::from),
        Dtype::Uint8 => read!("uint8", u8, f64::from),
        Dtype::Bool => read!("bool", u8, f64::from),
    }
}

/// A normal or zero half-precision number.
fn half(bits: u16) -> f64 {
    let (sign, exponent, mantissa) = (bits >> 15, bits >> 10 & 0x1f, bits & 0x3ff);
    let size = match exponent {
        0 => f64::from(mantissa) * 2_f64.powi(-24),
        _ => (1.0 + f64::from(mantissa) / 1024.0) * 2_f64.powi(i32::from(exponent) - 15),
    };
    if sign == 1 { -size } else { size }
}

#[test]
fn both_formats_are_read_as_pytorch_reads_them() {
    let expected: Json = serde_json::from_slice(&golden("expected.json")).unwrap();
    for name in ["state_dict", "kinds", "views", "nested"] {
        for format in ["zip", "legacy"] {
            let bytes = golden(&format!("{name}.{format}.pt"));
            let file = PtFile::parse(&bytes).unwrap();
            assert_eq!(described(file.root()), expected[name], "{name}.{format}");
        }
    }
}

#[test]
fn entries_are_found_by_name() {
    let bytes = golden("nested.zip.pt");
    let file = PtFile::parse(&bytes).unwrap();
    let arguments = file.root().get("args").unwrap();
    assert_eq!(arguments.class(), Some("argparse.Namespace"));
    assert_eq!(arguments.get("arch").unwrap().text(), Some("wav2vec"));
    assert_eq!(arguments.get("dropout").unwrap().number(), Some(0.1));
    assert_eq!(arguments.get("nothing of the kind").map(Value::kind), None);
    assert_eq!(file.root().get("model").unwrap().get("encoder.bias").unwrap().kind(), "a tensor");
}

#[test]
fn tensors_that_lie_in_a_row_are_not_copied() {
    let bytes = golden("views.zip.pt");
    let file = PtFile::parse(&bytes).unwrap();
    let borrowed = |name: &str| {
        let bytes = file.root().get(name).unwrap().tensor().unwrap().bytes().unwrap();
        matches!(bytes, std::borrow::Cow::Borrowed(_))
    };
    assert!(borrowed("whole") && borrowed("row") && borrowed("scalar"));
    assert!(!borrowed("column") && !borrowed("transposed") && !borrowed("inner"));
    for (name, value) in file.root().entries().unwrap() {
        let tensor = value.tensor().unwrap();
        match tensor.range().unwrap() {
            Some(range) => assert_eq!(&bytes[range], &*tensor.bytes().unwrap(), "{name:?}"),
            None => assert!(!borrowed(name.text().unwrap()), "{name:?}"),
        }
    }
}

#[test]
fn what_names_anything_but_data_is_refused_by_that_name() {
    let refused = |file: &str| match PtFile::parse(&golden(&format!("evil/{file}.pt"))).err() {
        Some(PickleError::Refused { name, .. }) => name,
        other => panic!("{file}: {other:?}"),
    };
    for protocol in [0, 2, 4] {
        assert_eq!(refused(&format!("system_{protocol}")), "posix.system");
    }
    assert_eq!(refused("eval"), "__builtin__.eval");
    assert_eq!(refused("getattr"), "__builtin__.getattr");
    assert_eq!(refused("load"), "torch.serialization.load");
    assert_eq!(refused("module"), "torch.nn.modules.linear.Linear");
    assert_eq!(refused("obj"), "os.system");
    assert_eq!(refused("dotted"), "collections.OrderedDict.__init__.__globals__");
    for (file, opcode) in [("inst", b'i'), ("persid", b'P'), ("extension", 0x82)] {
        match PtFile::parse(&golden(&format!("evil/{file}.pt"))).err() {
            Some(PickleError::Instruction { opcode: found, .. }) => assert_eq!(found, opcode, "{file}"),
            other => panic!("{file}: {other:?}"),
        }
    }
    let message = PtFile::parse(&golden("evil/system_2.pt")).err().unwrap().to_string();
    assert_eq!(
        message,
        "refused `posix.system` at byte 2: only tensors and plain data are read, because a pickle with any other name \
         can run programs; save only the weights (`torch.save(model.state_dict(), …)`), or save them as safetensors"
    );
}

#[test]
fn tensors_beyond_their_storage_are_damage() {
    for file in ["beyond", "missing"] {
        let bytes = golden(&format!("evil/{file}.pt"));
        let file = PtFile::parse(&bytes).unwrap();
        let error = file.root().tensor().unwrap().bytes().unwrap_err();
        assert!(matches!(error, PickleError::Tensor(_)), "{error}");
    }
}

/// Damaged files give a result or an error, never a panic, a hang or excessive memory use.
#[test]
fn damaged_files_are_errors_or_other_data() {
    for name in ["nested.zip.pt", "nested.legacy.pt", "views.legacy.pt"] {
        let bytes = golden(name);
        let look = |bytes: &[u8]| {
            if let Ok(file) = PtFile::parse(bytes) {
                let entries = file.root().entries().unwrap_or_default();
                entries
                    .iter()
                    .filter_map(|(_, value)| value.tensor())
                    .for_each(|tensor| drop(tensor.bytes()));
            }
        };
        for at in 0..bytes.len() {
            look(&bytes[..at]);
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                look(&damaged);
            }
        }
        assert!(PtFile::parse(&bytes[..bytes.len() / 2]).is_err(), "{name}");
    }
    assert!(matches!(PtFile::parse(b"").err(), Some(PickleError::Format(_))));
    assert!(matches!(PtFile::parse(b"\x80\x02}.").err(), Some(PickleError::Format(_))));
}

/// A hundred thousand nested lists are built without recursion.
#[test]
fn depth_is_no_danger() {
    let mut pickle = vec![0x80, 2];
    pickle.extend(std::iter::repeat_n(b']', 100_000));
    pickle.extend(std::iter::repeat_n(b'a', 99_999));
    pickle.push(b'.');
    let mut legacy = Vec::new();
    legacy.extend(b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.");
    legacy.extend(pickle);
    legacy.extend(b"\x80\x02].");
    let file = PtFile::parse(&legacy).unwrap();
    assert_eq!(file.root().items().unwrap().len(), 1);
}
