//! Positions: a convolution over many frames tells each what is around it. Its result is added to the frames.

use affekt_torch::Convolution;
use affekt_torch::init::Vars;
use tch::nn::Module;
use tch::{Kind, Tensor};

use super::config::{Activation, EncoderConfig, activate};

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
    pub fn new(vars: &Vars, config: &EncoderConfig) -> Self {
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
