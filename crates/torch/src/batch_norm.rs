//! Batch norm (Ioffe and Szegedy, arXiv 1502.03167), with running variances of either library.

use tch::nn::ModuleT;
use tch::{Tensor, nn};

/// Normalises every feature by its mean and variance over the batch in training, by the running ones otherwise.
#[derive(Debug)]
pub struct BatchNorm {
    /// The layer, with its weights and running statistics.
    pub layer: nn::BatchNorm,
    momentum: f64,
    variance: RunningVariance,
}

/// Which variance of a batch the running one follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunningVariance {
    /// Divided by n − 1: PyTorch's.
    Sample,
    /// Divided by n: Keras'.
    Population,
}

impl BatchNorm {
    /// Wraps a layer whose running statistics move by `momentum` towards those of a batch.
    #[must_use]
    pub const fn new(layer: nn::BatchNorm, momentum: f64, variance: RunningVariance) -> Self {
        Self { layer, momentum, variance }
    }

    /// Replaces what the layer added to the running variances, which were `before`, by the same for variances over n.
    fn correct(&self, before: &Tensor, values_per_feature: f64) {
        let _guard = tch::no_grad_guard();
        // What autograd saved of the forward pass is not read in training: `data` spares its check.
        let kept = before * (1.0 - self.momentum);
        let added = &self.layer.running_var - &kept;
        let corrected = kept + added * ((values_per_feature - 1.0) / values_per_feature);
        self.layer.running_var.data().copy_(&corrected);
    }
}

impl ModuleT for BatchNorm {
    /// `[batch, features, …]`, the same out.
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        if !train || self.variance == RunningVariance::Sample {
            return self.layer.forward_t(xs, train);
        }
        let before = self.layer.running_var.copy();
        let normalised = self.layer.forward_t(xs, train);
        self.correct(&before, xs.numel() as f64 / xs.size()[1] as f64);
        normalised
    }
}
