//! Reading of safetensors files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use safetensors::{Dtype, SafeTensors};

use crate::EncoderError;
use crate::read::NamedTensors;
use crate::weights::{Bytes, Element, Weights, map};

/// Reads all weights of a safetensors file, an artefact or a trained network, by their names there.
///
/// # Errors
/// Fails if the file cannot be read, is damaged, or contains anything that is not a weight.
pub fn tensors(path: &Path) -> Result<BTreeMap<String, Weights>, EncoderError> {
    let NamedTensors { tensors, left_out } = read(path)?;
    match left_out.into_iter().next() {
        None => Ok(tensors.into_iter().collect()),
        Some((name, why)) => {
            let why = format!("`{name}` has {why}");
            Err(EncoderError::NoCheckpoint { path: path.to_owned(), why })
        }
    }
}

/// Reads all tensors of a file, by their names there.
pub(crate) fn read(path: &Path) -> Result<NamedTensors, EncoderError> {
    Ok(read_with_metadata(path)?.0)
}

/// Reads all tensors of a file, by their names there, and the texts beside them, by their names.
pub(crate) fn read_with_metadata(
    path: &Path,
) -> Result<(NamedTensors, BTreeMap<String, String>), EncoderError> {
    let file = map(path).map_err(EncoderError::io(path))?;
    // The library rejects offsets that overlap, leave gaps, exceed the file or disagree with the shape.
    let read = SafeTensors::read_metadata(&file);
    let (length, header) =
        read.map_err(|cause| EncoderError::Safetensors { path: path.to_owned(), cause })?;
    let metadata = header.metadata().iter().flatten();
    let metadata = metadata.map(|(name, text)| (name.clone(), text.clone())).collect();
    let mut named = NamedTensors::default();
    for (name, info) in header.tensors() {
        let element = match info.dtype {
            Dtype::F64 => Element::F64,
            Dtype::F32 => Element::F32,
            Dtype::F16 => Element::F16,
            Dtype::BF16 => Element::BF16,
            other => {
                named.leave_out(name, format!("elements of type {other:?}, which weights are not kept in"));
                continue;
            }
        };
        let (start, end) = info.data_offsets;
        let bytes = Bytes::Mapped(Arc::clone(&file), 8 + length + start..8 + length + end);
        named.tensors.push((name, Weights { bytes, element, shape: info.shape.clone() }));
    }
    Ok((named, metadata))
}
