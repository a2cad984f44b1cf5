//! The border to C.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use tch::{Device, Tensor};

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
        decoupled: c_int,
        found_inf: *const AtTensor,
    ) -> *mut c_char;
    fn affekt_unscale_gradients(
        count: usize,
        parameters: *const *const AtTensor,
        scale: *const AtTensor,
        found_inf: *const AtTensor,
    ) -> *mut c_char;
    fn affekt_update_scale(
        scale: *const AtTensor,
        good_steps: *const AtTensor,
        found_inf: *const AtTensor,
        growth: f64,
        backoff: f64,
        interval: i64,
    ) -> *mut c_char;
    fn affekt_clip_gradients(count: usize, parameters: *const *const AtTensor, max_norm: f64) -> *mut c_char;
    fn affekt_forget_gradients(count: usize, parameters: *const *const AtTensor) -> *mut c_char;
    fn affekt_draw_whole() -> i64;
    fn affekt_draw_unit() -> f32;
    fn affekt_libtorch_version() -> *const c_char;
    fn affekt_gradients_enabled() -> c_int;
    fn affekt_recompute_in_backward(
        count: usize,
        inputs: *const *const AtTensor,
        output: *const AtTensor,
        call: unsafe extern "C" fn(*mut c_void, usize, *mut *mut AtTensor, *mut *mut AtTensor) -> *mut c_char,
        release: unsafe extern "C" fn(*mut c_void),
        closure: *mut c_void,
        attached: *mut *mut AtTensor,
    ) -> *mut c_char;
    fn affekt_numerics(tf32: *mut c_int, deterministic: *mut c_int, benchmark: *mut c_int) -> *mut c_char;
    fn affekt_set_numerics(tf32: c_int, deterministic: c_int, benchmark: c_int) -> *mut c_char;
    fn affekt_memory(device: c_int, bytes: *mut i64) -> *mut c_char;
    fn affekt_forget_memory_peak(device: c_int) -> *mut c_char;
    fn affekt_release_cached_memory(device: c_int) -> *mut c_char;
    fn affekt_cuda_versions(versions: *mut i64) -> *mut c_char;
    fn affekt_fill_in_parallel(
        tensor: *const AtTensor,
        fill: unsafe extern "C" fn(*const c_void, usize, *mut f32, usize),
        closure: *const c_void,
    ) -> *mut c_char;
    fn affekt_generator_state(device: c_int, state: *mut *mut AtTensor) -> *mut c_char;
    fn affekt_set_generator_state(device: c_int, state: *const AtTensor) -> *mut c_char;
    fn affekt_autocast(device: c_int) -> c_int;
    fn affekt_set_autocast(device: c_int, element_type: c_int);
    fn affekt_autocast_begins();
    fn affekt_autocast_ends();
    fn affekt_set_autocast_cache(enabled: c_int) -> c_int;
}

/// What [`adam_step`] changes, index by index.
pub struct AdamTensors<'a> {
    pub parameters: &'a [Tensor],
    pub means: &'a [Tensor],
    pub squares: &'a [Tensor],
    pub steps: &'a [Tensor],
}

/// The numbers of Adam and AdamW.
pub struct AdamNumbers {
    pub learning_rate: f64,
    pub betas: (f64, f64),
    pub weight_decay: f64,
    pub epsilon: f64,
    pub decoupled: bool,
}

/// One step of libtorch's fused Adam or AdamW for the parameters that have a gradient; none where `found_inf` is not 0.
pub fn adam_step(
    tensors: &AdamTensors,
    numbers: &AdamNumbers,
    found_inf: Option<&Tensor>,
) -> Result<(), TorchError> {
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
            numbers.decoupled.into(),
            found_inf.map_or(ptr::null(), |tensor| tensor.as_ptr().cast()),
        )
    })
}

/// Divides the gradients by `scale`, and sets `found_inf` to 1 where one is not finite.
pub fn unscale_gradients(
    parameters: &[Tensor],
    scale: &Tensor,
    found_inf: &Tensor,
) -> Result<(), TorchError> {
    let pointers = pointers(parameters);
    // SAFETY: as in `adam_step`.
    check(unsafe {
        affekt_unscale_gradients(
            pointers.len(),
            pointers.as_ptr(),
            scale.as_ptr().cast(),
            found_inf.as_ptr().cast(),
        )
    })
}

/// Chooses the next scale after a step with or without gradients that are not finite.
pub fn update_scale(
    scale: &Tensor,
    good_steps: &Tensor,
    found_inf: &Tensor,
    growth: f64,
    backoff: f64,
    interval: i64,
) -> Result<(), TorchError> {
    let [scale, good_steps, found_inf] = [scale, good_steps, found_inf].map(|tensor| tensor.as_ptr().cast());
    // SAFETY: live tensors, as in `adam_step`.
    check(unsafe { affekt_update_scale(scale, good_steps, found_inf, growth, backoff, interval) })
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

/// Whether this thread records what is computed.
pub fn gradients_enabled() -> bool {
    // SAFETY: reads a setting of this thread.
    unsafe { affekt_gradients_enabled() != 0 }
}

/// What a checkpointed segment computes, from tensors that stand for its inputs.
pub type Segment = Box<dyn Fn(&[Tensor]) -> Result<Tensor, TorchError> + Send>;

/// `output` with a history: its backward pass calls `segment` and then that graph's backward pass.
pub fn recompute_in_backward(
    inputs: &[Tensor],
    output: &Tensor,
    segment: Segment,
) -> Result<Tensor, TorchError> {
    let inputs = pointers(inputs);
    // A thin pointer to the fat one.
    let closure: *mut Segment = Box::into_raw(Box::new(segment));
    owned(|attached| {
        // SAFETY: pointers to live tensors, as in `adam_step`. The shim owns the closure from here on: whatever happens, it
        // is released once, by `release_segment`, and not called any more then. It may be called and released by
        // another thread, which `Send` allows.
        unsafe {
            affekt_recompute_in_backward(
                inputs.len(),
                inputs.as_ptr(),
                output.as_ptr().cast(),
                call_segment,
                release_segment,
                closure.cast(),
                attached,
            )
        }
    })
}

/// Calls the segment behind `closure`. Panics end here.
unsafe extern "C" fn call_segment(
    closure: *mut c_void,
    count: usize,
    inputs: *mut *mut AtTensor,
    output: *mut *mut AtTensor,
) -> *mut c_char {
    let called = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the shim gives `count` tensors away, each made by `new`.
        let inputs: Vec<Tensor> =
            (0..count).map(|i| unsafe { Tensor::from_ptr((*inputs.add(i)).cast()) }).collect();
        // SAFETY: what `recompute_in_backward` made, not yet released.
        let segment = unsafe { &*closure.cast::<Segment>() };
        segment(&inputs)
    }));
    let message = match called {
        Ok(Ok(tensor)) => {
            // SAFETY: `output` is the caller's; the tensor is given away.
            unsafe { *output = ManuallyDrop::new(tensor).as_mut_ptr().cast() };
            return ptr::null_mut();
        }
        Ok(Err(error)) => error.message,
        Err(panic) => format!("a checkpointed segment panicked: {}", panic_message(&*panic)),
    };
    let message = CString::new(message.replace('\0', " ")).unwrap_or_default();
    // SAFETY: copies a string that ends in a zero.
    unsafe { libc::strdup(message.as_ptr()) }
}

unsafe extern "C" fn release_segment(closure: *mut c_void) {
    // SAFETY: what `recompute_in_backward` made; the shim calls this once. A captured value that panics when it is
    // dropped must not unwind through C++.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(unsafe { Box::from_raw(closure.cast::<Segment>()) })));
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// A copy of the state of a device's random number generator.
pub fn generator_state(device: Device) -> Result<Tensor, TorchError> {
    // SAFETY: the shim writes one pointer, and throws nothing.
    owned(|state| unsafe { affekt_generator_state(number(device), state) })
}

/// Has libtorch's threads write a contiguous tensor of f32 on the CPU that nobody else knows: `fill` is given the place of the
/// first of some values, and the values.
pub fn fill_in_parallel<F: Fn(usize, &mut [f32]) + Sync>(
    tensor: &Tensor,
    fill: &F,
) -> Result<(), TorchError> {
    /// Calls the closure. (A panic ends the process: it must not cross C++.)
    unsafe extern "C" fn call<F: Fn(usize, &mut [f32]) + Sync>(
        closure: *const c_void,
        first: usize,
        values: *mut f32,
        count: usize,
    ) {
        // SAFETY: the closure outlives the call below, and may be called by several threads; each is given values of its own.
        let (fill, values) =
            unsafe { (&*closure.cast::<F>(), std::slice::from_raw_parts_mut(values, count)) };
        fill(first, values);
    }
    // SAFETY: a live tensor; the closure lives until all threads are done.
    check(unsafe { affekt_fill_in_parallel(tensor.as_ptr().cast(), call::<F>, ptr::from_ref(fill).cast()) })
}

/// Sets the state of a device's random number generator.
pub fn set_generator_state(device: Device, state: &Tensor) -> Result<(), TorchError> {
    // SAFETY: a live tensor, whose kind and size libtorch checks.
    check(unsafe { affekt_set_generator_state(number(device), state.as_ptr().cast()) })
}

/// A number of the CPU's generator from all of 0..2⁶³.
pub fn draw_whole() -> i64 {
    // SAFETY: draws under the generator's lock.
    unsafe { affekt_draw_whole() }
}

/// A number of the CPU's generator from 0 to below 1.
pub fn draw_unit() -> f32 {
    // SAFETY: as `draw_whole`.
    unsafe { affekt_draw_unit() }
}

/// The `c10::ScalarType` that autocast computes in on devices of this kind, -1 where it is off.
pub fn autocast(device: Device) -> i32 {
    // SAFETY: reads a setting of this thread.
    unsafe { affekt_autocast(number(device)) }
}

/// Sets what [`autocast`] gives.
pub fn set_autocast(device: Device, element_type: i32) {
    // SAFETY: changes a setting of this thread.
    unsafe { affekt_set_autocast(number(device), element_type) }
}

/// Casts of parameters are kept from the first of these…
pub fn autocast_begins() {
    // SAFETY: counts, in this thread.
    unsafe { affekt_autocast_begins() }
}

/// … to the last of these.
pub fn autocast_ends() {
    // SAFETY: as `autocast_begins`.
    unsafe { affekt_autocast_ends() }
}

/// Whether casts of parameters are kept. Gives what held before.
pub fn set_autocast_cache(enabled: bool) -> bool {
    // SAFETY: changes a setting of this thread.
    unsafe { affekt_set_autocast_cache(enabled.into()) != 0 }
}

/// Whether TF32 is allowed, whether operations that may give other bits each time are refused, whether cuDNN tries out its
/// algorithms.
pub fn numerics() -> [bool; 3] {
    let (mut tf32, mut deterministic, mut benchmark) = (0, 0, 0);
    // SAFETY: reads settings of the process, and writes three numbers.
    let read = check(unsafe { affekt_numerics(&raw mut tf32, &raw mut deterministic, &raw mut benchmark) });
    // libtorch throws where its older settings and its newer ones contradict each other; only the older are used here.
    read.expect("libtorch's settings are its own");
    [tf32 != 0, deterministic != 0, benchmark != 0]
}

/// Sets what [`numerics`] gives.
pub fn set_numerics([tf32, deterministic, benchmark]: [bool; 3]) {
    // SAFETY: changes settings of the process.
    let set = check(unsafe { affekt_set_numerics(tf32.into(), deterministic.into(), benchmark.into()) });
    set.expect("libtorch's settings are its own");
}

/// Bytes on a GPU: allocated now, allocated at most, reserved now, reserved at most.
pub fn memory(device: Device) -> Result<[u64; 4], TorchError> {
    let mut bytes = [0_i64; 4];
    // SAFETY: the shim writes four numbers.
    check(unsafe { affekt_memory(number(device), bytes.as_mut_ptr()) })?;
    Ok(bytes.map(|bytes| u64::try_from(bytes).unwrap_or(0)))
}

/// Has what was needed at most begin again at what is needed now.
pub fn forget_memory_peak(device: Device) -> Result<(), TorchError> {
    // SAFETY: passes a number; the shim throws nothing.
    check(unsafe { affekt_forget_memory_peak(number(device)) })
}

/// Gives a GPU's memory back that is kept for later tensors.
pub fn release_cached_memory(device: Device) -> Result<(), TorchError> {
    // SAFETY: passes a number; the shim throws nothing.
    check(unsafe { affekt_release_cached_memory(number(device)) })
}

/// The versions of CUDA's runtime and of cuDNN, as these number them.
pub fn cuda_versions() -> Result<[i64; 2], TorchError> {
    let mut versions = [0; 2];
    // SAFETY: the shim writes two numbers.
    check(unsafe { affekt_cuda_versions(versions.as_mut_ptr()) })?;
    Ok(versions)
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

/// As the shim numbers devices.
fn number(device: Device) -> c_int {
    match device {
        Device::Cuda(index) => c_int::try_from(index).unwrap_or(c_int::MAX),
        _ => -1,
    }
}

/// The tensor that a function of the shim makes with `new` and puts where it is told.
fn owned(make: impl FnOnce(*mut *mut AtTensor) -> *mut c_char) -> Result<Tensor, TorchError> {
    let mut made: *mut AtTensor = ptr::null_mut();
    check(make(&raw mut made))?;
    // SAFETY: an `at::Tensor` as tch holds them, given away by the shim.
    Ok(unsafe { Tensor::from_ptr(made.cast()) })
}

fn check(message: *mut c_char) -> Result<(), TorchError> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: a string that the shim made with `strdup` and gave away.
    let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
    // SAFETY: as above; nothing refers to it any more.
    unsafe { libc::free(message.cast()) };
    Err(TorchError::thrown(&text))
}
