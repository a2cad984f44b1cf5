//! The feature encoder: convolutions without padding, from samples to a frame every 20 ms.

use affekt_spec::network::Padding;
use affekt_torch::Convolution;
use affekt_torch::init::Vars;
use tch::nn::Module;
use tch::{Device, Tensor};

use super::config::{Activation, EncoderConfig, FeatureNorm, activate};
use super::init::LayerNorm;
use super::valid::Valid;

/// Convolutions, each followed by an activation, some by a norm before it.
#[derive(Debug)]
pub struct FeatureEncoder {
    layers: Vec<ConvLayer>,
}

impl FeatureEncoder {
    pub fn new(vars: &Vars, config: &EncoderConfig) -> Self {
        let vars = vars / "conv_layers";
        let layers = (0..config.conv_dim.len()).map(|i| ConvLayer::new(&(&vars / &i.to_string()), config, i));
        Self { layers: layers.collect() }
    }

    /// `[batch, samples] -> [batch, frames, channels]`. `valid` says how far each row's clip goes, after each layer.
    pub fn forward(&self, waveforms: &Tensor, valid: &[Valid], padding: Padding) -> Tensor {
        let xs = waveforms.unsqueeze(1);
        let layers = self.layers.iter().zip(valid);
        layers.fold(xs, |xs, (layer, valid)| layer.forward(&xs, valid, padding)).transpose(1, 2)
    }
}

#[derive(Debug)]
struct ConvLayer {
    weight: Tensor,
    bias: Option<Tensor>,
    convolution: Convolution,
    norm: Norm,
    activation: Activation,
}

#[derive(Debug)]
enum Norm {
    None,
    Group { weight: Tensor, bias: Tensor },
    Layer(LayerNorm),
}

/// What both norms add to variances; `layer_norm_eps` is not about them.
const EPSILON: f64 = 1e-5;

impl ConvLayer {
    fn new(vars: &Vars, config: &EncoderConfig, index: usize) -> Self {
        let inputs = if index == 0 { 1 } else { config.conv_dim[index - 1] };
        let (outputs, kernel) = (config.conv_dim[index], config.conv_kernel[index]);
        let fan_in = (inputs * kernel) as f32;
        let bound = fan_in.sqrt().recip();
        let conv = vars / "conv";
        let norm = vars / "layer_norm"; // its name whichever norm it is
        let features = [outputs as i64];
        Self {
            weight: conv.normal(
                "weight",
                &[outputs as i64, inputs as i64, kernel as i64],
                (2.0 / fan_in).sqrt(),
            ),
            bias: config.conv_bias.then(|| conv.uniform("bias", &features, -bound, bound)),
            convolution: Convolution { stride: config.conv_stride[index] as i64, ..Convolution::default() },
            norm: match config.feat_extract_norm {
                FeatureNorm::Layer => Norm::Layer(LayerNorm::new(&norm, outputs, EPSILON)),
                FeatureNorm::Group if index == 0 => Norm::Group {
                    weight: norm.constant("weight", &features, 1.0),
                    bias: norm.constant("bias", &features, 0.0),
                },
                FeatureNorm::Group => Norm::None,
            },
            activation: config.feat_extract_activation,
        }
    }

    /// `[batch, inputs, length] -> [batch, outputs, frames]`
    fn forward(&self, xs: &Tensor, valid: &Valid, padding: Padding) -> Tensor {
        let xs = self.convolution.forward(xs, &self.weight, self.bias.as_ref());
        let xs = match &self.norm {
            Norm::None => xs,
            Norm::Layer(norm) => norm.forward(&xs.transpose(1, 2)).transpose(1, 2),
            Norm::Group { weight, bias } => group_norm(&xs, weight, bias, valid, padding),
        };
        activate(self.activation, &xs)
    }
}

/// Every channel of every row by its own mean and variance. `[batch, channels, frames]`, the same out.
fn group_norm(xs: &Tensor, weight: &Tensor, bias: &Tensor, valid: &Valid, padding: Padding) -> Tensor {
    let norm = |xs: &Tensor| {
        xs.group_norm(weight.size()[0], Some(weight), Some(bias), EPSILON, /* cudnn */ true)
    };
    if padding != Padding::Ignored || valid.padding(Device::Cpu).is_none() {
        return norm(xs);
    }
    // Clip by clip: the very kernel that the clip would meet alone.
    let clip = |(row, &count): (usize, &i64)| {
        let clip = xs.narrow(0, row as i64, 1).narrow(2, 0, count);
        norm(&clip).constant_pad_nd([0, valid.total() - count])
    };
    Tensor::cat(&valid.counts().iter().enumerate().map(clip).collect::<Vec<_>>(), 0)
}
