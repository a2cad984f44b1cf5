//! Whose defaults a network and its optimiser have: what a publication leaves to its library is part of its recipe.

use crate::Spec;

/// Library whose defaults hold where no setting says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Spec)]
pub enum LibraryDefaults {
    /// PyTorch: weights and biases uniform in ±1/√fan-in, batch norm with momentum 0.1 and epsilon 1e-5, Adam with an epsilon of
    /// 1e-8 added after bias correction.
    #[default]
    #[spec(name = "pytorch")]
    PyTorch,
    /// Keras: weights uniform in ±√(6 / (fan-in + fan-out)) (Glorot), biases 0, batch norm with momentum 0.99 (0.01 in PyTorch's
    /// terms), epsilon 1e-3 and population variances, an encoder layer of a transformer without dropout between its
    /// feed-forward maps (KerasNLP), Adam with an epsilon of 1e-7 added before bias correction.
    Keras,
}
