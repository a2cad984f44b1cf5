//! The convolutional networks trained from scratch on MFCC or mel spectrograms: systems B1 to B3.
//!
//! B1, the single CNN:
//!
//! ```text
//! [1, 128, 94] ─ block ─ block ─ block ─ flatten ─ linear ─ logits
//!                 16      32      64       512
//! block = conv 3×3 ─ batch norm ─ ReLU ─ max pool ─ dropout
//! ```
//!
//! As published, batch norm normalises the last axis, time, as if it were the channels: the default axis of a
//! library that puts channels last, on data that has them first. The published parameter counts hold only
//! that way, so both axes are offered.

use affekt_torch::init::{self, Vars};
use serde::{Deserialize, Serialize};
use tch::nn::{Module, ModuleT};
use tch::{Tensor, nn};

/// What a [`Cnn`] is made of. The default is B1 as published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CnnConfig {
    /// Channels after each block.
    pub channels: Vec<usize>,
    /// Side of each block's max pool, which is its stride too.
    pub pools: Vec<usize>,
    /// Share of activations dropped after each pool in training.
    pub dropout: f64,
    /// What batch norm keeps statistics of.
    pub norm_axis: NormAxis,
}

/// The axis along which batch norm keeps one mean and variance per element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormAxis {
    /// Per time frame: as published.
    Time,
    /// Per channel: the usual one.
    Channel,
}

impl Default for CnnConfig {
    fn default() -> Self {
        Self { channels: vec![16, 32, 64], pools: vec![2, 4, 4], dropout: 0.3, norm_axis: NormAxis::Time }
    }
}

impl CnnConfig {
    /// Bands and frames that are left after the blocks: 0 where the input is too small to be pooled.
    #[must_use]
    pub fn output_shape(&self, [bands, frames]: [usize; 2]) -> [usize; 2] {
        self.pools.iter().fold([bands, frames], |[bands, frames], pool| [bands / pool, frames / pool])
    }
}

/// B1: blocks, then one linear layer.
#[derive(Debug)]
pub struct Cnn {
    blocks: Blocks,
    output: nn::Linear,
}

impl Cnn {
    /// The network for inputs of `[bands, frames]`. The configuration must leave something of them
    /// ([`CnnConfig::output_shape`]).
    #[must_use]
    pub fn new(vars: &Vars, config: &CnnConfig, shape: [usize; 2], classes: usize) -> Self {
        let blocks = Blocks::new(vars, config, shape);
        let output = init::linear(&(vars / "output"), blocks.features, classes as i64);
        Self { blocks, output }
    }

    /// `[batch, bands, frames] -> [batch, classes]`
    pub fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        self.output.forward(&self.blocks.forward_t(xs, train))
    }
}

/// A stack of blocks and the flattening after it: the convolutional half of B1, B2 and B3.
#[derive(Debug)]
struct Blocks {
    blocks: Vec<Block>,
    /// How many features it gives.
    features: i64,
}

impl Blocks {
    fn new(vars: &Vars, config: &CnnConfig, shape: [usize; 2]) -> Self {
        let mut blocks = Vec::new();
        let (mut inputs, mut frames) = (1, shape[1]);
        for (i, (&channels, &pool)) in config.channels.iter().zip(&config.pools).enumerate() {
            let vars = vars / &format!("block{}", i + 1);
            blocks.push(Block {
                conv: init::conv2d_same(&(&vars / "conv"), inputs, channels as i64, /* kernel */ 3),
                norm: Norm::new(&(&vars / "norm"), config.norm_axis, channels, frames),
                pool: pool as i64,
                dropout: config.dropout,
            });
            (inputs, frames) = (channels as i64, frames / pool);
        }
        let [bands, frames] = config.output_shape(shape);
        Self { blocks, features: inputs * (bands * frames) as i64 }
    }

    /// `[batch, bands, frames] -> [batch, features]`
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        // One channel, in channels-last memory: the convolutions keep that layout, in which oneDNN need not
        // reorder and max pooling is vectorised.
        let xs = xs.unsqueeze(-1).permute([0, 3, 1, 2]); // [batch, 1, bands, frames]
        let xs = self.blocks.iter().fold(xs, |xs, block| block.forward_t(&xs, train));
        xs.flatten(1, -1)
    }
}

/// conv 3×3 → batch norm → ReLU → max pool → dropout.
#[derive(Debug)]
struct Block {
    conv: nn::Conv2D,
    norm: Norm,
    pool: i64,
    dropout: f64,
}

impl Block {
    /// `[batch, inputs, bands, frames] -> [batch, channels, bands / pool, frames / pool]`
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let xs = self.norm.forward_t(&self.conv.forward(xs), train);
        // ReLU keeps the order of its inputs, so that it gives the same values and gradients after the pool
        // as before it, where there are 4 to 16 times as many.
        let mut xs = xs.max_pool2d(
            self.pool, self.pool, /* padding */ 0, /* dilation */ 1, /* ceil */ false,
        );
        xs.relu_().dropout(self.dropout, train)
    }
}

/// Batch norm along one of two axes.
#[derive(Debug)]
struct Norm {
    axis: NormAxis,
    layer: nn::BatchNorm,
}

impl Norm {
    fn new(vars: &Vars, axis: NormAxis, channels: usize, frames: usize) -> Self {
        let layer = match axis {
            NormAxis::Time => init::batch_norm1d(vars, frames as i64),
            NormAxis::Channel => init::batch_norm2d(vars, channels as i64),
        };
        Self { axis, layer }
    }

    /// `[batch, channels, bands, frames]`, the same out.
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        match self.axis {
            NormAxis::Channel => self.layer.forward_t(xs, train),
            NormAxis::Time => {
                // In channels-last memory these are views: nothing is copied to bring time to the front.
                let rows = xs.permute([0, 2, 3, 1]); // [batch, bands, frames, channels]
                let shape = rows.size();
                let rows = rows.reshape([-1, shape[2], shape[3]]); // [batch · bands, frames, channels]
                self.layer.forward_t(&rows, train).view(shape.as_slice()).permute([0, 3, 1, 2])
            }
        }
    }
}
