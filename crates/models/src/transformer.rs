//! The transformer encoder (Vaswani et al., arXiv 1706.03762), layer norm after each residual sum: what
//! `torch.nn.TransformerEncoderLayer(width, heads, feed_forward, dropout, batch_first=True)` computes, under its names.
//!
//! ```text
//! layer = self-attention ─ dropout ─ + ─ layer norm ─ linear ─ ReLU ─ dropout ─ linear ─ dropout ─ + ─ layer norm
//! ```
//!
//! With Keras' defaults it is `TransformerEncoder` of KerasNLP, which has no dropout between the two linear maps.
//!
//! The layers begin with weights of their own, where `torch.nn.TransformerEncoder` begins with copies of one layer.

use affekt_spec::network::{Positions, TransformerConfig};
use affekt_torch::init::{self, Library, Vars};
use tch::nn::{Module, ModuleT};
use tch::{Kind, Tensor, nn};

use crate::BuildError;
use crate::dropout::dropout;
use crate::network::checked_dropout;

/// A stack of layers.
#[derive(Debug)]
pub struct Encoder {
    /// `[frames, width]`
    positions: Option<Tensor>,
    layers: Vec<Layer>,
}

impl Encoder {
    /// The encoder for sequences of `frames` vectors of `width` numbers.
    pub fn new(
        vars: &Vars,
        config: &TransformerConfig,
        width: usize,
        frames: usize,
    ) -> Result<Self, BuildError> {
        let &TransformerConfig { layers, heads, feed_forward, positions, .. } = config;
        if layers == 0 || feed_forward == 0 {
            return Err(BuildError::Transformer { layers, feed_forward });
        }
        if heads == 0 || !width.is_multiple_of(heads) {
            return Err(BuildError::Heads { heads, width });
        }
        checked_dropout(config.dropout)?;
        let positions = match positions {
            Positions::None => None,
            Positions::Sinusoidal => Some(sinusoids(frames, width).to_device(vars.device())),
        };
        let vars = vars / "layers";
        let layers =
            (0..layers).map(|i| Layer::new(&(&vars / &i.to_string()), config, width as i64)).collect();
        Ok(Self { positions, layers })
    }
}

impl ModuleT for Encoder {
    /// `[batch, frames, width]`, the same out.
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let xs = match &self.positions {
            None => xs.contiguous(),
            Some(positions) => xs + positions,
        };
        self.layers.iter().fold(xs, |xs, layer| layer.forward_t(&xs, train))
    }
}

/// `[frames, width]`: column 2i holds sin(frame / 10 000^(2i / width)), column 2i + 1 the cosine.
fn sinusoids(frames: usize, width: usize) -> Tensor {
    let value = |frame: usize, column: usize| {
        let angle = frame as f64 / 10_000_f64.powf((column / 2 * 2) as f64 / width as f64);
        if column.is_multiple_of(2) { angle.sin() } else { angle.cos() }
    };
    let values: Vec<f32> = (0..frames * width).map(|i| value(i / width, i % width) as f32).collect();
    Tensor::from_slice(&values).view([frames as i64, width as i64])
}

/// Self-attention and feed-forward, each with its residual sum and layer norm.
#[derive(Debug)]
struct Layer {
    self_attn: SelfAttention,
    linear1: nn::Linear,
    linear2: nn::Linear,
    norm1: nn::LayerNorm,
    norm2: nn::LayerNorm,
    dropout: f64,
    /// That between the two linear maps.
    inner_dropout: f64,
}

impl Layer {
    fn new(vars: &Vars, config: &TransformerConfig, width: i64) -> Self {
        let feed_forward = config.feed_forward as i64;
        Self {
            self_attn: SelfAttention::new(&(vars / "self_attn"), config, width),
            linear1: init::linear(&(vars / "linear1"), width, feed_forward),
            linear2: init::linear(&(vars / "linear2"), feed_forward, width),
            norm1: init::layer_norm(&(vars / "norm1"), width),
            norm2: init::layer_norm(&(vars / "norm2"), width),
            dropout: config.dropout,
            inner_dropout: match vars.library() {
                Library::PyTorch => config.dropout,
                Library::Keras => 0.0,
            },
        }
    }
}

impl ModuleT for Layer {
    /// `[batch, frames, width]`, the same out.
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let thinned = |xs: &Tensor| dropout(xs, self.dropout, train);
        let xs = self.norm1.forward(&(thinned(&self.self_attn.forward_t(xs, train)) + xs));
        let hidden = self.linear1.forward(&xs).relu_(); // [batch, frames, feed_forward]
        let hidden = dropout(&hidden, self.inner_dropout, train);
        self.norm2.forward(&(thinned(&self.linear2.forward(&hidden)) + xs))
    }
}

/// Every frame looks at all frames of its utterance, several times over (heads).
#[derive(Debug)]
struct SelfAttention {
    in_proj: nn::Linear,
    out_proj: nn::Linear,
    heads: i64,
    dropout: f64,
}

impl SelfAttention {
    fn new(vars: &Vars, config: &TransformerConfig, width: i64) -> Self {
        let heads = config.heads as i64;
        Self {
            in_proj: init::attention_in_proj(vars, width, heads),
            out_proj: init::attention_out_proj(&(vars / "out_proj"), width, heads),
            heads,
            dropout: config.dropout,
        }
    }
}

impl ModuleT for SelfAttention {
    /// `[batch, frames, width]`, the same out.
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let shape = xs.size();
        let [batch, frames, width] = [shape[0], shape[1], shape[2]];
        let depth = width / self.heads;
        // Queries, keys and values in one product, and in one copy to where a batch of matrices needs them.
        let projected = self.in_proj.forward(xs).view([batch, frames, 3, self.heads, depth]);
        let parts =
            projected.permute([2, 0, 3, 1, 4]).reshape([3, batch * self.heads, frames, depth]).unbind(0);
        let scores = (&parts[0] * (depth as f64).sqrt().recip()).bmm(&parts[1].transpose(1, 2));
        // [batch · heads, frames, frames]
        let weights = dropout(&scores.softmax(-1, Kind::Float), self.dropout, train);
        let heads = weights.bmm(&parts[2]).view([batch, self.heads, frames, depth]);
        self.out_proj.forward(&heads.transpose(1, 2).reshape([batch, frames, width]))
    }
}
