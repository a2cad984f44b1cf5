//! A few linear layers over one vector a clip, as functionals of openSMILE are: the baseline of the vocal burst challenge
//! A-VB 2022 (Baird et al., arXiv 2207.03572), as its published code has it.
//!
//! ```text
//! [1, 88] ─ linear ─ layer norm ─ leaky ReLU ─ linear ─ layer norm ─ leaky ReLU ─ linear ─ leaky ReLU ─ output
//!             128                                64                                 32
//! ```

use affekt_spec::network::{MlpConfig, MlpNorm, OutputActivation};
use affekt_torch::BatchNorm;
use affekt_torch::init::{self, Vars};
use tch::nn::{Module, ModuleT};
use tch::{Tensor, nn};

use crate::BuildError;
use crate::dropout::dropout;
use crate::network::checked_dropout;
use crate::outputs::activated;

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
    Batch(BatchNorm),
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
        activated(self.output_activation, &self.output.forward(&xs))
    }
}
