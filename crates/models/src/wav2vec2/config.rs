//! The configuration of an encoder is `affekt_spec`', which reads and writes checkpoints without libtorch. What it says
//! is computed here.

pub use affekt_spec::encoder::{Activation, Architecture, ConfigError, EncoderConfig, FeatureNorm};
use tch::Tensor;

/// The function of every number.
pub fn activate(activation: Activation, xs: &Tensor) -> Tensor {
    match activation {
        Activation::Gelu => xs.gelu("none"),
        Activation::Relu => xs.relu(),
    }
}
