//! Self-attention: every frame looks at all frames of its clip, several times over (heads).

use affekt_torch::init::Vars;
use tch::nn::Module;
use tch::{Tensor, nn};

use super::Wav2Vec2Config;
use super::init::{linear, shared_linear};

#[derive(Debug)]
pub struct SelfAttention {
    q_proj: nn::Linear,
    k_proj: nn::Linear,
    v_proj: nn::Linear,
    out_proj: nn::Linear,
    heads: i64,
    dropout: f64,
}

impl SelfAttention {
    pub fn new(vars: &Vars, config: &Wav2Vec2Config) -> Self {
        let linear = |name| linear(&(vars / name), config, config.hidden_size, config.hidden_size);
        Self {
            q_proj: linear("q_proj"),
            k_proj: linear("k_proj"),
            v_proj: linear("v_proj"),
            out_proj: linear("out_proj"),
            heads: config.num_attention_heads as i64,
            dropout: config.attention_dropout,
        }
    }

    /// The same once more: the parameters are shared.
    pub fn shared(&self) -> Self {
        Self {
            q_proj: shared_linear(&self.q_proj),
            k_proj: shared_linear(&self.k_proj),
            v_proj: shared_linear(&self.v_proj),
            out_proj: shared_linear(&self.out_proj),
            ..*self
        }
    }

    /// `[batch, frames, width]`, the same out. `attended` is `[batch, 1, 1, frames]`, true where a frame may be looked at.
    pub fn forward(&self, xs: &Tensor, attended: Option<&Tensor>, train: bool) -> Tensor {
        let shape = xs.size();
        let [batch, frames, width] = [shape[0], shape[1], shape[2]];
        // [batch, heads, frames, width / heads]
        let heads =
            |layer: &nn::Linear| layer.forward(xs).view([batch, frames, self.heads, -1]).transpose(1, 2);
        let seen = Tensor::scaled_dot_product_attention(
            &heads(&self.q_proj),
            &heads(&self.k_proj),
            &heads(&self.v_proj),
            attended,
            if train { self.dropout } else { 0.0 },
            /* causal */ false,
            /* scale, 1 / √depth */ None,
            /* grouped queries */ false,
        );
        self.out_proj.forward(&seen.transpose(1, 2).reshape([batch, frames, width]))
    }
}
