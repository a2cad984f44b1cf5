//! The heads of pseudo-label pretraining (P-TAPT, arXiv 2110.06309): which cluster a frame is of, for each of several
//! clusterings.

use affekt_torch::init::{self, Vars};
use tch::nn::Module;
use tch::{Tensor, nn};

use crate::speech_encoder::Encoded;

/// One head a clustering: linear to `hidden`, tanh, linear to the clusters.
#[derive(Debug)]
pub struct ClusterHeads(Vec<(nn::Linear, nn::Linear)>);

impl ClusterHeads {
    /// Heads for so many clusters each, over frames of `width`. Their parameters: `heads.<clusters>.hidden.…`,
    /// `heads.<clusters>.output.…`.
    #[must_use]
    pub fn new(vars: &Vars, width: usize, hidden: usize, clusters: &[usize]) -> Self {
        let head = |&clusters: &usize| {
            let vars = &(vars / "heads") / &clusters.to_string();
            let to_hidden = init::linear(&(&vars / "hidden"), width as i64, hidden as i64);
            (to_hidden, init::linear(&(&vars / "output"), hidden as i64, clusters as i64))
        };
        Self(clusters.iter().map(head).collect())
    }

    /// Logits of chosen frames, a tensor a clustering. `frames` are the numbers of frames as they lie one behind the other in the
    /// batch, `[chosen]`; each result is `[chosen, clusters]`. The heads read the last layer after ReLU, as published.
    #[must_use]
    pub fn forward(&self, encoded: &Encoded, frames: &Tensor) -> Vec<Tensor> {
        let xs = encoded.last.flatten(0, 1).index_select(0, frames).relu();
        self.0.iter().map(|(hidden, output)| output.forward(&hidden.forward(&xs).tanh())).collect()
    }
}
