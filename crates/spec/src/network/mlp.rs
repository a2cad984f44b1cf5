//! Linear layers over one vector a clip, as functionals are.

use super::parts::OutputActivation;
use crate::Spec;

/// Linear layers with norms and ReLUs between them.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct MlpConfig {
    /// Units of each hidden layer.
    #[spec(default = vec![128, 64, 32], range = 1..=65_536)]
    pub hidden: Vec<usize>,
    /// What all hidden layers but the last are normalised by.
    #[spec(default = MlpNorm::Layer)]
    pub norm: MlpNorm,
    /// Share of units dropped behind each hidden layer in training.
    #[spec(default = 0.0, range = 0.0..1.0)]
    pub dropout: f64,
    /// What the outputs go through.
    #[spec(default = OutputActivation::None)]
    pub output_activation: OutputActivation,
}

/// A norm between a linear layer and its activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum MlpNorm {
    /// None.
    None,
    /// Layer norm, each clip by the mean and variance of its units: as published.
    Layer,
    /// Batch norm, each unit by its mean and variance over the batch.
    Batch,
}
