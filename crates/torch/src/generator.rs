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

/// Draws a seed for a stream of one's own from the CPU's generator (`tch::manual_seed`), as a tensor of one i64 would be filled by
/// `random_`. No tensor is made and no device is waited for.
#[must_use]
pub fn drawn_seed() -> u64 {
    shim::draw_whole() as u64
}

/// Draws a number from 0, below 1, from the CPU's generator, as a tensor of one f32 would be filled by `uniform_`.
#[must_use]
pub fn drawn_unit() -> f64 {
    f64::from(shim::draw_unit())
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

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;

    #[test]
    fn numbers_are_those_that_tensors_are_filled_with() {
        let whole = || Tensor::empty([1], (Kind::Int64, Device::Cpu)).random_().int64_value(&[0]) as u64;
        let unit = || Tensor::rand([1], (Kind::Float, Device::Cpu)).double_value(&[0]);
        let start = generator_state(Device::Cpu).unwrap();
        let expected: Vec<_> = (0..100).map(|_| (whole(), unit())).collect();
        set_generator_state(Device::Cpu, &start).unwrap();
        let drawn: Vec<_> = (0..100).map(|_| (drawn_seed(), drawn_unit())).collect();
        assert_eq!(drawn, expected);
    }
}
