//! Systems B1 to B3: CNNs over frames, and two of them beside a transformer encoder.

use crate::{LibraryDefaults, Spec};

/// Blocks of convolution, batch norm, ReLU, max pool and dropout.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct CnnConfig {
    /// Channels after each block.
    #[spec(default = vec![16, 32, 64], range = 1..=65_536)]
    pub channels: Vec<usize>,
    /// Side of each block's max pool, which is its stride too.
    #[spec(default = vec![2, 4, 4], range = 1..=65_536)]
    pub pools: Vec<usize>,
    /// Share of activations dropped after each pool in training.
    #[spec(default = 0.3, range = 0.0..1.0)]
    pub dropout: f64,
    /// What batch norm keeps statistics of.
    #[spec(default = NormAxis::Time)]
    pub norm_axis: NormAxis,
    /// Whose initial weights, batch norm and transformer layer.
    #[spec(default = LibraryDefaults::PyTorch, omit)]
    pub defaults: LibraryDefaults,
}

/// The axis along which batch norm keeps one mean and variance per element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum NormAxis {
    /// Per time frame: as published.
    Time,
    /// Per channel: the usual one.
    Channel,
}

/// Two CNNs beside a transformer encoder.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct ParallelCnnConfig {
    /// Each of the two CNNs.
    #[spec(flatten)]
    pub cnn: CnnConfig,
    /// The encoder beside them, as wide as there are bands.
    #[spec(default = TransformerConfig::default())]
    pub transformer: TransformerConfig,
}

/// A transformer encoder (Vaswani et al., arXiv 1706.03762).
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct TransformerConfig {
    /// Number of layers.
    #[spec(default = 4, range = 1..=64)]
    pub layers: usize,
    /// Heads of each self-attention, which divide the width among them.
    #[spec(default = 4, range = 1..=1024)]
    pub heads: usize,
    /// Units between the two linear maps of a layer.
    #[spec(default = 512, range = 1..=65_536, unit = "units")]
    pub feed_forward: usize,
    /// Share of activations, and of attention weights, dropped in training.
    #[spec(default = 0.4, range = 0.0..1.0)]
    pub dropout: f64,
    /// How the encoder is told which frame is which.
    #[spec(default = Positions::None)]
    pub positions: Positions,
}

/// Encodings of positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Positions {
    /// None, as published: the encoder sees a set of frames.
    None,
    /// Sines and cosines of wavelengths from 2π to 10 000 · 2π frames (section 3.5 of the paper).
    Sinusoidal,
}
