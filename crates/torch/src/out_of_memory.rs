//! Telling that memory is used up, by the type of what libtorch threw; and memory for tests that is soon used up.

use std::ffi::{CString, c_char, c_int};

unsafe extern "C" {
    fn affekt_was_out_of_memory(line: *const c_char) -> c_int;
    fn affekt_cpu_memory(now: *mut usize, peak: *mut usize);
    fn affekt_forget_cpu_peak();
    fn affekt_limit_cpu_memory(bytes: usize) -> usize;
}

/// Bytes of libtorch's tensors on the CPU, of this whole process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorMemory {
    /// Now.
    pub now_bytes: usize,
    /// At most, since the process began or [`forget_tensor_peak`] was called.
    pub peak_bytes: usize,
}

/// Returns how much memory tensors take on the CPU, and took at most.
#[must_use]
pub fn tensor_memory() -> TensorMemory {
    let (mut now_bytes, mut peak_bytes) = (0, 0);
    // SAFETY: writes two numbers.
    unsafe { affekt_cpu_memory(&raw mut now_bytes, &raw mut peak_bytes) };
    TensorMemory { now_bytes, peak_bytes }
}

/// Has [`TensorMemory::peak_bytes`] begin again at what is needed now.
pub fn forget_tensor_peak() {
    // SAFETY: sets a number.
    unsafe { affekt_forget_cpu_peak() }
}

/// While it lives, libtorch is out of memory when all tensors on the CPU would take more than some bytes. For tests: a GPU
/// that is too small for a batch can so be imitated without one.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct MemoryLimit {
    before: usize,
}

impl MemoryLimit {
    /// Sets the limit of this process.
    pub fn new(bytes: usize) -> Self {
        // SAFETY: sets a number.
        Self { before: unsafe { affekt_limit_cpu_memory(bytes) } }
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        // SAFETY: sets a number.
        unsafe { affekt_limit_cpu_memory(self.before) };
    }
}

/// Returns whether an exception whose message begins with this line was thrown because memory was used up.
pub(crate) fn was_out_of_memory(line: &str) -> bool {
    // SAFETY: reads a string that ends in a zero.
    CString::new(line).is_ok_and(|line| unsafe { affekt_was_out_of_memory(line.as_ptr()) != 0 })
}
