//! Long short-term memory (Hochreiter and Schmidhuber, 1997): `torch.nn.LSTM(…, batch_first=True)` in numbers, names and
//! initial weights.
//!
//! It reads forwards alone. What a step gives depends on the steps before it and on none behind it, so that a clip gives
//! in a padded batch what it gives alone: nothing need be packed, if only nobody reads the steps behind the clip.
//!
//! It computes in f32, under autocast too: there cuDNN would compute in f16 whatever was asked for, and lose small gradients.

use affekt_spec::network::LstmConfig;
use affekt_torch::init::Vars;
use affekt_torch::without_autocast;
use tch::{Cuda, Kind, Tensor};

use crate::BuildError;

/// Layers that read one another.
#[derive(Debug)]
pub struct Lstm {
    /// Of every layer: from its input, from its last state, and the biases of both.
    weights: Vec<Tensor>,
    layers: i64,
    hidden: i64,
}

/// Input, forget, cell and output, one above the other in every weight.
const GATES: i64 = 4;

impl Lstm {
    /// An LSTM for steps of so many `inputs`.
    pub fn new(vars: &Vars, config: LstmConfig, inputs: i64) -> Result<Self, BuildError> {
        let (layers, hidden) = (config.layers as i64, config.hidden as i64);
        for (field, size) in [("lstm.layers", layers), ("lstm.hidden", hidden)] {
            if size == 0 {
                return Err(BuildError::Zero(field));
            }
        }
        let bound = (config.hidden as f32).sqrt().recip();
        let mut weights = Vec::new();
        for layer in 0..layers {
            let inputs = if layer == 0 { inputs } else { hidden };
            for (name, shape) in [
                ("weight_ih", &[GATES * hidden, inputs][..]),
                ("weight_hh", &[GATES * hidden, hidden]),
                ("bias_ih", &[GATES * hidden]),
                ("bias_hh", &[GATES * hidden]),
            ] {
                weights.push(vars.uniform(&format!("{name}_l{layer}"), shape, -bound, bound));
            }
        }
        if vars.device().is_cuda() && Cuda::cudnn_is_available() {
            // cuDNN wants them in one piece of memory, else it copies them there at every step of the training.
            let _ = tch::no_grad(|| {
                Tensor::internal_cudnn_rnn_flatten_weight(
                    &weights, /* weights of a layer */ 4, inputs, /* LSTM */ 2, hidden,
                    /* projections */ 0, layers, /* batch first */ true,
                    /* bidirectional */ false,
                )
            });
        }
        Ok(Self { weights, layers, hidden })
    }

    /// `[batch, steps, inputs] -> [batch, steps, hidden]`, from a state of zeros.
    pub fn forward(&self, xs: &Tensor) -> Tensor {
        let xs = xs.to_kind(Kind::Float);
        let state = Tensor::zeros([self.layers, xs.size()[0], self.hidden], (Kind::Float, xs.device()));
        let (steps, _, _) = without_autocast(|| {
            xs.lstm(
                &[&state, &state],
                &self.weights.iter().collect::<Vec<_>>(),
                /* biases */ true,
                self.layers,
                /* dropout */ 0.0,
                /* train */
                true, // cuDNN keeps what the gradients need; nothing else depends on it
                /* bidirectional */ false,
                /* batch first */ true,
            )
        });
        steps
    }
}
