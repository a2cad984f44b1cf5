//! From the feature encoder's channels to the transformer's width.

use affekt_torch::init::Vars;
use tch::nn::Module;
use tch::{Tensor, nn};

use super::EncoderConfig;
use super::init::LayerNorm;
use crate::dropout::dropout;

/// Layer norm, a linear map, dropout.
#[derive(Debug)]
pub struct Projection {
    /// Some HuBERTs have none.
    layer_norm: Option<LayerNorm>,
    projection: nn::Linear,
    dropout: f64,
}

impl Projection {
    pub fn new(vars: &Vars, config: &EncoderConfig) -> Self {
        let channels = config.conv_dim.last().copied().unwrap_or(1);
        let (inputs, outputs) = (channels as i64, config.hidden_size as i64);
        let bound = (channels as f32).sqrt().recip();
        let projection = vars / "projection";
        Self {
            layer_norm: config
                .feat_proj_layer_norm
                .then(|| LayerNorm::new(&(vars / "layer_norm"), channels, config.layer_norm_eps)),
            projection: nn::Linear {
                ws: projection.uniform("weight", &[outputs, inputs], -bound, bound),
                bs: Some(projection.uniform("bias", &[outputs], -bound, bound)),
            },
            dropout: config.feat_proj_dropout,
        }
    }
}

impl Projection {
    /// `[batch, frames, channels]` to what the norm makes of it, which a quantiser reads, and `[batch, frames, width]`.
    pub fn forward(&self, xs: &Tensor, train: bool) -> (Tensor, Tensor) {
        let features = match &self.layer_norm {
            Some(norm) => norm.forward(xs),
            None => xs.shallow_clone(),
        };
        let projected = dropout(&self.projection.forward(&features), self.dropout, train);
        (features, projected)
    }
}
