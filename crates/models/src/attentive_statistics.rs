//! Attentive statistics pooling (Okabe et al., arXiv 1803.10963, with the global context of ECAPA-TDNN: Desplanques et al.,
//! arXiv 2005.07143): what SpeechBrain's `AttentiveStatisticsPooling` computes.
//!
//! ```text
//! steps ─┬─────────────────────────────┬─ linear ─ ReLU ─ batch norm ─ tanh ─ linear ─ softmax over steps ─ mean, deviation
//!        └─ mean, deviation of the clip ┘    of every step                       of every feature
//! ```
//!
//! Batch norm sees the clips' own steps alone: with SpeechBrain's, padding moves its statistics. Of clips of one length both
//! compute the same.

use affekt_spec::network::PoolingAttention;
use affekt_torch::init::{self, Vars};
use affekt_torch::{BatchNorm, uploaded};
use tch::nn::{Module, ModuleT};
use tch::{Kind, Tensor, nn};

use crate::BuildError;
use crate::pooling::{masked, statistics};

/// The attention.
#[derive(Debug)]
pub struct AttentiveStatistics {
    tdnn: nn::Linear,
    norm: BatchNorm,
    conv: nn::Linear,
    global_context: bool,
}

impl AttentiveStatistics {
    /// Attention over steps of so many `features`. Parameters: `tdnn`, `norm` and `conv`, as there.
    pub fn new(vars: &Vars, config: PoolingAttention, features: i64) -> Result<Self, BuildError> {
        let PoolingAttention { channels, global_context, .. } = config;
        if channels == 0 {
            return Err(BuildError::Zero("attention.channels"));
        }
        let channels = channels as i64;
        let inputs = if global_context { 3 * features } else { features };
        Ok(Self {
            tdnn: init::linear(&(vars / "tdnn"), inputs, channels),
            norm: init::batch_norm1d(&(vars / "norm"), channels),
            conv: init::linear(&(vars / "conv"), channels, features),
            global_context,
        })
    }

    /// `[batch, steps, features] -> [batch, 2 features]`, of which `counts` steps are each clip's own.
    pub fn forward_t(&self, steps: &Tensor, counts: &[i64], train: bool) -> Tensor {
        let shape = steps.size();
        let [batch, total, features] = [shape[0], shape[1], shape[2]];
        let xs = match self.global_context {
            false => steps.shallow_clone(),
            true => {
                let context = statistics(steps, counts, None).unsqueeze(1).expand([-1, total, -1], false);
                Tensor::cat(&[masked(steps, counts, 0.0).to_kind(Kind::Float), context], -1)
            }
        };
        let own: Vec<i64> =
            counts.iter().zip((0..).step_by(total as usize)).flat_map(|(&n, at)| at..at + n).collect();
        let own = uploaded(&own, steps.device());
        let xs = xs.flatten(0, 1).index_select(0, &own); // [own steps of all clips, inputs]
        let xs = self.norm.forward_t(&self.tdnn.forward(&xs).relu(), train).tanh();
        let scores = self.conv.forward(&xs).to_kind(Kind::Float);
        let none = Tensor::full([batch * total, features], f64::NEG_INFINITY, (Kind::Float, steps.device()));
        let scores = none.index_copy(0, &own, &scores).view([batch, total, features]);
        statistics(steps, counts, Some(&scores.softmax(1, Kind::Float)))
    }
}
