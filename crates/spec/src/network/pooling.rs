//! How the steps of a clip become one vector.

use crate::Spec;

/// How the steps of a clip become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Pooling {
    /// The first step.
    First,
    /// The last step.
    Last,
    /// The largest number of every feature among the steps.
    Max,
    /// The mean of all steps.
    Mean,
    /// The mean of all steps but the last, as in the published code of V-FT (arXiv 2110.06309). Of a single step, that one.
    MeanButLast,
    /// The mean of all steps and, behind it, every feature's deviation (Snyder et al., "X-Vectors", ICASSP 2018).
    Statistics,
    /// Mean and deviation under weights that a small network learns for every feature and step (Okabe et al., arXiv 1803.10963; with
    /// `attention.global_context` Desplanques et al., arXiv 2005.07143): SpeechBrain's `AttentiveStatisticsPooling`.
    AttentiveStatistics,
    /// The mean under weights that are learnt: the softmax over the steps of a linear map of each (Safari et al., Interspeech 2020),
    /// in `attention.heads` slices of the features, each with weights of its own (India et al., arXiv 1906.09890, without their
    /// scale).
    SelfAttention,
}

/// Settings of the poolings that attend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub struct PoolingAttention {
    /// Width of the small network of `attentive-statistics`.
    #[spec(default = 128, range = 1..=65_536, unit = "units")]
    pub channels: usize,
    /// Whether it also reads mean and deviation of the whole clip.
    #[spec(default = true)]
    pub global_context: bool,
    /// Slices of the features that `self-attention` weighs each for itself.
    #[spec(default = 1, range = 1..=1024)]
    pub heads: usize,
}

impl Pooling {
    /// Returns whether it is the same before a linear map of every step and behind it, or is read behind it as published: those that
    /// are not give vectors of another width, or weights.
    #[must_use]
    pub const fn follows_the_map(self) -> bool {
        matches!(self, Self::First | Self::Last | Self::Max | Self::Mean | Self::MeanButLast)
    }

    /// Returns the width of what it makes of steps of so many features.
    #[must_use]
    pub const fn width(self, features: usize) -> usize {
        match self {
            Self::Statistics | Self::AttentiveStatistics => 2 * features,
            _ => features,
        }
    }
}
