//! Small parts trained in an encoder whose own weights stay as they are.
//!
//! * LoRA (Hu et al., arXiv 2106.09685), as `peft` computes it: beside a linear map W a product B A of low rank, times alpha / rank.
//!   A begins as a linear layer does, B at 0, so that at first nothing is changed.
//! * Bottleneck adapters (Houlsby et al., arXiv 1902.00751): behind attention and feed-forward, before each residual sum, a map to few
//!   units, GELU, a map back, added to what goes in. The map back begins at 0.

use affekt_spec::network::{Adapt, LoraTarget};
use affekt_torch::init::{self, Vars};
use tch::nn::Module;
use tch::{Tensor, nn};

use crate::dropout::dropout;
use crate::wav2vec2::shared_linear;

/// A linear map that may have a low-rank one beside it.
#[derive(Debug)]
pub struct AdaptedLinear {
    base: nn::Linear,
    lora: Option<Lora>,
}

#[derive(Debug)]
struct Lora {
    /// `[rank, inputs]`
    a: Tensor,
    /// `[outputs, rank]`
    b: Tensor,
    scale: f64,
    dropout: f64,
}

impl AdaptedLinear {
    /// A map with nothing beside it.
    pub const fn new(base: nn::Linear) -> Self {
        Self { base, lora: None }
    }

    /// Puts a low-rank map beside it, where it is among the targets: `lora_A.weight` and `lora_B.weight` at `vars`, as in `peft`.
    pub fn adapt(&mut self, vars: &Vars, target: LoraTarget, adapt: &Adapt) {
        let Adapt::Lora { rank, alpha, dropout, targets } = adapt else { return };
        if !targets.contains(&target) {
            return;
        }
        let (shape, rank) = (self.base.ws.size(), *rank as i64);
        let bound = (shape[1] as f32).sqrt().recip();
        self.lora = Some(Lora {
            a: (vars / "lora_A").uniform("weight", &[rank, shape[1]], -bound, bound),
            b: (vars / "lora_B").constant("weight", &[shape[0], rank], 0.0),
            scale: alpha / rank as f64,
            dropout: *dropout,
        });
    }

    /// The same map once more: the parameters are shared.
    pub fn shared(&self) -> Self {
        Self {
            base: shared_linear(&self.base),
            lora: self.lora.as_ref().map(|lora| Lora {
                a: lora.a.shallow_clone(),
                b: lora.b.shallow_clone(),
                ..*lora
            }),
        }
    }

    /// `[…, inputs] -> […, outputs]`
    pub fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let ys = self.base.forward(xs);
        let Some(Lora { a, b, scale, dropout: share }) = &self.lora else { return ys };
        let low = dropout(xs, *share, train).linear(a, None::<&Tensor>); // […, rank]
        ys + low.linear(b, None::<&Tensor>) * *scale
    }
}

/// A map to few units and back, added to what goes in.
#[derive(Debug)]
pub struct Bottleneck {
    down: nn::Linear,
    up: nn::Linear,
}

impl Bottleneck {
    /// An adapter of so many units, where adapters are asked for.
    pub fn new(vars: &Vars, adapt: &Adapt, features: i64) -> Option<Self> {
        let Adapt::Bottleneck { width } = adapt else { return None };
        let up = vars / "up";
        Some(Self {
            down: init::linear(&(vars / "down"), features, *width as i64),
            up: nn::Linear {
                ws: up.constant("weight", &[features, *width as i64], 0.0),
                bs: Some(up.constant("bias", &[features], 0.0)),
            },
        })
    }

    /// The same adapter once more: the parameters are shared.
    pub fn shared(&self) -> Self {
        Self { down: shared_linear(&self.down), up: shared_linear(&self.up) }
    }
}

impl Module for Bottleneck {
    /// `[…, features]`, the same out.
    fn forward(&self, xs: &Tensor) -> Tensor {
        xs + self.up.forward(&self.down.forward(xs).gelu("none"))
    }
}

/// Returns whether a parameter of an encoder, by its name there, is none of its checkpoint but was put in.
pub fn is_added(name: &str) -> bool {
    name.split('.').any(|part| part.starts_with("lora_") || part.ends_with("_adapter"))
}

/// Returns whether a parameter of an encoder of so many `layers` is trained, by its name in the encoder.
pub fn is_trained(adapt: &Adapt, layers: usize, name: &str) -> bool {
    let of_layer = name.strip_prefix("encoder.layers.").and_then(|rest| rest.split_once('.'));
    match adapt {
        Adapt::Lora { .. } | Adapt::Bottleneck { .. } => is_added(name),
        Adapt::Biases => of_layer.is_some() && name.ends_with(".bias"),
        Adapt::TopLayers { layers: top } => of_layer
            .and_then(|(number, _)| number.parse::<usize>().ok())
            .is_some_and(|number| number + top >= layers),
    }
}
