//! The aggregator: convolutions that look back alone, each passed around.

use affekt_torch::init::Vars;
use tch::Tensor;
use tch::nn::Module;

use super::Wav2VecConfig;
use super::norm::Norm;
use crate::conv1d::Conv1d;
use crate::dropout::dropout;
use crate::wav2vec2::{Activation, activate};

/// fairseq's `ConvAggegator`.
#[derive(Debug)]
pub struct Aggregator {
    layers: Vec<Layer>,
    dropout: f64,
}

#[derive(Debug)]
struct Layer {
    conv: Conv1d,
    norm: Norm,
    activation: Activation,
    /// Frames that stand before the first, so that as many come out as go in.
    padding: i64,
    zero_padding: bool,
    skip: Option<Skip>,
}

/// What is passed around a layer.
#[derive(Debug)]
struct Skip {
    /// Where the number of channels changes.
    projection: Option<Conv1d>,
    /// What the sum is scaled by.
    scale: f64,
}

impl Aggregator {
    pub fn new(vars: &Vars, config: &Wav2VecConfig) -> Self {
        let (layers, projections) = (vars / "conv_layers", vars / "residual_proj");
        let mut inputs = config.features();
        let layers = config.conv_aggregator_layers.iter().enumerate().map(|(i, &[outputs, kernel, _])| {
            let vars = &layers / &i.to_string();
            let channels = [std::mem::replace(&mut inputs, outputs), outputs];
            let projection =
                || Conv1d::new(&(&projections / &i.to_string()), channels, 1, 1, /* bias */ false);
            Layer {
                conv: Conv1d::new(
                    &(&vars / "1"),
                    channels,
                    kernel,
                    /* stride */ 1,
                    !config.no_conv_bias,
                ),
                norm: Norm::new(&(&vars / "3"), outputs, !config.non_affine_group_norm),
                activation: config.activation,
                padding: kernel as i64 - 1,
                zero_padding: config.agg_zero_pad,
                skip: config.skip_connections_agg.then(|| Skip {
                    projection: (channels[0] != outputs).then(projection),
                    scale: config.residual_scale.sqrt(),
                }),
            }
        });
        Self { layers: layers.collect(), dropout: config.dropout }
    }

    /// `[batch, channels, frames] -> [batch, width, frames]`
    pub fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        self.layers.iter().fold(xs.shallow_clone(), |xs, layer| layer.forward_t(&xs, self.dropout, train))
    }
}

impl Layer {
    /// `[batch, inputs, frames] -> [batch, outputs, frames]`
    fn forward_t(&self, xs: &Tensor, share: f64, train: bool) -> Tensor {
        let padding = [self.padding, 0];
        let padded =
            if self.zero_padding { xs.constant_pad_nd(padding) } else { xs.replication_pad1d(padding) };
        let ys = dropout(&self.conv.forward(&padded), share, train);
        let ys = activate(self.activation, &self.norm.forward(&ys));
        match &self.skip {
            None => ys,
            Some(Skip { projection: None, scale }) => (ys + xs) * *scale,
            Some(Skip { projection: Some(projection), scale }) => (ys + projection.forward(xs)) * *scale,
        }
    }
}
