//! What is done to pixels before the first convolution, as in the training of whatever weights it has.

use affekt_spec::encoder::Normalisation;
use tch::{Device, Kind, Tensor};

/// Mean of red, green and blue over ImageNet in 0..1, and their deviations: those of torchvision's
/// `transforms._presets.ImageClassification`.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// Mean of blue, green and red over ImageNet in 0..255: that of `keras.applications.imagenet_utils`, mode `caffe`.
const MEAN_BGR: [f32; 3] = [103.939, 116.779, 123.68];

/// Pictures `[batch, 3, height, width]` of red, green and blue, u8 or f32 in 0..255, to f32 of the same shape.
pub fn normalised(pictures: &Tensor, normalisation: Normalisation) -> Tensor {
    let pictures = pictures.to_kind(Kind::Float);
    let of_colours = |numbers: [f32; 3]| on(pictures.device(), numbers);
    match normalisation {
        Normalisation::Torchvision => (&pictures / 255.0 - of_colours(MEAN)) / of_colours(DEVIATION),
        Normalisation::Keras => pictures.flip([1]) - of_colours(MEAN_BGR),
    }
}

/// A number for each colour.
fn on(device: Device, numbers: [f32; 3]) -> Tensor {
    Tensor::from_slice(&numbers).view([1, 3, 1, 1]).to_device(device)
}
