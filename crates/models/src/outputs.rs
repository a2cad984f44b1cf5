//! What a network's outputs go through.

use serde::{Deserialize, Serialize};
use tch::Tensor;

/// A function of every output. Logits of classes go through none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputActivation {
    /// Any number.
    #[default]
    None,
    /// Numbers in 0..1, as are intensities of emotions.
    Sigmoid,
}

impl OutputActivation {
    /// `[…]`, the same out.
    pub fn of(self, xs: &Tensor) -> Tensor {
        match self {
            Self::None => xs.shallow_clone(),
            Self::Sigmoid => xs.sigmoid(),
        }
    }
}
