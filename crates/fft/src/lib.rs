//! Fourier transforms of `f32`, compiled once and optimised.
//!
//! rustfft's planner is generic: every crate that makes one compiles all its kernels. Here they are compiled to
//! machine code at `opt-level = 3`, and others get plans behind a trait object.

use std::sync::Arc;

pub use rustfft::Fft;
pub use rustfft::num_complex::Complex;
use rustfft::{FftDirection, FftPlanner};

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

fn plan(length: usize, direction: FftDirection) -> Arc<dyn Fft<f32>> {
    FftPlanner::new().plan_fft(length, direction)
}
