//! What features have in common.

/// A plan that turns waveforms into matrices of one number of rows, with time as the last axis. It is made once and
/// used from any thread.
pub trait Feature: Send + Sync {
    /// `[rows, frames]` for a waveform of `n_samples`.
    fn shape(&self, n_samples: usize) -> [usize; 2];

    /// The feature of a waveform, row-major.
    fn compute(&self, samples: &[f32]) -> Vec<f32>;
}
