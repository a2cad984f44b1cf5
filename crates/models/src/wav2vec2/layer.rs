//! A layer of the transformer: self-attention and feed-forward, each with its residual sum, norms after the sums (BASE,
//! LARGE) or before the branches (LV60K, XLSR-53).

use affekt_spec::network::{Adapt, LoraTarget};
use affekt_torch::init::Vars;
use tch::Tensor;
use tch::nn::Module;

use super::attention::SelfAttention;
use super::config::{Activation, EncoderConfig, activate};
use super::init::{LayerNorm, linear};
use crate::adapt::{AdaptedLinear, Bottleneck};
use crate::dropout::dropout;

#[derive(Debug)]
pub struct Layer {
    attention: SelfAttention,
    layer_norm: LayerNorm,
    intermediate_dense: AdaptedLinear,
    output_dense: AdaptedLinear,
    attention_adapter: Option<Bottleneck>,
    feed_forward_adapter: Option<Bottleneck>,
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
        let map = |name, inputs, outputs| {
            AdaptedLinear::new(linear(&(&feed_forward / name), config, inputs, outputs))
        };
        let norm = |name| LayerNorm::new(&(vars / name), width, config.layer_norm_eps);
        Self {
            attention: SelfAttention::new(&(vars / "attention"), config),
            layer_norm: norm("layer_norm"),
            intermediate_dense: map("intermediate_dense", width, units),
            output_dense: map("output_dense", units, width),
            attention_adapter: None,
            feed_forward_adapter: None,
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
            intermediate_dense: self.intermediate_dense.shared(),
            output_dense: self.output_dense.shared(),
            attention_adapter: self.attention_adapter.as_ref().map(Bottleneck::shared),
            feed_forward_adapter: self.feed_forward_adapter.as_ref().map(Bottleneck::shared),
            final_layer_norm: self.final_layer_norm.shared(),
            ..*self
        }
    }

    /// Puts in what is trained in the place of its own weights, where something is.
    pub fn adapt(&mut self, vars: &Vars, adapt: &Adapt, width: usize) {
        self.attention.adapt(&(vars / "attention"), adapt);
        let feed_forward = vars / "feed_forward";
        for (name, target, map) in [
            ("intermediate_dense", LoraTarget::IntermediateDense, &mut self.intermediate_dense),
            ("output_dense", LoraTarget::OutputDense, &mut self.output_dense),
        ] {
            map.adapt(&(&feed_forward / name), target, adapt);
        }
        let adapter = |name| Bottleneck::new(&(vars / name), adapt, width as i64);
        self.attention_adapter = adapter("attention_adapter");
        self.feed_forward_adapter = adapter("feed_forward_adapter");
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
            let xs = dropout(&self.attention.forward(xs, attended, bias, train), self.hidden_dropout, train);
            self.attention_adapter.as_ref().map_or_else(|| xs.shallow_clone(), |adapter| adapter.forward(&xs))
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
        let units = activate(self.activation, &self.intermediate_dense.forward_t(xs, train)); // [batch, frames, units]
        let units = dropout(&units, self.activation_dropout, train);
        let xs = dropout(&self.output_dense.forward_t(&units, train), self.hidden_dropout, train);
        self.feed_forward_adapter.as_ref().map_or_else(|| xs.shallow_clone(), |adapter| adapter.forward(&xs))
    }
}
