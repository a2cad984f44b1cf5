//! wav2vec 2.0 (Baevski et al., arXiv 2006.11477), equal to `Wav2Vec2Model` of transformers 5.17 in numbers and in names:
//!
//! ```text
//! waveforms ─ feature encoder ─ projection ─ + ─ transformer ─┬─ CTC head
//! 16 kHz      a frame a 20 ms ┐              │                ├─ mean over frames ─ classifier
//!                             │   positions ─┘                └─ contrastive loss
//!                             └─ quantiser ─────────────────────┘
//! ```
//!
//! HuBERT, WavLM, UniSpeech-SAT and data2vec-audio are built like it (`affekt_spec::encoder::Relative`) and are computed here too.
//!
//! A clip in a padded batch gives what it gives alone ([`Padding`]). No convolution of the feature encoder pads, so that
//! a frame counted by [`EncoderConfig::frames`] sees none of the padding; frames beyond are zeroed before the positions'
//! convolution, which looks to both sides, and no frame attends to them.

mod attention;
mod checkpoint;
mod cluster_heads;
mod config;
mod feature_encoder;
mod heads;
mod init;
mod layer;
mod model;
mod position_bias;
mod positional;
mod pretraining;
mod projection;
mod quantiser;
mod spans;
mod spec_augment;
mod transformer;
mod valid;

pub(crate) use affekt_spec::network::{Padding, SpansOver};
pub(crate) use attention::attend;
pub use checkpoint::{MisShaped, NameMap, map_names};
pub use cluster_heads::ClusterHeads;
pub(crate) use config::activate;
pub use config::{Activation, Architecture, ConfigError, EncoderConfig, FeatureNorm};
pub use heads::{CtcHead, SequenceClassifier};
pub(crate) use init::{LayerNorm, shared_linear};
pub(crate) use model::checked_samples;
pub use model::{InputError, Wav2Vec2};
pub use pretraining::{PretrainingHead, PretrainingLoss, PretrainingPart, sample_negatives};
pub use quantiser::Choice;
pub use spans::Spans;
pub(crate) use valid::Valid;
