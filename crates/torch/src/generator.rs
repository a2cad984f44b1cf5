//! Where libtorch's own random numbers are.

use tch::{Device, Tensor};

use crate::{TorchError, shim};

/// The state of a device's generator, the one that `tch::manual_seed` starts: bytes, on the CPU.
///
/// # Errors
/// When the device is a GPU that is not there.
pub fn generator_state(device: Device) -> Result<Tensor, TorchError> {
    shim::generator_state(device)
}

/// Has a device's generator go on from a state that [`generator_state`] gave for a device of that kind.
///
/// # Errors
/// When the device is a GPU that is not there, or the state is no generator's.
pub fn set_generator_state(device: Device, state: &Tensor) -> Result<(), TorchError> {
    shim::set_generator_state(device, state)
}
