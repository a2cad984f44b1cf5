//! Whisper's encoder (Radford et al., arXiv 2212.04356), equal to `WhisperEncoder` of transformers 5.17 behind its feature
//! extractor:
//!
//! ```text
//! waveforms ─ log-mel ─ conv 3 ─ conv 3, stride 2 ─ + ─ transformer ─ norm
//! 16 kHz      10 ms                20 ms            │
//!                                        positions ─┘ sines, not trained
//! ```
//!
//! As published, every clip is heard in a window of 30 s, filled with silence that is attended to. With `cut_positions` the clip is
//! heard alone, and padding behind it counts for nothing.

mod layer;
mod log_mel;
mod model;

pub use model::Whisper;
