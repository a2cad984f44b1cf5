//! The frame-level teacher: the first step of P-TAPT (Chen and Rudnicky, arXiv 2110.06309).

use super::wav2vec2::Overrides;
use crate::Spec;

/// What is built around the encoder of a frame-level teacher.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct FrameTeacherConfig {
    /// What of the encoder's own settings is otherwise here.
    #[spec(default = Overrides::default())]
    pub overrides: Overrides,
    /// Units between the linear maps of each head.
    #[spec(default = 128, range = 1..=65_536, unit = "units")]
    pub head: usize,
    /// Units of the clip head's LSTM, each way.
    #[spec(default = 256, range = 1..=65_536, unit = "units")]
    pub lstm: usize,
    /// Whether the clips of a batch are cut to the shortest of them, as published. Those of a wav2vec always are.
    #[spec(default = false, omit)]
    pub one_length: bool,
    /// Kernel of the convolution behind a wav2vec, where not as published (4); other encoders do without.
    #[spec(range = 1..=65_536, omit, unit = "frames")]
    pub kernel: Option<usize>,
    /// Its stride, where not as published (2).
    #[spec(range = 1..=65_536, omit, unit = "frames")]
    pub stride: Option<usize>,
}
