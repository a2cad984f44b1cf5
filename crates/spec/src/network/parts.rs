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

/// What the outputs go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Spec)]
pub enum OutputActivation {
    /// Any number.
    #[default]
    None,
    /// Numbers in 0..1, as intensities of emotions are.
    Sigmoid,
}
