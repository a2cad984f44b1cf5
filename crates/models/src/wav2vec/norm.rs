//! Group norm (Wu and He, arXiv 1803.08494) of a single group: every row by the mean and variance of all its channels and frames.

use affekt_torch::init::Vars;
use tch::Tensor;
use tch::nn::Module;

/// fairseq's `Fp32GroupNorm(1, channels)`.
#[derive(Debug)]
pub struct Norm {
    /// Weights and biases, a channel each.
    affine: Option<[Tensor; 2]>,
}

impl Norm {
    /// The identity but for the norm.
    pub fn new(vars: &Vars, channels: usize, affine: bool) -> Self {
        let each = |name, value| vars.constant(name, &[channels as i64], value);
        Self { affine: affine.then(|| [each("weight", 1.0), each("bias", 0.0)]) }
    }
}

impl Module for Norm {
    /// `[batch, channels, frames]`, the same out.
    fn forward(&self, xs: &Tensor) -> Tensor {
        let [weight, bias] =
            self.affine.as_ref().map_or([None, None], |[weight, bias]| [Some(weight), Some(bias)]);
        xs.group_norm(/* groups */ 1, weight, bias, /* epsilon */ 1e-5, /* cudnn */ true)
    }
}
