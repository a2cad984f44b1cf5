//! Tensors of a safetensors file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use safetensors::{Dtype, SafeTensors};

use crate::EncoderError;
use crate::read::Named;
use crate::weights::{Bytes, Element, Weights, map};

/// All weights of a safetensors file, an artefact or a trained network, by the names they have there.
///
/// # Errors
/// When it cannot be read, is damaged, or holds anything that is no weight.
pub fn tensors(path: &Path) -> Result<BTreeMap<String, Weights>, EncoderError> {
    let Named { tensors, left_out } = read(path)?;
    match left_out.into_iter().next() {
        None => Ok(tensors.into_iter().collect()),
        Some((name, why)) => {
            let why = format!("`{name}` has {why}");
            Err(EncoderError::NoCheckpoint { path: path.to_owned(), why })
        }
    }
}

/// All tensors of the file, by the names they have there.
pub(crate) fn read(path: &Path) -> Result<Named, EncoderError> {
    let file = map(path).map_err(EncoderError::io(path))?;
    // The library refuses offsets that overlap, leave gaps, reach beyond the file or disagree with the shape.
    let read = SafeTensors::read_metadata(&file);
    let (length, header) =
        read.map_err(|cause| EncoderError::Safetensors { path: path.to_owned(), cause })?;
    let mut named = Named::default();
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
    Ok(named)
}
