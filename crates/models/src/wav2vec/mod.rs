//! wav2vec (Schneider et al., arXiv 1904.05862), equal to `Wav2VecModel` of fairseq 0.12 in numbers and in names:
//!
//! ```text
//! waveforms ─ feature encoder ─ aggregator
//! 16 kHz      a frame a 10 ms   each frame from itself and those before it
//! ```
//!
//! Both are convolutions, each followed by a norm and an activation. The norm is over all channels and all frames of a row at
//! once: padding in a row would change every frame of the clip, and every frame depends on the whole clip. Rows are therefore of
//! one length, or refused.

mod aggregator;
mod feature_encoder;
mod model;
mod norm;

pub use affekt_spec::encoder::Wav2VecConfig;
pub use model::Wav2Vec;
