//! Convolutions. In half precision they are computed by kernels that are proven first (`half_precision.rs`).

use tch::Tensor;
use tch::nn::Module;

use crate::half_precision;

/// What a convolution does beside its weights, the same along every axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Convolution {
    /// How far the kernel moves.
    pub stride: i64,
    /// Zeros on either side of the input.
    pub padding: i64,
    /// How far apart the kernel's elements lie.
    pub dilation: i64,
    /// Into how many parts the channels are divided, each convolved by itself.
    pub groups: i64,
}

impl Default for Convolution {
    fn default() -> Self {
        Self { stride: 1, padding: 0, dilation: 1, groups: 1 }
    }
}

impl Convolution {
    /// Convolves in one dimension or two: `[batch, inputs, length…] -> [batch, outputs, length…]` with a weight
    /// `[outputs, inputs / groups, kernel…]` and a bias `[outputs]`. As `torch.nn.functional.conv1d` and `conv2d`, but
    /// under autocast it computes in f32 where the kernel in half precision is wrong.
    ///
    /// # Panics
    /// When the shapes do not fit together.
    pub fn forward(&self, xs: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
        half_precision::convolve(self, xs, weight, bias)
    }
}

/// A convolution over images with its weights.
#[derive(Debug)]
pub struct Conv2d {
    /// `[outputs, inputs, height, width]`
    pub weight: Tensor,
    /// `[outputs]`
    pub bias: Tensor,
    /// What it does beside them.
    pub convolution: Convolution,
}

impl Module for Conv2d {
    /// `[batch, inputs, height, width] -> [batch, outputs, height, width]`
    fn forward(&self, xs: &Tensor) -> Tensor {
        self.convolution.forward(xs, &self.weight, Some(&self.bias))
    }
}
