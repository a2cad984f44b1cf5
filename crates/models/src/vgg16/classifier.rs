//! What reads the base: linear layers, with dropout behind the first.

use affekt_torch::init::{self, Vars};
use tch::nn::{Module, ModuleT};
use tch::{Tensor, nn};

use crate::BuildError;
use crate::dropout::dropout;
use crate::network::checked_dropout;

/// linear → ReLU → dropout → linear → ReLU → … → linear.
#[derive(Debug)]
pub struct Classifier {
    layers: Vec<nn::Linear>,
    dropout: f64,
}

impl Classifier {
    /// So many hidden layers of these units. Their names count ReLUs and the dropout, as torchvision's do: `0`, `3`, `5`.
    pub fn new(
        vars: &Vars,
        inputs: usize,
        hidden: &[usize],
        dropout: f64,
        outputs: usize,
    ) -> Result<Self, BuildError> {
        if hidden.iter().min().is_none_or(|least| *least == 0) {
            return Err(BuildError::Zero("hidden"));
        }
        let dropout = checked_dropout(dropout)?;
        let mut layers = Vec::new();
        let mut inputs = inputs as i64;
        for (i, &units) in hidden.iter().chain([&outputs]).enumerate() {
            let number = if i == 0 { 0 } else { 2 * i + 1 };
            let units = units as i64;
            layers.push(init::linear(&(&(vars / "classifier") / &number.to_string()), inputs, units));
            inputs = units;
        }
        Ok(Self { layers, dropout })
    }
}

impl ModuleT for Classifier {
    /// `[batch, inputs] -> [batch, outputs]`
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let mut xs = xs.shallow_clone();
        for (i, layer) in self.layers.iter().enumerate() {
            xs = layer.forward(&xs);
            if i + 1 < self.layers.len() {
                xs = xs.relu();
            }
            if i == 0 {
                xs = dropout(&xs, self.dropout, train);
            }
        }
        xs
    }
}
