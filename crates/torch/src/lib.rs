//! What tch lacks: PyTorch's and Keras' initialisation, an optimiser whose state can be saved, checkpoints with equal
//! bytes, device choice, gradient checkpointing, autocast with proven
//! convolutions and scaled losses, TF32 and determinism, libtorch's random state, how much memory was
//! needed.
//!
//! A program calls [`device::load_cuda`] first thing in `main`. A crate that ends in a binary or test linked
//! to libtorch depends on this one and has a `build.rs` that puts `DEP_AFFEKT_TORCH_LIBTORCH_LIB` into the
//! run path.

mod adam;
mod autocast;
mod batch_norm;
pub mod checkpoint;
mod clip;
mod convolution;
pub mod device;
mod error;
mod filled;
mod generator;
mod gpu;
mod grad_scaler;
mod gradient_checkpoint;
mod half_precision;
mod half_precision_layers;
pub mod init;
mod memory;
mod memory_use;
mod numerics;
mod operator_count;
mod out_of_memory;
mod shim;
mod upload;

pub use affekt_random::Random;

pub use adam::{Adam, AdamConfig, AdamStateError};
pub use autocast::{Autocast, AutocastError, without_autocast};
pub use batch_norm::{BatchNorm, RunningVariance};
pub use checkpoint::{Checkpoint, NamedTensors};
pub use clip::clip_gradients;
pub use convolution::{Conv2d, Convolution};
pub use error::{TorchError, first_line};
pub use filled::{filled, filled_bytes, filled_in_parallel};
pub use generator::{GeneratorStates, drawn_seed, drawn_unit, generator_state, set_generator_state};
pub use gpu::{GpuDescription, check_device, describe_gpu};
pub use grad_scaler::GradScaler;
pub use gradient_checkpoint::gradient_checkpoint;
pub use half_precision::{
    ConvolutionKernel, forget_fp32_convolutions, fp32_convolutions, with_convolution_kernel,
};
pub use half_precision_layers::{LayerProof, prove_layers};
pub use memory::{keep_freed_memory, return_freed_memory};
pub use memory_use::{MemoryError, MemoryUse, forget_memory_peak, memory_use, release_cached_memory};
pub use numerics::{HeldNumerics, Numerics};
pub use operator_count::{OperatorCounter, OperatorCounts, counts_operators};
pub use out_of_memory::{MemoryLimit, TensorMemory, forget_tensor_peak, tensor_memory};
pub use upload::{f_upload, upload, uploaded};
