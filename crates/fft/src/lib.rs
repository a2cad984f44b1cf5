//! Fourier transforms of `f32`, compiled once and optimised.
//!
//! [`Batch`] transforms many signals of one length side by side, for spectra. [`forward`] and [`inverse`] plan a single
//! transform of any length with rustfft, for resampling: its planner is generic, and every crate that makes one compiles all
//! its kernels. Here they are compiled to machine code at `opt-level = 3`, and others get plans behind a trait object.

mod batch;

use std::sync::Arc;

pub use batch::{Batch, Signals};
pub use rustfft::Fft;
use rustfft::FftDirection;
pub use rustfft::num_complex::Complex;

/// Plans forward transforms of `length` values, unscaled.
#[must_use]
pub fn forward(length: usize) -> Arc<dyn Fft<f32>> {
    plan(length, FftDirection::Forward)
}

/// Plans inverse transforms of `length` values, unscaled.
#[must_use]
pub fn inverse(length: usize) -> Arc<dyn Fft<f32>> {
    plan(length, FftDirection::Inverse)
}

/// Plans with the kernels for AVX, else with those for any processor: SSE's would be a third of the time that this crate
/// takes to compile, for processors that are hardly made any more.
#[cfg(target_arch = "x86_64")]
fn plan(length: usize, direction: FftDirection) -> Arc<dyn Fft<f32>> {
    match rustfft::FftPlannerAvx::new() {
        Ok(mut planner) => planner.plan_fft(length, direction),
        Err(()) => rustfft::FftPlannerScalar::new().plan_fft(length, direction),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn plan(length: usize, direction: FftDirection) -> Arc<dyn Fft<f32>> {
    rustfft::FftPlanner::new().plan_fft(length, direction)
}
