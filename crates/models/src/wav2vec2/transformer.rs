//! The transformer: positions, then layers.

use affekt_spec::network::Adapt;
use affekt_torch::gradient_checkpoint;
use affekt_torch::init::Vars;
use tch::Tensor;
use tch::nn::Module;

use super::EncoderConfig;
use super::init::LayerNorm;
use super::layer::Layer;
use super::position_bias::PositionBias;
use super::positional::Positions;
use crate::dropout::{by_chance, dropout};

#[derive(Debug)]
pub struct Transformer {
    positions: Positions,
    /// WavLM's, which all layers share.
    bias: Option<PositionBias>,
    /// Before the layers where they normalise after their sums, else behind them.
    layer_norm: LayerNorm,
    layers: Vec<Layer>,
    dropout: f64,
    layerdrop: f64,
    norm_first: bool,
    /// Whether the backward pass computes every layer again.
    pub checkpointed: bool,
}

impl Transformer {
    pub fn new(vars: &Vars, config: &EncoderConfig) -> Self {
        let layers = vars / "layers";
        Self {
            positions: Positions::new(&(vars / "pos_conv_embed"), config),
            bias: config
                .has_position_bias()
                .then(|| PositionBias::new(&(&(&layers / "0") / "attention"), config)),
            layer_norm: LayerNorm::new(&(vars / "layer_norm"), config.hidden_size, config.layer_norm_eps),
            layers: (0..config.num_hidden_layers)
                .map(|i| Layer::new(&(&layers / &i.to_string()), config))
                .collect(),
            dropout: config.hidden_dropout,
            layerdrop: config.layerdrop,
            norm_first: config.do_stable_layer_norm,
            checkpointed: false,
        }
    }

    /// Puts in what is trained in the place of the layers' own weights.
    pub fn adapt(&mut self, vars: &Vars, adapt: &Adapt, width: usize) {
        let layers = vars / "layers";
        for (i, layer) in self.layers.iter_mut().enumerate() {
            layer.adapt(&(&layers / &i.to_string()), adapt, width);
        }
    }

    /// What enters the first layer and what each layer gives, and the last of them, normalised where layers normalise
    /// first. All `[batch, frames, width]`, as `xs`. `padding` is `[batch, frames]`, true at padding, of which a
    /// stack of positional convolutions hears what its layers make of it unless it is `silent`.
    pub fn forward(
        &self,
        xs: &Tensor,
        padding: Option<&Tensor>,
        silent: bool,
        train: bool,
    ) -> (Vec<Tensor>, Tensor) {
        let attended = padding.map(|padding| padding.logical_not().unsqueeze(1).unsqueeze(1));
        let padding = padding.map(|padding| padding.unsqueeze(-1));
        let xs = match &padding {
            None => xs.shallow_clone(),
            Some(padding) => xs.masked_fill(padding, 0.0),
        };
        let xs = &xs + self.positions.forward(&xs, padding.as_ref().filter(|_| silent));
        let bias = self.bias.as_ref().map(|bias| bias.forward(xs.size()[1]));
        let xs = if self.norm_first { xs } else { self.layer_norm.forward(&xs) };
        let mut states = Vec::with_capacity(self.layers.len() + 1);
        let mut xs = dropout(&xs, self.dropout, train);
        for layer in &self.layers {
            states.push(xs.shallow_clone());
            if !(train && by_chance(self.layerdrop)) {
                xs = if self.checkpointed {
                    checkpointed(layer, &xs, attended.as_ref(), bias.as_ref(), train)
                } else {
                    layer.forward(&xs, attended.as_ref(), bias.as_ref(), train)
                };
            }
        }
        states.push(xs.shallow_clone());
        let last = if self.norm_first { self.layer_norm.forward(&xs) } else { xs };
        (states, last)
    }
}

/// [`Layer::forward`], of which the graph keeps `xs` and `bias` alone.
fn checkpointed(
    layer: &Layer,
    xs: &Tensor,
    attended: Option<&Tensor>,
    bias: Option<&Tensor>,
    train: bool,
) -> Tensor {
    let (layer, attended) = (layer.shared(), attended.map(Tensor::shallow_clone));
    // Gradients come back through what goes in: below an adapted layer nothing may be trained.
    let learnt = |xs: &Tensor| match xs.requires_grad() {
        true => xs.shallow_clone(),
        false => xs.detach().set_requires_grad(true),
    };
    let inputs: Vec<_> = std::iter::once(learnt(xs)).chain(bias.map(Tensor::shallow_clone)).collect();
    gradient_checkpoint(&inputs, move |inputs| {
        layer.forward(&inputs[0], attended.as_ref(), inputs.get(1), train)
    })
    .expect("devices that hold tensors have generators")
}
