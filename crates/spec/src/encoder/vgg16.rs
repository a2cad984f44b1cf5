//! The configuration of the convolutional base of VGG16 (Simonyan & Zisserman, arXiv 1409.1556), and its tensors in
//! torchvision's checkpoints.
//!
//! ```text
//! [3, 224, 224] ─ block ─ block ─ block ─ block ─ block ─ [512, 7, 7]
//!                  64      128     256     512     512
//! block = 2 or 3 × (conv 3×3 ─ ReLU) ─ max pool 2
//! ```
//!
//! torchvision numbers convolutions, ReLUs and pools in one sequence, `features.0` to `features.30`; only
//! convolutions have tensors. The `classifier` predicts ImageNet's classes and is not read.

use serde_json::{Map, Value};

use super::fields;
use super::wav2vec2::{ConfigError, MAX_SIZE};
use crate::Spec;

/// The architecture, and the normalisation of input images.
#[derive(Debug, Clone, PartialEq, Eq, Spec)]
pub struct Vgg16Config {
    /// The architecture: always `vgg16`.
    #[spec(default = Self::MODEL_TYPE.into())]
    pub model_type: String,
    /// Number of channels of each block.
    #[spec(default = vec![64, 128, 256, 512, 512])]
    pub channels: Vec<usize>,
    /// Number of convolutions of each block.
    #[spec(default = vec![2, 2, 3, 3, 3])]
    pub convolutions: Vec<usize>,
    /// The normalisation of pixels used in training, which no checkpoint states.
    #[spec(default = Normalisation::Torchvision)]
    pub normalisation: Normalisation,
}

/// What is done to the pixels of a picture, red, green and blue of 0..255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Normalisation {
    /// Scaled to 0..1, then standardised with ImageNet's mean and deviation per channel: torchvision's
    /// `ImageClassification` transforms.
    Torchvision,
    /// Blue first, minus ImageNet's mean per channel, not scaled, as the original network in Caffe:
    /// `preprocess_input` of `keras.applications.vgg16`.
    Keras,
}

/// A convolution of the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vgg16Layer {
    /// The index in torchvision's sequence: `features.<number>`.
    pub number: usize,
    /// The index of its block, from 0.
    pub block: usize,
    /// Number of input channels.
    pub inputs: usize,
    /// Number of output channels.
    pub outputs: usize,
    /// Whether it is the last of its block and followed by pooling.
    pub is_last: bool,
}

/// Number of channels of an input image.
const COLOURS: usize = 3;

/// Kernel size of every convolution.
const KERNEL: usize = 3;

impl Vgg16Config {
    /// What its `model_type` says.
    pub const MODEL_TYPE: &str = "vgg16";

    /// Returns this configuration with some fields replaced.
    ///
    /// # Errors
    /// Fails if a field is unknown or the result is invalid.
    pub fn with(&self, fields: &Map<String, Value>) -> Result<Self, ConfigError> {
        let set = |config: &Self, field: &str, value: &Value| fields::set(config, field, value, &[]);
        let config = fields::with(self, fields, set)?;
        config.check()?;
        Ok(config)
    }

    /// Checks that the network can be built.
    ///
    /// # Errors
    /// Fails with the first field that is unsupported or contradicts another.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.model_type != Self::MODEL_TYPE {
            let (field, value) = ("model_type", self.model_type.clone());
            return Err(ConfigError::Unsupported { field, value, supported: Self::MODEL_TYPE });
        }
        let (channels, convolutions) = (self.channels.len(), self.convolutions.len());
        if channels == 0 || channels != convolutions {
            return Err(ConfigError::Blocks { channels, convolutions });
        }
        for (field, list) in [("channels", &self.channels), ("convolutions", &self.convolutions)] {
            if let Some(&value) = list.iter().find(|size| !(1..=MAX_SIZE).contains(*size)) {
                return Err(ConfigError::Size { field, value });
            }
        }
        Ok(())
    }

    /// Returns the convolutions in order.
    #[must_use]
    pub fn layers(&self) -> Vec<Vgg16Layer> {
        let mut layers = Vec::new();
        let (mut number, mut inputs) = (0, COLOURS);
        for (block, (&outputs, &convolutions)) in self.channels.iter().zip(&self.convolutions).enumerate() {
            for nth in 1..=convolutions {
                let is_last = nth == convolutions;
                layers.push(Vgg16Layer { number, block, inputs, outputs, is_last });
                // It is followed by its ReLU, and the last of a block by the pool.
                number += if is_last { 3 } else { 2 };
                inputs = outputs;
            }
        }
        layers
    }
}

impl Vgg16Layer {
    /// Returns the prefix of its tensors' names, with a final dot.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("features.{}.", self.number)
    }

    /// Returns the number of parameters.
    #[must_use]
    pub const fn parameters(&self) -> usize {
        self.outputs * self.inputs * KERNEL * KERNEL + self.outputs
    }

    /// The shapes of its weight and bias.
    pub const fn shapes(&self) -> ([usize; 4], [usize; 1]) {
        ([self.outputs, self.inputs, KERNEL, KERNEL], [self.outputs])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_published_layers() {
        let config = Vgg16Config::default();
        config.check().unwrap();
        let layers = config.layers();
        let numbers: Vec<usize> = layers.iter().map(|layer| layer.number).collect();
        assert_eq!(numbers, [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]);
        let last: Vec<usize> =
            layers.iter().filter(|layer| layer.is_last).map(|layer| layer.number).collect();
        assert_eq!(last, [2, 7, 14, 21, 28]);
        assert_eq!(layers[12].prefix(), "features.28.");
        assert_eq!(layers[12].parameters(), 2_359_808);
        assert_eq!(layers.iter().map(Vgg16Layer::parameters).sum::<usize>(), 14_714_688);
    }

    #[test]
    fn what_cannot_be_built_is_refused_by_name() {
        for (fields, message) in [
            (json!({ "model_type": "vgg19" }), "`model_type` is vgg19: only vgg16 is supported"),
            (
                json!({ "channels": [64] }),
                "`channels` and `convolutions` list 1 and 5 blocks: expected the same number, at least one",
            ),
            (json!({ "convolutions": [2, 2, 0, 3, 3] }), "`convolutions` is 0: expected between 1 and"),
            (
                json!({ "normalisation": "caffe" }),
                "`normalisation`: unknown value `caffe`: expected one of `torchvision`, `keras`",
            ),
            (json!({ "hidden": 512 }), "`hidden`: unknown field"),
        ] {
            let error = Vgg16Config::default().with(fields.as_object().unwrap()).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
