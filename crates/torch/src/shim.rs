//! The border to C.

use std::ffi::{CStr, c_char};

use tch::Tensor;

use crate::TorchError;

/// A C++ `at::Tensor`, behind a pointer that a [`Tensor`] owns.
#[repr(C)]
struct AtTensor {
    opaque: [u8; 0],
}

unsafe extern "C" {
    fn affekt_adam_step(
        count: usize,
        parameters: *const *const AtTensor,
        means: *const *const AtTensor,
        squares: *const *const AtTensor,
        steps: *const *const AtTensor,
        learning_rate: f64,
        beta1: f64,
        beta2: f64,
        weight_decay: f64,
        epsilon: f64,
    ) -> *mut c_char;
    fn affekt_clip_gradients(count: usize, parameters: *const *const AtTensor, max_norm: f64) -> *mut c_char;
    fn affekt_forget_gradients(count: usize, parameters: *const *const AtTensor) -> *mut c_char;
    fn affekt_libtorch_version() -> *const c_char;
}

/// What [`adam_step`] changes, index by index.
pub struct AdamTensors<'a> {
    pub parameters: &'a [Tensor],
    pub means: &'a [Tensor],
    pub squares: &'a [Tensor],
    pub steps: &'a [Tensor],
}

/// The numbers of Adam.
pub struct AdamNumbers {
    pub learning_rate: f64,
    pub betas: (f64, f64),
    pub weight_decay: f64,
    pub epsilon: f64,
}

/// One step of libtorch's fused Adam for the parameters that have a gradient.
pub fn adam_step(tensors: &AdamTensors, numbers: &AdamNumbers) -> Result<(), TorchError> {
    let count = tensors.parameters.len();
    assert!([tensors.means, tensors.squares, tensors.steps].iter().all(|list| list.len() == count));
    let [parameters, means, squares, steps] =
        [tensors.parameters, tensors.means, tensors.squares, tensors.steps].map(pointers);
    // SAFETY: every list holds `count` pointers to live tensors, borrowed for the call; the shim keeps none
    // of them and catches every exception.
    check(unsafe {
        affekt_adam_step(
            count,
            parameters.as_ptr(),
            means.as_ptr(),
            squares.as_ptr(),
            steps.as_ptr(),
            numbers.learning_rate,
            numbers.betas.0,
            numbers.betas.1,
            numbers.weight_decay,
            numbers.epsilon,
        )
    })
}

/// Scales the gradients so that the norm of all together is `max_norm` at most.
pub fn clip_gradients(parameters: &[Tensor], max_norm: f64) -> Result<(), TorchError> {
    let pointers = pointers(parameters);
    // SAFETY: as in `adam_step`.
    check(unsafe { affekt_clip_gradients(pointers.len(), pointers.as_ptr(), max_norm) })
}

/// Leaves the tensors without gradients.
pub fn forget_gradients(parameters: &[Tensor]) -> Result<(), TorchError> {
    let pointers = pointers(parameters);
    // SAFETY: as in `adam_step`.
    check(unsafe { affekt_forget_gradients(pointers.len(), pointers.as_ptr()) })
}

/// The version in libtorch's headers.
pub fn libtorch_version() -> &'static str {
    // SAFETY: a string literal of the shim.
    unsafe { CStr::from_ptr(affekt_libtorch_version()) }.to_str().unwrap_or("unknown")
}

/// Loads a shared library for the rest of the process; `false` where it is missing or does not load.
pub fn load_library(name: &CStr) -> bool {
    // SAFETY: the name ends in a zero; libtorch's own initialisers are made for being loaded this way.
    !unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) }.is_null()
}

fn pointers(tensors: &[Tensor]) -> Vec<*const AtTensor> {
    tensors.iter().map(|tensor| tensor.as_ptr().cast()).collect()
}

fn check(message: *mut c_char) -> Result<(), TorchError> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: a string that the shim made with `strdup` and gave away.
    let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
    // SAFETY: as above; nothing refers to it any more.
    unsafe { libc::free(message.cast()) };
    Err(TorchError(crate::first_line(&text).to_owned()))
}
