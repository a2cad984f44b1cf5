//! B3, two CNNs beside a transformer encoder that reads the same input frame by frame.
//!
//! ```text
//!           ┌─ two CNNs ──────────────────────┐
//! [128, 94] ┤                            1024 ├ concatenate ─ linear ─ logits
//!           └─ transformer ─ mean over time ──┘        1152
//!                                         128
//! ```
//!
//! The published network fed its encoder `[time, batch, bands]` where its library was set to read
//! `[batch, time, bands]`, so it attended across the utterances of a batch. This one attends over time.

use affekt_spec::network::ParallelCnnConfig;
use affekt_torch::init::{self, Vars};
use tch::nn::{Module, ModuleT};
use tch::{Kind, Tensor, nn};

use crate::BuildError;
use crate::network::library;
use crate::transformer::Encoder;
use crate::two_cnns::Pair;

/// B3.
#[derive(Debug)]
pub struct ParallelCnn {
    cnns: Pair,
    transformer: Encoder,
    output: nn::Linear,
}

impl ParallelCnn {
    /// The network for inputs of `[bands, frames]`.
    pub fn new(
        vars: &Vars,
        config: &ParallelCnnConfig,
        shape: [usize; 2],
        classes: usize,
    ) -> Result<Self, BuildError> {
        let vars = &vars.of(library(config.cnn.defaults));
        let cnns = Pair::new(vars, &config.cnn, shape)?;
        let [width, frames] = shape;
        let transformer = Encoder::new(&(vars / "transformer"), &config.transformer, width, frames)?;
        let output = init::linear(&(vars / "output"), cnns.features() + width as i64, classes as i64);
        Ok(Self { cnns, transformer, output })
    }
}

impl ModuleT for ParallelCnn {
    /// `[batch, bands, frames] -> [batch, classes]`
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let shapes = self.cnns.forward_t(xs, train); // [batch, features]
        let frames = self.transformer.forward_t(&xs.transpose(1, 2), train); // [batch, frames, bands]
        let mean = frames.mean_dim(1, /* keepdim */ false, Kind::Float); // [batch, bands]
        self.output.forward(&Tensor::cat(&[shapes, mean], 1))
    }
}
