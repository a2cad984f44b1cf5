//! What GPU a process computes on, and whether it works.

use std::ffi::{CStr, c_char, c_int, c_void};

use tch::{Device, Kind, Tensor};

use crate::{TorchError, shim};

/// A GPU and the libraries that compute on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuDescription {
    /// Its model: `NVIDIA H200`.
    pub model: String,
    /// The version of CUDA's runtime: `13.0`.
    pub cuda: String,
    /// The version of cuDNN: `9.13.0`.
    pub cudnn: String,
}

/// Adds up two numbers on a device and reads the sum. After an error that a GPU does not recover from (an illegal access, a
/// lost device), every operation on it fails.
///
/// # Errors
/// When the device cannot compute, or not correctly.
pub fn check_device(device: Device) -> Result<(), TorchError> {
    let sum = Tensor::f_ones([2], (Kind::Float, device))?.f_sum(Kind::Float)?.f_double_value(&[])?;
    if sum == 2.0 { Ok(()) } else { Err(TorchError::thrown(&format!("1 + 1 is {sum} on this device"))) }
}

/// Describes a GPU, by CUDA's number in this process. No test here has seen one.
///
/// # Errors
/// When CUDA is not there or does not answer.
pub fn describe_gpu(number: usize) -> Result<GpuDescription, TorchError> {
    let [cuda, cudnn] = shim::cuda_versions()?;
    Ok(GpuDescription {
        model: model(number)?,
        // 13020 is 13.2; 91300 is 9.13.0.
        cuda: format!("{}.{}", cuda / 1000, cuda % 1000 / 10),
        cudnn: format!("{}.{}.{}", cudnn / 10_000, cudnn % 10_000 / 100, cudnn % 100),
    })
}

/// The name that CUDA's driver gives a GPU. libtorch does not pass it on.
fn model(number: usize) -> Result<String, TorchError> {
    type Get = unsafe extern "C" fn(*mut c_int, c_int) -> c_int;
    type Name = unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int;
    let missing = |what: &str| TorchError::thrown(&format!("failed to ask CUDA's driver: {what}"));
    // SAFETY: a name that ends in a zero; the driver's library is loaded already where CUDA is.
    let library = unsafe { libc::dlopen(c"libcuda.so.1".as_ptr(), libc::RTLD_NOW) };
    if library.is_null() {
        return Err(missing("libcuda.so.1 cannot be loaded"));
    }
    let symbol = |name: &CStr| {
        // SAFETY: a loaded library and a name that ends in a zero.
        let symbol = unsafe { libc::dlsym(library, name.as_ptr()) };
        if symbol.is_null() { Err(missing(&format!("no {}", name.to_string_lossy()))) } else { Ok(symbol) }
    };
    // SAFETY: `CUresult cuDeviceGet(CUdevice *, int)`, where `CUdevice` is an `int`.
    let get = unsafe { std::mem::transmute::<*mut c_void, Get>(symbol(c"cuDeviceGet")?) };
    // SAFETY: `CUresult cuDeviceGetName(char *, int, CUdevice)`.
    let name = unsafe { std::mem::transmute::<*mut c_void, Name>(symbol(c"cuDeviceGetName")?) };
    let mut device = 0;
    let mut text = [0_u8; 256];
    // SAFETY: writes one number.
    let mut status = unsafe { get(&raw mut device, c_int::try_from(number).unwrap_or(c_int::MAX)) };
    if status == 0 {
        // SAFETY: writes 256 bytes at most, with a zero at the end.
        status = unsafe { name(text.as_mut_ptr().cast(), 256, device) };
    }
    match (status, CStr::from_bytes_until_nul(&text)) {
        (0, Ok(text)) => Ok(text.to_string_lossy().into_owned()),
        _ => Err(missing(&format!("error {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_works_and_a_gpu_that_is_not_there_does_not() {
        assert!(check_device(Device::Cpu).is_ok());
        assert!(check_device(Device::Cuda(4096)).is_err());
        assert!(describe_gpu(4096).is_err());
    }
}
