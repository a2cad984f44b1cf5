//! Named tensors and their metadata as safetensors bytes: equal contents give equal bytes, and damage shows.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorInfo};
use serde_json::Value;
use tch::{Device, Kind, TchError, Tensor};

use crate::TorchError;

/// Tensors by name, in the order of their names.
pub type NamedTensors = BTreeMap<String, Tensor>;

/// What one file holds.
#[derive(Debug, Default)]
pub struct Checkpoint {
    /// The tensors, on the CPU after reading.
    pub tensors: NamedTensors,
    /// Texts about them. [`DIGEST`] is reserved.
    pub metadata: BTreeMap<String, String>,
}

/// The metadata entry holding the BLAKE3 digest of everything else in the file.
pub const DIGEST: &str = "blake3";

/// Bytes that are no checkpoint, or a tensor that cannot be in one.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Not safetensors, or cut off.
    #[error("not a whole safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// The contents are not those that were written.
    #[error("damaged: its contents do not match the digest that was written with them")]
    Damaged,
    /// An element type that is not supported.
    #[error("tensor `{name}` has elements of kind {kind}, which checkpoints do not hold")]
    Kind {
        /// The tensor.
        name: String,
        /// Its element type.
        kind: String,
    },
    /// libtorch refused.
    #[error("tensor `{name}`: {source}")]
    Torch {
        /// The tensor.
        name: String,
        /// Why.
        source: TorchError,
    },
}

impl Checkpoint {
    /// The bytes of a safetensors file, with names and metadata in sorted order and a digest.
    ///
    /// # Errors
    /// When a tensor has an element type that checkpoints do not hold, or libtorch cannot copy it to the CPU.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let mut data = Vec::new();
        let mut header = BTreeMap::new();
        // The format wants tensors aligned: wide elements come first.
        let mut order: Vec<_> = self.tensors.iter().map(|(name, t)| (dtype(name, t), name, t)).collect();
        order.sort_by_key(|(dtype, name, _)| (dtype.as_ref().map_or(0, |d| usize::MAX - d.bitsize()), *name));
        for (dtype, name, tensor) in order {
            let start = data.len();
            append(&mut data, tensor)
                .map_err(|e| CheckpointError::Torch { name: name.clone(), source: e.into() })?;
            let shape = tensor.size().iter().map(|&n| n as usize).collect();
            header
                .insert(name.clone(), TensorInfo { dtype: dtype?, shape, data_offsets: (start, data.len()) });
        }
        let mut metadata = self.metadata.clone();
        let digest = digest(&header, &metadata, &data);
        metadata.insert(DIGEST.to_owned(), digest);

        let mut header = header_json(&header, &metadata);
        header.resize(header.len().next_multiple_of(8), b' ');
        let mut bytes = Vec::with_capacity(8 + header.len() + data.len());
        bytes.extend((header.len() as u64).to_le_bytes());
        bytes.append(&mut header);
        bytes.append(&mut data);
        Ok(bytes)
    }

    /// Reads what [`Checkpoint::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are no safetensors file, do not match their digest or have none, or hold unsupported
    /// element types.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let (header_length, header) = SafeTensors::read_metadata(bytes)?;
        let file = SafeTensors::deserialize(bytes)?;
        let mut metadata: BTreeMap<_, _> =
            header.metadata().clone().unwrap_or_default().into_iter().collect();
        let written = metadata.remove(DIGEST).ok_or(CheckpointError::Damaged)?;
        let infos = header.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
        if digest(&infos, &metadata, &bytes[8 + header_length..]) != written {
            return Err(CheckpointError::Damaged);
        }
        let mut tensors = NamedTensors::new();
        for (name, view) in file.iter() {
            let kind = kind(name, view.dtype())?;
            let shape: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
            let tensor = Tensor::f_from_data_size(view.data(), &shape, kind)
                .map_err(|e| CheckpointError::Torch { name: name.to_owned(), source: e.into() })?;
            tensors.insert(name.to_owned(), tensor);
        }
        Ok(Self { tensors, metadata })
    }
}

fn append(data: &mut Vec<u8>, tensor: &Tensor) -> Result<(), TchError> {
    let tensor = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_contiguous()?;
    let start = data.len();
    data.resize(start + tensor.numel() * tensor.kind().elt_size_in_bytes(), 0);
    tensor.f_copy_data_u8(&mut data[start..], tensor.numel())
}

fn header_json(tensors: &BTreeMap<String, TensorInfo>, metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let value = |v: Result<Value, _>| v.expect("plain maps of texts and numbers are JSON");
    let mut entries: BTreeMap<&str, Value> =
        tensors.iter().map(|(name, info)| (name.as_str(), value(serde_json::to_value(info)))).collect();
    entries.insert("__metadata__", value(serde_json::to_value(metadata)));
    serde_json::to_vec(&entries).expect("plain maps of texts and numbers are JSON")
}

fn digest(
    tensors: &BTreeMap<String, TensorInfo>,
    metadata: &BTreeMap<String, String>,
    data: &[u8],
) -> String {
    blake3::Hasher::new().update(&header_json(tensors, metadata)).update(data).finalize().to_hex().to_string()
}

const KINDS: [(Kind, Dtype); 8] = [
    (Kind::Float, Dtype::F32),
    (Kind::Double, Dtype::F64),
    (Kind::Half, Dtype::F16),
    (Kind::BFloat16, Dtype::BF16),
    (Kind::Int64, Dtype::I64),
    (Kind::Int, Dtype::I32),
    (Kind::Uint8, Dtype::U8),
    (Kind::Bool, Dtype::BOOL),
];

fn dtype(name: &str, tensor: &Tensor) -> Result<Dtype, CheckpointError> {
    let kind = tensor.kind();
    KINDS
        .iter()
        .find(|(k, _)| *k == kind)
        .map(|(_, dtype)| *dtype)
        .ok_or_else(|| CheckpointError::Kind { name: name.to_owned(), kind: format!("{kind:?}") })
}

fn kind(name: &str, dtype: Dtype) -> Result<Kind, CheckpointError> {
    KINDS
        .iter()
        .find(|(_, d)| *d == dtype)
        .map(|(kind, _)| *kind)
        .ok_or_else(|| CheckpointError::Kind { name: name.to_owned(), kind: format!("{dtype:?}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let tensors = [
            ("transposed", Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]).tr()),
            ("double", Tensor::from_slice(&[0.1_f64, -1e300])),
            ("empty", Tensor::zeros([0, 4], (Kind::Half, Device::Cpu))),
            ("flags", Tensor::from_slice(&[true, false, true])),
            ("scalar", Tensor::from(7_i64)),
        ];
        Checkpoint {
            tensors: tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
            metadata: (0..9).map(|i| (format!("key {i}"), format!("\"{i}\" ü"))).collect(),
        }
    }

    #[test]
    fn round_trip_and_equal_bytes() {
        let bytes = checkpoint().to_bytes().unwrap();
        let read = Checkpoint::from_bytes(&bytes).unwrap();
        assert_eq!(read.tensors, checkpoint().tensors);
        assert_eq!(read.metadata, checkpoint().metadata);
        assert_eq!(read.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn other_readers_read_it() {
        let bytes = checkpoint().to_bytes().unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let column: Vec<f32> = file
            .tensor("transposed")
            .unwrap()
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        assert_eq!(column, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    }

    #[test]
    fn no_damage_goes_unnoticed() {
        let bytes = checkpoint().to_bytes().unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x04;
            assert!(Checkpoint::from_bytes(&damaged).is_err(), "byte {at} of {}", bytes.len());
            assert!(Checkpoint::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn odd_kinds_are_refused() {
        let tensors = [("z".to_owned(), Tensor::zeros([1], (Kind::ComplexFloat, Device::Cpu)))].into();
        let error = Checkpoint { tensors, ..Checkpoint::default() }.to_bytes().unwrap_err();
        assert_eq!(
            error.to_string(),
            "tensor `z` has elements of kind ComplexFloat, which checkpoints do not hold"
        );
    }
}
