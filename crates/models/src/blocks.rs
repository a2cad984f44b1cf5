//! Convolutional blocks, what the networks trained from scratch on MFCC or mel spectrograms share:
//!
//! ```text
//! [1, 128, 94] ─ block ─ block ─ block ─ flatten
//!                 16      32      64       512
//! block = conv 3×3 ─ batch norm ─ ReLU ─ max pool ─ dropout
//! ```
//!
//! As published, batch norm normalises the last axis, time, as if it were the channels: the default axis of a
//! library that puts channels last, on data that has them first. The published parameter counts hold only
//! that way, so both axes are offered.

use affekt_spec::network::{CnnConfig, NormAxis};
use affekt_torch::init::{self, Vars};
use affekt_torch::{BatchNorm, Conv2d};
use tch::Tensor;
use tch::nn::{Module, ModuleT};

use crate::BuildError;
use crate::dropout::dropout;
use crate::network::checked_dropout;

/// A stack of blocks and the flattening after it.
#[derive(Debug)]
pub struct Blocks {
    blocks: Vec<Block>,
    features: i64,
}

impl Blocks {
    /// The blocks for inputs of `[bands, frames]`.
    pub fn new(vars: &Vars, config: &CnnConfig, shape: [usize; 2]) -> Result<Self, BuildError> {
        let [bands_left, frames_left] = output_shape(config, shape)?;
        let dropout = checked_dropout(config.dropout)?;
        let mut blocks = Vec::new();
        let (mut inputs, mut frames) = (1, shape[1]);
        for (i, (&channels, &pool)) in config.channels.iter().zip(&config.pools).enumerate() {
            let vars = vars / &format!("block{}", i + 1);
            blocks.push(Block {
                conv: init::conv2d_same(&(&vars / "conv"), inputs, channels as i64, /* kernel */ 3),
                norm: Norm::new(&(&vars / "norm"), config.norm_axis, channels, frames),
                pool: pool as i64,
                dropout,
            });
            (inputs, frames) = (channels as i64, frames / pool);
        }
        Ok(Self { blocks, features: inputs * (bands_left * frames_left) as i64 })
    }

    /// How many features they give.
    pub const fn features(&self) -> i64 {
        self.features
    }
}

impl ModuleT for Blocks {
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
    conv: Conv2d,
    norm: Norm,
    pool: i64,
    dropout: f64,
}

impl ModuleT for Block {
    /// `[batch, inputs, bands, frames] -> [batch, channels, bands / pool, frames / pool]`
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let xs = self.norm.forward_t(&self.conv.forward(xs), train);
        // ReLU keeps the order of its inputs, so that it gives the same values and gradients after the pool
        // as before it, where there are 4 to 16 times as many.
        let mut xs = xs.max_pool2d(
            self.pool, self.pool, /* padding */ 0, /* dilation */ 1, /* ceil */ false,
        );
        // Dropout makes its mask in the order in which the numbers lie.
        dropout(&xs.relu_().permute([0, 2, 3, 1]), self.dropout, train).permute([0, 3, 1, 2])
    }
}

/// Batch norm along one of two axes.
#[derive(Debug)]
struct Norm {
    axis: NormAxis,
    layer: BatchNorm,
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

/// Returns the bands and frames that the blocks leave of an input.
fn output_shape(config: &CnnConfig, shape: [usize; 2]) -> Result<[usize; 2], BuildError> {
    let (channels, pools) = (config.channels.len(), config.pools.len());
    if channels != pools || channels == 0 || config.channels.contains(&0) || config.pools.contains(&0) {
        return Err(BuildError::Blocks { channels, pools });
    }
    let [bands, frames] =
        config.pools.iter().fold(shape, |[bands, frames], pool| [bands / pool, frames / pool]);
    if bands == 0 || frames == 0 {
        return Err(BuildError::TooSmall { shape, pools: config.pools.clone() });
    }
    Ok([bands, frames])
}
