//! B2, two CNNs in parallel: two stacks of blocks side by side on the same input, then one linear layer.
//!
//! ```text
//!           ┌─ blocks ─┐
//! [128, 94] ┤          ├ concatenate ─ linear ─ logits
//!           └─ blocks ─┘        1024
//! ```

use affekt_spec::network::CnnConfig;
use affekt_torch::init::{self, Vars};
use tch::nn::{Module, ModuleT};
use tch::{Tensor, nn};

use crate::BuildError;
use crate::blocks::Blocks;
use crate::network::library;

/// B2.
#[derive(Debug)]
pub struct TwoCnns {
    cnns: Pair,
    output: nn::Linear,
}

impl TwoCnns {
    /// The network for inputs of `[bands, frames]`. `config` is that of each CNN.
    pub fn new(
        vars: &Vars,
        config: &CnnConfig,
        shape: [usize; 2],
        classes: usize,
    ) -> Result<Self, BuildError> {
        let vars = &vars.of(library(config.defaults));
        let cnns = Pair::new(vars, config, shape)?;
        let output = init::linear(&(vars / "output"), cnns.features(), classes as i64);
        Ok(Self { cnns, output })
    }
}

impl ModuleT for TwoCnns {
    /// `[batch, bands, frames] -> [batch, classes]`
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        self.output.forward(&self.cnns.forward_t(xs, train))
    }
}

/// Two stacks of blocks that differ in their weights alone: the convolutional half of B2 and B3.
#[derive(Debug)]
pub struct Pair {
    first: Blocks,
    second: Blocks,
}

impl Pair {
    /// The stacks for inputs of `[bands, frames]`.
    pub fn new(vars: &Vars, config: &CnnConfig, shape: [usize; 2]) -> Result<Self, BuildError> {
        let stack = |name: &str| Blocks::new(&(vars / name), config, shape);
        Ok(Self { first: stack("cnn1")?, second: stack("cnn2")? })
    }

    /// How many features they give together.
    pub const fn features(&self) -> i64 {
        self.first.features() + self.second.features()
    }
}

impl ModuleT for Pair {
    /// `[batch, bands, frames] -> [batch, features]`
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        Tensor::cat(&[self.first.forward_t(xs, train), self.second.forward_t(xs, train)], 1)
    }
}
