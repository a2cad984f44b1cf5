//! Gradients that do not outgrow a norm.

use tch::Tensor;

use crate::{TorchError, shim};

/// Scales all gradients by one number where their norm, taken over all of them together, is above `max_norm`
/// (Pascanu, Mikolov and Bengio, arXiv 1211.5063): `torch.nn.utils.clip_grad_norm_`, which divides by the norm + 1e-6.
/// Does not wait for the device. Parameters without a gradient are passed over.
///
/// # Errors
/// When libtorch refuses, as it does gradients on several devices.
pub fn clip_gradients(parameters: &[Tensor], max_norm: f64) -> Result<(), TorchError> {
    shim::clip_gradients(parameters, max_norm)
}
