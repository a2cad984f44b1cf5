//! Training without labels: what the sections `objective` and `training` of `pretrain` say.

use super::optimisation::Optimisation;
use crate::Spec;
use crate::network::{Overrides, Padding, SpansOver};

/// An encoder is trained on batches of waveforms, step by step.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct PretrainConfig {
    /// Number of optimiser steps.
    #[spec(range = 1..=100_000_000, unit = "steps", free)]
    pub steps: u64,
    /// The steps.
    #[spec(flatten, defaults(lr = 1e-4, batch_size = 64), omits("accumulate", "clip_norm"))]
    pub optimisation: Optimisation,
    /// The share of the training part, drawn at random, that is not trained on but chooses the epoch whose weights are
    /// kept: that of the smallest loss. With 0 those of the last step are.
    #[spec(default = 0.0, range = 0.0..1.0)]
    pub held_out: f64,
}

/// What an encoder is asked while it is pretrained.
#[derive(Debug, Clone, PartialEq, Spec)]
#[spec(tag = "kind")]
pub enum Objective {
    /// wav2vec 2.0's own pretraining, continued (TAPT): which quantised frame a masked one is, among negatives.
    Contrastive(ContrastiveObjective),
    /// Which clusters masked frames are in (P-TAPT, arXiv 2110.06309).
    PseudoLabels(PseudoLabelsObjective),
}

/// The contrastive objective of wav2vec 2.0 (Baevski et al., arXiv 2006.11477).
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct ContrastiveObjective {
    /// Negatives of each masked frame.
    #[spec(default = 100, range = 1..=10_000)]
    pub negatives: usize,
    /// Which frames of a clip negatives are drawn from.
    #[spec(default = NegativesFrom::Masked, omit)]
    pub negatives_from: NegativesFrom,
    /// What the diversity term counts for.
    #[spec(default = Diversity::PerMaskedFrame, omit)]
    pub diversity: Diversity,
    /// What becomes of the losses of masked frames.
    #[spec(default = Reduction::Mean, omit)]
    pub reduction: Reduction,
    /// What becomes of a checkpoint without the quantiser or the projections that this objective needs.
    #[spec(default = LackingHead::Refused, omit)]
    pub lacking_head: LackingHead,
    /// Temperature of the quantiser's Gumbel softmax.
    #[spec(default = 2.0, range = 1e-3..=100.0)]
    pub temperature: f64,
    /// What an encoder makes of the padding behind the shorter clips of a batch.
    #[spec(default = PaddedClips::Unmasked)]
    pub padding: PaddedClips,
    /// Where the spans of masked frames are drawn.
    #[spec(default = SpansOver::Clips)]
    pub spans_over: SpansOver,
    /// Whether the convolutions stay as they are.
    #[spec(default = false)]
    pub freeze_feature_encoder: bool,
    /// What of the encoder's own settings is otherwise here.
    #[spec(default = Overrides::default())]
    pub overrides: Overrides,
}

/// The pseudo-label objective of P-TAPT.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct PseudoLabelsObjective {
    /// Units of each head between its linear maps.
    #[spec(default = 256, range = 1..=65_536, unit = "units")]
    pub hidden: usize,
    /// What the encoder's group norm does with padding.
    #[spec(default = Padding::Ignored, omit)]
    pub padding: Padding,
    /// Where the spans of masked frames are drawn.
    #[spec(default = SpansOver::Rows)]
    pub spans_over: SpansOver,
    /// Whether the convolutions and the projection stay as they are.
    #[spec(default = true)]
    pub freeze_feature_encoder: bool,
    /// What of the encoder's own settings is otherwise here.
    #[spec(default = Overrides::default())]
    pub overrides: Overrides,
}

/// What an encoder makes of the padding behind the shorter clips of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum PaddedClips {
    /// Silence that it attends to like the rest, without an attention mask, as the published TAPT.
    #[spec(key = "heard")]
    Unmasked,
    /// Nothing: an attention mask excludes it.
    #[spec(key = "ignored")]
    Masked,
}

/// Which frames negatives are drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum NegativesFrom {
    /// The clip's other masked frames, as in the publication of wav2vec 2.0 and in transformers from 4.11.
    Masked,
    /// All frames of the padded row but the frame itself, masked or not, its padding too: transformers 4.10.0 where it is given
    /// no attention mask, as the published TAPT.
    Row,
}

/// What the diversity term, a number in 0..1, counts for beside the sum of the contrastive term over masked frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Diversity {
    /// Once for every masked frame: transformers from 4.11, fairseq.
    PerMaskedFrame,
    /// Once: transformers 4.10.0, as the published TAPT.
    PerBatch,
}

/// How the losses of the masked frames of a batch become its loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Reduction {
    /// Their mean: every batch counts alike.
    Mean,
    /// Their sum: a batch with more masked frames counts for more in Adam's moments. transformers 4.10.0, as the published TAPT.
    Sum,
}

/// What becomes of a checkpoint that lacks a quantiser or projections: one that was fine-tuned (960h), or torchaudio's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum LackingHead {
    /// It is refused.
    Refused,
    /// What it lacks begins at random, and every table says so.
    Drawn,
}

impl Objective {
    /// Returns the word that pipelines say under `kind`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Contrastive(_) => "contrastive",
            Self::PseudoLabels(_) => "pseudo-labels",
        }
    }

    /// Returns whether it reads pseudo-labels.
    #[must_use]
    pub const fn reads_labels(&self) -> bool {
        matches!(self, Self::PseudoLabels(_))
    }
}
