//! What is trained of an encoder in the place of all its weights.

use crate::Spec;

/// What is trained of an encoder in the place of all its weights; the rest of it stays as it is.
#[derive(Debug, Clone, PartialEq, Spec)]
#[spec(tag = "kind", bare)]
pub enum Adapt {
    /// Low-rank maps beside linear maps of every layer (LoRA: Hu et al., arXiv 2106.09685). `export` adds them to the weights that
    /// they stand beside, and writes them alone as well.
    Lora {
        /// Rank of each.
        #[spec(default = 8, range = 1..=4096)]
        rank: usize,
        /// What they are multiplied by is this by the rank.
        #[spec(default = 16.0, range = 0.01..=65_536.0)]
        alpha: f64,
        /// Share of what they read that is dropped in training.
        #[spec(default = 0.0, range = 0.0..1.0)]
        dropout: f64,
        /// What they stand beside.
        #[spec(default = vec![LoraTarget::QProj, LoraTarget::VProj])]
        targets: Vec<LoraTarget>,
    },
    /// Small networks behind attention and feed-forward of every layer (adapters: Houlsby et al., arXiv 1902.00751).
    Bottleneck {
        /// Units of each.
        #[spec(default = 64, range = 1..=65_536, unit = "units")]
        width: usize,
    },
    /// The biases of every layer (BitFit: Ben Zaken et al., arXiv 2106.10199).
    Biases,
    /// The last layers.
    TopLayers {
        /// How many.
        #[spec(range = 1..=1000)]
        layers: usize,
    },
}

/// A linear map of a layer, under transformers' name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum LoraTarget {
    /// Of queries.
    #[spec(name = "q_proj")]
    QProj,
    /// Of keys.
    #[spec(name = "k_proj")]
    KProj,
    /// Of values.
    #[spec(name = "v_proj")]
    VProj,
    /// Behind attention.
    #[spec(name = "out_proj")]
    OutProj,
    /// The first of the feed-forward part.
    #[spec(name = "intermediate_dense")]
    IntermediateDense,
    /// The second.
    #[spec(name = "output_dense")]
    OutputDense,
}
