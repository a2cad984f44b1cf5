//! The interface of features.

/// A transform from waveforms to matrices with a fixed number of rows and time as the last axis. Created once and used
/// from any thread.
pub trait Feature: Send + Sync {
    /// Returns the shape `[rows, frames]` for a waveform of `n_samples`.
    fn shape(&self, n_samples: usize) -> [usize; 2];

    /// Computes the feature of a waveform, row-major.
    fn compute(&self, samples: &[f32]) -> Vec<f32>;
}
