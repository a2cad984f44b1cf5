//! torchvision's checkpoints: the state dict of a VGG16 and nothing else. Its shapes tell blocks and channels; how pixels are
//! normalised no file says, and where nobody else does it is as torchvision trains.

use std::path::Path;

use crate::read::{Named, Raw};
use crate::{Format, vgg16};

/// The checkpoint that these tensors are; they themselves where they are no VGG16's.
pub(crate) fn raw(path: &Path, named: Named) -> Result<Raw, Named> {
    let shapes = named.tensors.iter().map(|(name, weights)| (name.as_str(), weights.shape()));
    let Some(told) = vgg16::told(shapes) else { return Err(named) };
    let notes = vec![
        "torchvision's files say nothing of how pixels are normalised: as torchvision trains, where `config` does not say \
         otherwise"
            .into(),
    ];
    Ok(Raw { path: path.to_owned(), format: Format::Torchvision, told, normalise: false, named, notes })
}
