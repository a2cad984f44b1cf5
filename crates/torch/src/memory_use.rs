//! How much memory was needed.

use tch::Device;

use crate::{TorchError, shim};

/// Bytes of tensors on a GPU, or of this whole process on the CPU, where libtorch does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// Now.
    pub now_bytes: u64,
    /// At most, since the process began or [`forget_memory_peak`] was called.
    pub peak_bytes: u64,
    /// On a GPU, what libtorch took from it at most: with what it keeps for later tensors.
    pub reserved_peak_bytes: Option<u64>,
}

/// How much is needed of a device's memory, and was at most. GPUs are asked through libtorch's allocator for any device, so
/// that no CUDA library is linked; no test here has seen one.
///
/// # Errors
/// When the device is a GPU that is not there or not yet used, or the kernel does not say what this process needs (it does
/// on Linux).
pub fn memory_use(device: Device) -> Result<MemoryUse, MemoryError> {
    if device == Device::Cpu {
        return of_process(&std::fs::read_to_string(STATUS)?);
    }
    let [now_bytes, peak_bytes, _, reserved_peak_bytes] = shim::memory(device)?;
    Ok(MemoryUse { now_bytes, peak_bytes, reserved_peak_bytes: Some(reserved_peak_bytes) })
}

/// Has [`MemoryUse::peak_bytes`] begin again at what is needed now.
///
/// # Errors
/// As [`memory_use`].
pub fn forget_memory_peak(device: Device) -> Result<(), MemoryError> {
    if device == Device::Cpu {
        return Ok(std::fs::write("/proc/self/clear_refs", "5")?); // proc(5): resets the peak
    }
    Ok(shim::forget_memory_peak(device)?)
}

/// Gives back what libtorch keeps of a GPU's memory for later tensors, so that other processes can have it. On the CPU it
/// does nothing: there `keep_freed_memory` decides.
///
/// # Errors
/// When the device is a GPU that is not there or not yet used.
pub fn release_cached_memory(device: Device) -> Result<(), MemoryError> {
    if device == Device::Cpu { Ok(()) } else { Ok(shim::release_cached_memory(device)?) }
}

const STATUS: &str = "/proc/self/status";

/// From lines such as `VmRSS:      6300 kB`.
fn of_process(status: &str) -> Result<MemoryUse, MemoryError> {
    let bytes = |name: &'static str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        number.map(|kibibytes| 1024 * kibibytes).ok_or(MemoryError::Line(name))
    };
    Ok(MemoryUse { now_bytes: bytes("VmRSS")?, peak_bytes: bytes("VmHWM")?, reserved_peak_bytes: None })
}

/// Nobody says how much memory is needed.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The kernel does not.
    #[error("failed to ask the kernel what this process needs of memory: {0}")]
    Kernel(#[from] std::io::Error),
    /// It says something else.
    #[error("`{STATUS}` has no `{0}` in kB, as Linux gives it")]
    Line(&'static str),
    /// libtorch does not.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel_are_read() {
        let status = "Name:\tworker\nVmHWM:\t  2048 kB\nVmRSS:\t     3 kB\n";
        let expected = MemoryUse { now_bytes: 3072, peak_bytes: 2 << 20, reserved_peak_bytes: None };
        assert_eq!(of_process(status).unwrap(), expected);
        let error = of_process("VmRSS: many\n").unwrap_err().to_string();
        assert_eq!(error, "`/proc/self/status` has no `VmRSS` in kB, as Linux gives it");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_peak_stays_until_it_is_forgotten() {
        const BYTES: usize = 64 << 20;
        let before = memory_use(Device::Cpu).unwrap();
        drop(std::hint::black_box(vec![1_u8; BYTES]));
        let peak = memory_use(Device::Cpu).unwrap().peak_bytes;
        assert!(peak >= before.now_bytes + BYTES as u64 / 2, "{before:?} {peak}");
        // Other tests run beside this one; none of them needs so much.
        forget_memory_peak(Device::Cpu).unwrap();
        assert!(memory_use(Device::Cpu).unwrap().peak_bytes < peak);
    }

    #[test]
    fn gpus_that_are_not_there_are_told_of() {
        assert!(matches!(memory_use(Device::Cuda(4096)), Err(MemoryError::Torch(_))));
        assert!(matches!(forget_memory_peak(Device::Cuda(4096)), Err(MemoryError::Torch(_))));
        assert!(matches!(release_cached_memory(Device::Cuda(4096)), Err(MemoryError::Torch(_))));
    }
}
