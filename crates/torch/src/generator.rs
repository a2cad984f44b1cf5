//! Where libtorch's own random numbers are.

use tch::{Device, Tensor};

use crate::{TorchError, shim};

/// Where the generators are that computing on a device can draw from: the CPU's and its own.
#[derive(Debug)]
pub struct GeneratorStates(Vec<(Device, Tensor)>);

impl GeneratorStates {
    /// Returns where they are now.
    ///
    /// # Errors
    /// When the device is a GPU that is not there.
    pub fn now(device: Device) -> Result<Self, TorchError> {
        let devices = [Some(Device::Cpu), Some(device).filter(|device| device.is_cuda())];
        let state = |device| Ok((device, generator_state(device)?));
        devices.into_iter().flatten().map(state).collect::<Result<_, _>>().map(Self)
    }

    /// Has them go on from there.
    ///
    /// # Errors
    /// As [`set_generator_state`].
    pub fn restore(&self) -> Result<(), TorchError> {
        self.0.iter().try_for_each(|(device, state)| set_generator_state(*device, state))
    }
}

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
