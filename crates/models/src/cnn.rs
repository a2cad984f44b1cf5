//! B1, the single CNN: blocks, then one linear layer.
//!
//! ```text
//! [128, 94] ─ blocks ─ linear ─ logits
//!                512
//! ```

use affekt_spec::network::CnnConfig;
use affekt_torch::init::{self, Vars};
use tch::nn::{Module, ModuleT};
use tch::{Tensor, nn};

use crate::BuildError;
use crate::blocks::Blocks;
use crate::network::library;

/// B1.
#[derive(Debug)]
pub struct Cnn {
    blocks: Blocks,
    output: nn::Linear,
}

impl Cnn {
    /// The network for inputs of `[bands, frames]`.
    pub fn new(
        vars: &Vars,
        config: &CnnConfig,
        shape: [usize; 2],
        classes: usize,
    ) -> Result<Self, BuildError> {
        let vars = &vars.of(library(config.defaults));
        let blocks = Blocks::new(vars, config, shape)?;
        let output = init::linear(&(vars / "output"), blocks.features(), classes as i64);
        Ok(Self { blocks, output })
    }
}

impl ModuleT for Cnn {
    /// `[batch, bands, frames] -> [batch, classes]`
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        self.output.forward(&self.blocks.forward_t(xs, train))
    }
}
