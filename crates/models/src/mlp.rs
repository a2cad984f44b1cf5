//! A few linear layers over one vector a clip, as functionals of openSMILE are: the baseline of the vocal burst challenge
//! A-VB 2022 (Baird et al., arXiv 2207.03572), as its published code has it.
//!
//! ```text
//! [1, 88] ─ linear ─ layer norm ─ leaky ReLU ─ linear ─ layer norm ─ leaky ReLU ─ linear ─ leaky ReLU ─ output
//!             128                                64                                 32
//! ```

use affekt_torch::init::{self, Vars};
use serde::{Deserialize, Serialize};
use tch::nn::{Module, ModuleT};
use tch::{Tensor, nn};

use crate::BuildError;
use crate::dropout::dropout;
use crate::network::checked_dropout;
use crate::outputs::OutputActivation;

/// What an [`Mlp`] is made of. The default is the published baseline for classes; that for values ends in sigmoids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MlpConfig {
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// What all of them but the last are normalised by.
    pub norm: MlpNorm,
    /// Share of units dropped behind each hidden layer in training.
    pub dropout: f64,
    /// What the outputs go through.
    pub output_activation: OutputActivation,
}

/// A norm between a linear layer and its activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MlpNorm {
    /// None.
    None,
    /// Each clip by the mean and variance of its units: as published.
    Layer,
    /// Each unit by its mean and variance over the batch.
    Batch,
}

impl Default for MlpConfig {
    fn default() -> Self {
        Self {
            hidden: vec![128, 64, 32],
            norm: MlpNorm::Layer,
            dropout: 0.0,
            output_activation: OutputActivation::None,
        }
    }
}

/// Linear layers.
#[derive(Debug)]
pub struct Mlp {
    layers: Vec<Layer>,
    dropout: f64,
    output: nn::Linear,
    output_activation: OutputActivation,
}

#[derive(Debug)]
struct Layer {
    linear: nn::Linear,
    norm: Option<Norm>,
}

#[derive(Debug)]
enum Norm {
    Layer(nn::LayerNorm),
    Batch(nn::BatchNorm),
}

impl Mlp {
    /// The network for inputs of `[bands, frames]`, read as one vector.
    pub fn new(
        vars: &Vars,
        config: &MlpConfig,
        [bands, frames]: [usize; 2],
        outputs: usize,
    ) -> Result<Self, BuildError> {
        if config.hidden.iter().min().is_none_or(|least| *least == 0) {
            return Err(BuildError::Zero("hidden"));
        }
        let mut inputs = (bands * frames) as i64;
        let mut layers = Vec::new();
        for (i, &units) in config.hidden.iter().enumerate() {
            let vars = &(vars / "layers") / &i.to_string();
            let (units, norm) = (units as i64, &vars / "norm");
            let normalised = i + 1 < config.hidden.len();
            layers.push(Layer {
                linear: init::linear(&(&vars / "linear"), inputs, units),
                norm: match config.norm {
                    MlpNorm::Layer if normalised => Some(Norm::Layer(init::layer_norm(&norm, units))),
                    MlpNorm::Batch if normalised => Some(Norm::Batch(init::batch_norm1d(&norm, units))),
                    _ => None,
                },
            });
            inputs = units;
        }
        Ok(Self {
            layers,
            dropout: checked_dropout(config.dropout)?,
            output: init::linear(&(vars / "output"), inputs, outputs as i64),
            output_activation: config.output_activation,
        })
    }
}

impl ModuleT for Mlp {
    /// `[batch, bands, frames] -> [batch, outputs]`
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let xs = self.layers.iter().fold(xs.flatten(1, -1), |xs, Layer { linear, norm }| {
            let xs = linear.forward(&xs);
            let xs = match norm {
                None => xs,
                Some(Norm::Layer(norm)) => norm.forward(&xs),
                Some(Norm::Batch(norm)) => norm.forward_t(&xs, train),
            };
            dropout(&xs.leaky_relu(), self.dropout, train)
        });
        self.output_activation.of(&self.output.forward(&xs))
    }
}
