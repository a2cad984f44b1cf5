//! What a network's outputs go through.

use affekt_spec::network::OutputActivation;
use tch::Tensor;

/// Returns the function of every output, `[…]`, the same out. Logits of classes go through none.
pub fn activated(activation: OutputActivation, xs: &Tensor) -> Tensor {
    match activation {
        OutputActivation::None => xs.shallow_clone(),
        OutputActivation::Sigmoid => xs.sigmoid(),
    }
}
