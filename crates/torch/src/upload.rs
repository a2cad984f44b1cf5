//! From the host's memory to a device's, without waiting for it.

use tch::kind::Element;
use tch::{Device, TchError, Tensor};

use crate::operator_count::count_copy;

/// Sends a tensor of the CPU to a device, and does not wait until it is there. The page-locked copy comes from libtorch's pool,
/// which gives its memory out again only when the transfer is over. All threads queue on the device's one default stream, so
/// whoever uses the tensor comes after its transfer. To the CPU nothing is sent.
///
/// # Errors
/// When libtorch refuses, because there is no memory.
pub fn f_upload(tensor: &Tensor, device: Device) -> Result<Tensor, TchError> {
    count_copy();
    if device == Device::Cpu || tensor.device() != Device::Cpu {
        return Ok(tensor.shallow_clone());
    }
    let kind = tensor.f_kind()?;
    tensor
        .f_pin_memory(device)?
        .f_to_device_(device, kind, /* non_blocking */ true, /* copy */ false)
}

/// Sends a tensor to a device as [`f_upload`] does.
///
/// # Panics
/// Where that fails, as operators of `tch` do.
pub fn upload(tensor: &Tensor, device: Device) -> Tensor {
    f_upload(tensor, device).unwrap()
}

/// Sends numbers to a device as [`upload`] does: `[values]`.
///
/// # Panics
/// Where that fails, as operators of `tch` do.
pub fn uploaded<T: Element>(values: &[T], device: Device) -> Tensor {
    upload(&Tensor::from_slice(values), device)
}
