//! Positions: convolutions over many frames tell each what is around it. Their result is added to the frames.

use affekt_torch::Convolution;
use affekt_torch::init::Vars;
use tch::nn::Module;
use tch::{Kind, Tensor};

use super::config::{Activation, EncoderConfig, activate};

/// What tells positions.
#[derive(Debug)]
pub enum Positions {
    /// One convolution, whose weights are kept as directions and lengths.
    One(PositionalConv),
    /// Several, each with a norm behind it (data2vec-audio).
    Stack(Vec<StackedConv>),
}

impl Positions {
    pub fn new(vars: &Vars, config: &EncoderConfig) -> Self {
        if !config.has_positional_stack() {
            return Self::One(PositionalConv::new(vars, config));
        }
        let layers = vars / "layers";
        let stacked = (0..config.num_conv_pos_embeddings)
            .map(|i| StackedConv::new(&(&layers / &i.to_string()), config));
        Self::Stack(stacked.collect())
    }

    /// `[batch, frames, width]`, the same out. `padding` is `[batch, frames, 1]`, true at frames that no convolution may hear:
    /// those of `xs` are 0, and of what layers make in between they become 0.
    pub fn forward(&self, xs: &Tensor, padding: Option<&Tensor>) -> Tensor {
        match self {
            Self::One(convolution) => convolution.forward(xs),
            Self::Stack(layers) => layers.iter().fold(xs.shallow_clone(), |xs, layer| {
                let xs = layer.forward(&xs);
                match padding {
                    None => xs,
                    Some(padding) => xs.masked_fill(padding, 0.0),
                }
            }),
        }
    }
}

/// A grouped convolution whose weights are kept as directions and lengths (weight norm, arXiv 1602.07868), one length for
/// each place of the kernel.
#[derive(Debug)]
pub struct PositionalConv {
    /// `[1, 1, kernel]`
    weight_g: Tensor,
    /// `[width, width / groups, kernel]`
    weight_v: Tensor,
    bias: Tensor,
    convolution: Convolution,
    activation: Activation,
}

impl PositionalConv {
    fn new(vars: &Vars, config: &EncoderConfig) -> Self {
        let vars = vars / "conv";
        let (width, kernel) = (config.hidden_size as i64, config.num_conv_pos_embeddings as i64);
        let groups = config.num_conv_pos_embedding_groups as i64;
        let deviation = 2.0 / ((kernel * width) as f32).sqrt();
        let weight_v = vars.normal("weight_v", &[width, width / groups, kernel], deviation);
        let weight_g = vars.constant("weight_g", &[1, 1, kernel], 1.0);
        tch::no_grad(|| weight_g.shallow_clone().copy_(&lengths(&weight_v)));
        let bias = vars.constant("bias", &[width], 0.0);
        let convolution = Convolution { padding: kernel / 2, groups, ..Convolution::default() };
        Self { weight_g, weight_v, bias, convolution, activation: config.feat_extract_activation }
    }
}

/// `[width, width / groups, kernel] -> [1, 1, kernel]`. (libtorch's norm over axes that are not the last ones is five times as
/// slow.)
fn lengths(directions: &Tensor) -> Tensor {
    directions.square().sum_dim_intlist([0, 1].as_slice(), /* keepdim */ true, Kind::Float).sqrt()
}

impl Module for PositionalConv {
    /// `[batch, frames, width]`, the same out.
    fn forward(&self, xs: &Tensor) -> Tensor {
        let weight = &self.weight_v * (&self.weight_g / lengths(&self.weight_v));
        let ys = self.convolution.forward(&xs.transpose(1, 2), &weight, Some(&self.bias));
        // An even kernel gives a frame too many; the last one goes.
        activate(self.activation, &ys.narrow(2, 0, xs.size()[1])).transpose(1, 2)
    }
}

/// A grouped convolution of a stack, a norm over the width without parameters, an activation.
#[derive(Debug)]
pub struct StackedConv {
    /// `[width, width / groups, kernel]`
    weight: Tensor,
    bias: Tensor,
    convolution: Convolution,
    activation: Activation,
}

impl StackedConv {
    fn new(vars: &Vars, config: &EncoderConfig) -> Self {
        let vars = vars / "conv";
        let (width, kernel) = (config.hidden_size as i64, config.conv_pos_kernel_size as i64);
        let groups = config.num_conv_pos_embedding_groups as i64;
        let deviation = 2.0 / ((kernel * width) as f32).sqrt();
        Self {
            weight: vars.normal("weight", &[width, width / groups, kernel], deviation),
            bias: vars.constant("bias", &[width], 0.0),
            convolution: Convolution { padding: kernel / 2, groups, ..Convolution::default() },
            activation: config.feat_extract_activation,
        }
    }
}

impl Module for StackedConv {
    /// `[batch, frames, width]`, the same out.
    fn forward(&self, xs: &Tensor) -> Tensor {
        const EPSILON: f64 = 1e-5;
        let (frames, width) = (xs.size()[1], xs.size()[2]);
        let ys = self.convolution.forward(&xs.transpose(1, 2), &self.weight, Some(&self.bias));
        let ys = ys.narrow(2, 0, frames).transpose(1, 2);
        let ys = ys.layer_norm([width], None::<&Tensor>, None::<&Tensor>, EPSILON, /* cudnn */ true);
        activate(self.activation, &ys)
    }
}
