//! The feature encoder: convolutions without padding and without biases, from samples to a frame every 10 ms.

use affekt_torch::init::Vars;
use tch::Tensor;
use tch::nn::Module;

use super::Wav2VecConfig;
use super::norm::Norm;
use crate::conv1d::Conv1d;
use crate::wav2vec2::{Activation, activate};

/// fairseq's `ConvFeatureExtractionModel`.
#[derive(Debug)]
pub struct FeatureEncoder {
    layers: Vec<Layer>,
    /// What sums of a layer's outcome and what was passed around it are scaled by, where they are made.
    skip: Option<f64>,
    log_compression: bool,
}

#[derive(Debug)]
struct Layer {
    conv: Conv1d,
    norm: Norm,
    activation: Activation,
}

impl FeatureEncoder {
    pub fn new(vars: &Vars, config: &Wav2VecConfig) -> Self {
        let vars = vars / "conv_layers";
        let mut inputs = 1;
        let layers = config.conv_feature_layers.iter().enumerate().map(|(i, &[outputs, kernel, stride])| {
            let vars = &vars / &i.to_string();
            let channels = [std::mem::replace(&mut inputs, outputs), outputs];
            Layer {
                conv: Conv1d::new(&(&vars / "0"), channels, kernel, stride, /* bias */ false),
                norm: Norm::new(&(&vars / "2"), outputs, !config.non_affine_group_norm),
                activation: config.activation,
            }
        });
        Self {
            layers: layers.collect(),
            skip: config.skip_connections_feat.then(|| config.residual_scale.sqrt()),
            log_compression: config.log_compression,
        }
    }
}

impl Module for FeatureEncoder {
    /// `[batch, samples] -> [batch, channels, frames]`
    fn forward(&self, waveforms: &Tensor) -> Tensor {
        let mut xs = waveforms.unsqueeze(1);
        for layer in &self.layers {
            let ys = layer.forward(&xs);
            xs = match self.skip {
                Some(scale) if ys.size()[1] == xs.size()[1] => {
                    (&ys + passed_around(&xs, ys.size()[2])) * scale
                }
                _ => ys,
            };
        }
        if self.log_compression { (xs.abs() + 1.0).log() } else { xs }
    }
}

impl Module for Layer {
    /// `[batch, inputs, length] -> [batch, outputs, frames]`
    fn forward(&self, xs: &Tensor) -> Tensor {
        activate(self.activation, &self.norm.forward(&self.conv.forward(xs)))
    }
}

/// So many of the frames that went into a layer, evenly spaced. `[batch, channels, length] -> [batch, channels, frames]`
fn passed_around(xs: &Tensor, frames: i64) -> Tensor {
    let step = xs.size()[2] / frames;
    xs.slice(2, None, None, step).narrow(2, 0, frames)
}
