//! A layer of the transformer: self-attention and feed-forward, each with its residual sum, norms after the sums (BASE,
//! LARGE) or before the branches (LV60K, XLSR-53).

use affekt_torch::init::Vars;
use tch::nn::Module;
use tch::{Tensor, nn};

use super::attention::SelfAttention;
use super::config::{Activation, EncoderConfig, activate};
use super::init::{LayerNorm, linear, shared_linear};
use crate::dropout::dropout;

#[derive(Debug)]
pub struct Layer {
    attention: SelfAttention,
    layer_norm: LayerNorm,
    intermediate_dense: nn::Linear,
    output_dense: nn::Linear,
    final_layer_norm: LayerNorm,
    activation: Activation,
    activation_dropout: f64,
    hidden_dropout: f64,
    norm_first: bool,
}

impl Layer {
    pub fn new(vars: &Vars, config: &EncoderConfig) -> Self {
        let (width, units) = (config.hidden_size, config.intermediate_size);
        let feed_forward = vars / "feed_forward";
        let norm = |name| LayerNorm::new(&(vars / name), width, config.layer_norm_eps);
        Self {
            attention: SelfAttention::new(&(vars / "attention"), config),
            layer_norm: norm("layer_norm"),
            intermediate_dense: linear(&(&feed_forward / "intermediate_dense"), config, width, units),
            output_dense: linear(&(&feed_forward / "output_dense"), config, units, width),
            final_layer_norm: norm("final_layer_norm"),
            activation: config.hidden_act,
            activation_dropout: config.activation_dropout,
            hidden_dropout: config.hidden_dropout,
            norm_first: config.do_stable_layer_norm,
        }
    }

    /// The same layer once more, for who needs one of their own: the parameters are shared.
    pub fn shared(&self) -> Self {
        Self {
            attention: self.attention.shared(),
            layer_norm: self.layer_norm.shared(),
            intermediate_dense: shared_linear(&self.intermediate_dense),
            output_dense: shared_linear(&self.output_dense),
            final_layer_norm: self.final_layer_norm.shared(),
            ..*self
        }
    }

    /// `[batch, frames, width]`, the same out. `attended` and `bias` as in [`SelfAttention::forward`].
    pub fn forward(
        &self,
        xs: &Tensor,
        attended: Option<&Tensor>,
        bias: Option<&Tensor>,
        train: bool,
    ) -> Tensor {
        let attention = |xs: &Tensor| {
            dropout(&self.attention.forward(xs, attended, bias, train), self.hidden_dropout, train)
        };
        if self.norm_first {
            let xs = xs + attention(&self.layer_norm.forward(xs));
            &xs + self.feed_forward(&self.final_layer_norm.forward(&xs), train)
        } else {
            let xs = self.layer_norm.forward(&(xs + attention(xs)));
            self.final_layer_norm.forward(&(&xs + self.feed_forward(&xs, train)))
        }
    }

    fn feed_forward(&self, xs: &Tensor, train: bool) -> Tensor {
        let units = activate(self.activation, &self.intermediate_dense.forward(xs)); // [batch, frames, units]
        let units = dropout(&units, self.activation_dropout, train);
        dropout(&self.output_dense.forward(&units), self.hidden_dropout, train)
    }
}
