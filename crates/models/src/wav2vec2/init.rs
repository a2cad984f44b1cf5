//! Layers that begin as transformers' do.

use affekt_torch::init::Vars;
use tch::nn::Module;
use tch::{Tensor, nn};

use super::EncoderConfig;

/// A linear map whose weights begin normal and whose biases begin at 0. `[…, inputs] -> […, outputs]`
pub fn linear(vars: &Vars, config: &EncoderConfig, inputs: usize, outputs: usize) -> nn::Linear {
    let (inputs, outputs) = (inputs as i64, outputs as i64);
    nn::Linear {
        ws: vars.normal("weight", &[outputs, inputs], config.initializer_range as f32),
        bs: Some(vars.constant("bias", &[outputs], 0.0)),
    }
}

/// The same linear map once more: the parameters are shared.
pub fn shared_linear(layer: &nn::Linear) -> nn::Linear {
    nn::Linear { ws: layer.ws.shallow_clone(), bs: layer.bs.as_ref().map(Tensor::shallow_clone) }
}

/// Layer norm over the last axis.
#[derive(Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f64,
}

impl LayerNorm {
    /// The identity but for the norm.
    pub fn new(vars: &Vars, features: usize, epsilon: f64) -> Self {
        let shape = [features as i64];
        Self {
            weight: vars.constant("weight", &shape, 1.0),
            bias: vars.constant("bias", &shape, 0.0),
            epsilon,
        }
    }

    /// The same norm once more: the parameters are shared.
    pub fn shared(&self) -> Self {
        Self { weight: self.weight.shallow_clone(), bias: self.bias.shallow_clone(), epsilon: self.epsilon }
    }
}

impl Module for LayerNorm {
    /// `[…, features]`, the same out.
    fn forward(&self, xs: &Tensor) -> Tensor {
        xs.layer_norm(
            self.weight.size(),
            Some(&self.weight),
            Some(&self.bias),
            self.epsilon,
            /* cudnn */ true,
        )
    }
}
