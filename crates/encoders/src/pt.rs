//! Reading of PyTorch files: state dicts of transformers, torchaudio or torchvision, and checkpoints of fairseq's
//! trainer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use affekt_pickle::{Dtype, PtFile, Tensor, Value};

use crate::read::{NamedTensors, RawCheckpoint};
use crate::weights::{Bytes, Element, Mapped, Weights, map};
use crate::{EncoderError, fairseq, torchaudio, torchvision};

/// A memory-mapped file. Nothing in it is ever executed.
pub(crate) struct Pt {
    path: PathBuf,
    file: Mapped,
}

impl Pt {
    pub(crate) fn open(path: &Path) -> Result<Self, EncoderError> {
        Ok(Self { path: path.to_owned(), file: map(path).map_err(EncoderError::io(path))? })
    }

    /// Reads the file as a complete checkpoint: of fairseq, which has settings beside the weights, torchvision or
    /// torchaudio.
    pub(crate) fn checkpoint(&self) -> Result<RawCheckpoint, EncoderError> {
        let file = self.parse()?;
        let root = file.root();
        let settings =
            [root.get("cfg"), root.get("args")].into_iter().flatten().find(|value| !value.is_none());
        match (settings, root.get("model")) {
            (Some(settings), Some(model)) => {
                let settings = fairseq::Settings::new(&self.path, settings)?;
                settings.raw(self.named(model)?)
            }
            (None, Some(model)) if model.entries().is_some() => Err(EncoderError::Settings {
                path: self.path.clone(),
                why: "it looks like a fairseq checkpoint, but has neither `cfg` nor `args`, which describe the tensors".into(),
            }),
            _ => match torchvision::raw(&self.path, self.named(root)?, None) {
                Ok(raw) => Ok(raw),
                Err(named) => torchaudio::raw(&self.path, named),
            },
        }
    }

    /// Reads the file as a dictionary of tensors.
    pub(crate) fn state_dict(&self) -> Result<NamedTensors, EncoderError> {
        self.named(self.parse()?.root())
    }

    fn parse(&self) -> Result<PtFile<'_>, EncoderError> {
        PtFile::parse(&self.file).map_err(|cause| EncoderError::Pickle { path: self.path.clone(), cause })
    }

    fn named(&self, dict: Value<'_>) -> Result<NamedTensors, EncoderError> {
        let no_weights = |why: String| EncoderError::NoCheckpoint { path: self.path.clone(), why };
        let entries = dict.entries();
        let entries = entries
            .ok_or_else(|| no_weights(format!("it contains {}, expected tensors by name", dict.kind())))?;
        let mut named = NamedTensors::default();
        for (key, value) in entries {
            let name = key.text();
            let name = name.ok_or_else(|| no_weights(format!("{} as the name of a tensor", key.kind())))?;
            let Some(tensor) = value.tensor() else {
                named.leave_out(name.to_owned(), format!("{}, no tensor", value.kind()));
                continue;
            };
            let element = match tensor.dtype() {
                Dtype::Float64 => Element::F64,
                Dtype::Float32 => Element::F32,
                Dtype::Float16 => Element::F16,
                Dtype::BFloat16 => Element::BF16,
                other => {
                    named.leave_out(
                        name.to_owned(),
                        format!("elements of type {other:?}, which weights are not kept in"),
                    );
                    continue;
                }
            };
            named.tensors.push((name.to_owned(), self.weights(element, tensor)?));
        }
        Ok(named)
    }

    fn weights(&self, element: Element, tensor: Tensor<'_>) -> Result<Weights, EncoderError> {
        let damaged = |cause| EncoderError::Pickle { path: self.path.clone(), cause };
        let bytes = match tensor.range().map_err(damaged)? {
            Some(range) => Bytes::Mapped(Arc::clone(&self.file), range),
            None => Bytes::Owned(tensor.bytes().map_err(damaged)?.into_owned()),
        };
        Ok(Weights { bytes, element, shape: tensor.shape().to_vec() })
    }
}
