//! Self-attention: every frame looks at all frames of its clip, several times over (heads).

use affekt_spec::network::{Adapt, LoraTarget};
use affekt_torch::counts_operators;
use affekt_torch::init::Vars;
use tch::{Device, Kind, Tensor};

use super::EncoderConfig;
use super::init::linear;
use super::position_bias::Gate;
use crate::adapt::AdaptedLinear;
use crate::dropout::dropout;

#[derive(Debug)]
pub struct SelfAttention {
    q_proj: AdaptedLinear,
    k_proj: AdaptedLinear,
    v_proj: AdaptedLinear,
    out_proj: AdaptedLinear,
    /// WavLM's.
    gate: Option<Gate>,
    heads: i64,
    dropout: f64,
}

impl SelfAttention {
    pub fn new(vars: &Vars, config: &EncoderConfig) -> Self {
        let linear =
            |name| AdaptedLinear::new(linear(&(vars / name), config, config.hidden_size, config.hidden_size));
        Self {
            q_proj: linear("q_proj"),
            k_proj: linear("k_proj"),
            v_proj: linear("v_proj"),
            out_proj: linear("out_proj"),
            gate: config.has_position_bias().then(|| Gate::new(vars, config)),
            heads: config.num_attention_heads as i64,
            dropout: config.attention_dropout,
        }
    }

    /// The same once more: the parameters are shared.
    pub fn shared(&self) -> Self {
        Self {
            q_proj: self.q_proj.shared(),
            k_proj: self.k_proj.shared(),
            v_proj: self.v_proj.shared(),
            out_proj: self.out_proj.shared(),
            gate: self.gate.as_ref().map(Gate::shared),
            ..*self
        }
    }

    /// Puts low-rank maps beside its own, where they are asked for.
    pub fn adapt(&mut self, vars: &Vars, adapt: &Adapt) {
        for (name, target, map) in [
            ("q_proj", LoraTarget::QProj, &mut self.q_proj),
            ("k_proj", LoraTarget::KProj, &mut self.k_proj),
            ("v_proj", LoraTarget::VProj, &mut self.v_proj),
            ("out_proj", LoraTarget::OutProj, &mut self.out_proj),
        ] {
            map.adapt(&(vars / name), target, adapt);
        }
    }

    /// `[batch, frames, width]`, the same out. `attended` is `[batch, 1, 1, frames]`, true where a frame may be looked at; `bias`, of
    /// which a WavLM has one, is `[1, heads, frames, frames]`.
    pub fn forward(
        &self,
        xs: &Tensor,
        attended: Option<&Tensor>,
        bias: Option<&Tensor>,
        train: bool,
    ) -> Tensor {
        let shape = xs.size();
        let [batch, frames, width] = [shape[0], shape[1], shape[2]];
        // [batch, heads, frames, width / heads]
        let heads = |layer: &AdaptedLinear| {
            layer.forward_t(xs, train).view([batch, frames, self.heads, -1]).transpose(1, 2)
        };
        let [queries, keys, values] = [&self.q_proj, &self.k_proj, &self.v_proj].map(heads);
        let gated = self.gate.as_ref().zip(bias).map(|(gate, bias)| gate.forward(xs, bias));
        // What is added to scores, or which of them there are.
        let mask = match (gated, attended) {
            (Some(gated), Some(attended)) => {
                Some(gated.masked_fill(&attended.logical_not(), f64::NEG_INFINITY))
            }
            (Some(gated), None) => Some(gated),
            (None, attended) => attended.map(Tensor::shallow_clone),
        };
        let mask = mask.as_ref();
        let dropout = if train { self.dropout } else { 0.0 };
        let seen = attend(&queries, &keys, &values, mask, dropout);
        self.out_proj.forward_t(&seen.transpose(1, 2).reshape([batch, frames, width]), train)
    }
}

/// What queries see of values, all `[batch, heads, frames, width / heads]`. `mask` is true where a key may be looked at, or is added
/// to scores.
pub fn attend(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    mask: Option<&Tensor>,
    dropout: f64,
) -> Tensor {
    if dropout > 0.0 && queries.device() == Device::Cpu && !counts_operators() {
        return thinned_attention(queries, keys, values, mask, dropout);
    }
    Tensor::scaled_dot_product_attention(
        queries, keys, values, mask, dropout, /* causal */ false, /* scale, 1 / √depth */ None,
        /* grouped queries */ false,
    )
}

/// `scaled_dot_product_attention` with dropout. On the CPU libtorch's takes the same steps, but draws the masks from its
/// generator, number by number.
fn thinned_attention(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    mask: Option<&Tensor>,
    share: f64,
) -> Tensor {
    let scale = (queries.size()[3] as f64).sqrt().recip();
    let mut scores = (queries * scale).matmul(&keys.transpose(2, 3)); // [batch, heads, frames, frames]
    match mask {
        None => {}
        Some(attended) if attended.kind() == Kind::Bool => {
            scores = scores.masked_fill(&attended.logical_not(), f64::NEG_INFINITY);
        }
        Some(added) => scores += added,
    }
    dropout(&scores.softmax(-1, Kind::Float), share, /* train */ true).matmul(values)
}
