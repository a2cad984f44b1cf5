//! Settings that several networks have.

use crate::Spec;

/// Long short-term memory layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub struct LstmConfig {
    /// Number of layers.
    #[spec(default = 2, range = 1..=64)]
    pub layers: usize,
    /// Width of each layer.
    #[spec(default = 512, range = 1..=65_536, unit = "units")]
    pub hidden: usize,
}

/// How the steps of a clip become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Pooling {
    /// The first step.
    First,
    /// The last step.
    Last,
    /// The largest number of every feature among the steps.
    Max,
    /// The mean of all steps.
    Mean,
    /// The mean of all steps but the last, as in the published code of V-FT (arXiv 2110.06309). Of a single step, that one.
    MeanButLast,
}

/// What the outputs go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Spec)]
pub enum OutputActivation {
    /// Any number.
    #[default]
    None,
    /// Numbers in 0..1, as intensities of emotions are.
    Sigmoid,
}
