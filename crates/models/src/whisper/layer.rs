//! A layer of the transformer: self-attention and feed-forward, each behind a norm and with its residual sum.

use affekt_spec::encoder::WhisperConfig;
use affekt_torch::init::Vars;
use tch::nn::Module;
use tch::{Tensor, nn};

use crate::dropout::dropout;
use crate::wav2vec2::{Activation, LayerNorm, activate, attend, shared_linear};

/// What all of Whisper's norms add to variances.
pub const EPSILON: f64 = 1e-5;

#[derive(Debug)]
pub struct Layer {
    q_proj: nn::Linear,
    /// Without a bias, which would add the same to all scores of a frame.
    k_proj: nn::Linear,
    v_proj: nn::Linear,
    out_proj: nn::Linear,
    self_attn_layer_norm: LayerNorm,
    fc1: nn::Linear,
    fc2: nn::Linear,
    final_layer_norm: LayerNorm,
    heads: i64,
    activation: Activation,
    dropout: f64,
    attention_dropout: f64,
    activation_dropout: f64,
}

impl Layer {
    pub fn new(vars: &Vars, config: &WhisperConfig) -> Self {
        let (width, units) = (config.d_model as i64, config.encoder_ffn_dim as i64);
        let attention = vars / "self_attn";
        let linear = |vars: &Vars, inputs, outputs, bias: bool| nn::Linear {
            ws: vars.normal("weight", &[outputs, inputs], config.init_std as f32),
            bs: bias.then(|| vars.constant("bias", &[outputs], 0.0)),
        };
        let norm = |name| LayerNorm::new(&(vars / name), config.d_model, EPSILON);
        Self {
            q_proj: linear(&(&attention / "q_proj"), width, width, true),
            k_proj: linear(&(&attention / "k_proj"), width, width, false),
            v_proj: linear(&(&attention / "v_proj"), width, width, true),
            out_proj: linear(&(&attention / "out_proj"), width, width, true),
            self_attn_layer_norm: norm("self_attn_layer_norm"),
            fc1: linear(&(vars / "fc1"), width, units, true),
            fc2: linear(&(vars / "fc2"), units, width, true),
            final_layer_norm: norm("final_layer_norm"),
            heads: config.encoder_attention_heads as i64,
            activation: config.activation_function,
            dropout: config.dropout,
            attention_dropout: config.attention_dropout,
            activation_dropout: config.activation_dropout,
        }
    }

    /// The same once more: the parameters are shared.
    pub fn shared(&self) -> Self {
        Self {
            q_proj: shared_linear(&self.q_proj),
            k_proj: shared_linear(&self.k_proj),
            v_proj: shared_linear(&self.v_proj),
            out_proj: shared_linear(&self.out_proj),
            self_attn_layer_norm: self.self_attn_layer_norm.shared(),
            fc1: shared_linear(&self.fc1),
            fc2: shared_linear(&self.fc2),
            final_layer_norm: self.final_layer_norm.shared(),
            ..*self
        }
    }

    /// `[batch, frames, width]`, the same out. `attended` is `[batch, 1, 1, frames]`, true where a frame may be looked at.
    pub fn forward(&self, xs: &Tensor, attended: Option<&Tensor>, train: bool) -> Tensor {
        let normed = self.self_attn_layer_norm.forward(xs);
        let xs = xs + dropout(&self.attention(&normed, attended, train), self.dropout, train);
        let units = activate(self.activation, &self.fc1.forward(&self.final_layer_norm.forward(&xs)));
        let units = dropout(&units, self.activation_dropout, train);
        &xs + dropout(&self.fc2.forward(&units), self.dropout, train)
    }

    fn attention(&self, xs: &Tensor, attended: Option<&Tensor>, train: bool) -> Tensor {
        let shape = xs.size();
        let heads =
            |layer: &nn::Linear| layer.forward(xs).view([shape[0], shape[1], self.heads, -1]).transpose(1, 2);
        let [queries, keys, values] = [&self.q_proj, &self.k_proj, &self.v_proj].map(heads);
        let dropout = if train { self.attention_dropout } else { 0.0 };
        let seen = attend(&queries, &keys, &values, attended, dropout);
        self.out_proj.forward(&seen.transpose(1, 2).reshape(shape))
    }
}
