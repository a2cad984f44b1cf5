//! Networks: which one, and its settings. What they compute is in `affekt-models`, under the same names.

mod adapt;
mod cnn;
mod embedding_cnn;
mod end2you;
mod frame_teacher;
mod layers;
mod mlp;
mod parts;
mod pooling;
mod prose;
mod vgg16;
mod wav2vec2;

use crate::Spec;

pub use adapt::{Adapt, LoraTarget};
pub use cnn::{CnnConfig, NormAxis, ParallelCnnConfig, Positions, TransformerConfig};
pub use embedding_cnn::EmbeddingCnnConfig;
pub use end2you::End2YouConfig;
pub use frame_teacher::FrameTeacherConfig;
pub use layers::EncoderLayer;
pub use mlp::{MlpConfig, MlpNorm};
pub use parts::{LstmConfig, OutputActivation};
pub use pooling::{Pooling, PoolingAttention};
pub(crate) use prose::overrides as overrides_prose;
pub use vgg16::{FreezeBase, Unfreeze, Vgg16NetworkConfig};
pub use wav2vec2::{
    FineTunedConfig, FrameActivation, Freeze, NormaliseOver, Overrides, Padding, ProjectorConfig, SpansOver,
};

/// A network for clips: `{ kind: cnn, norm_axis: channel }`.
#[derive(Debug, Clone, PartialEq, Spec)]
#[spec(tag = "kind")]
pub enum NetworkConfig {
    /// One CNN over frames (system B1).
    Cnn(CnnConfig),
    /// Two CNNs in parallel (system B2).
    #[spec(name = "two-cnns")]
    TwoCnns(CnnConfig),
    /// Two CNNs beside a transformer encoder (system B3).
    ParallelCnn(ParallelCnnConfig),
    /// A deep CNN over what a frozen encoder gives (system A).
    EmbeddingCnn(EmbeddingCnnConfig),
    /// Linear layers over one vector a clip, as functionals are.
    Mlp(MlpConfig),
    /// Convolutions and an LSTM over the samples, the end-to-end baseline of the vocal bursts challenge.
    #[spec(name = "end2you")]
    End2You(End2YouConfig),
    /// A wav2vec 2.0 encoder and what reads its frames (systems B5, V-FT, D).
    #[spec(name = "wav2vec2")]
    Wav2Vec2(Box<FineTunedConfig>),
    /// A VGG16 over spectrogram images, or over what `bottleneck` made of them (system B4).
    #[spec(name = "vgg16")]
    Vgg16(Vgg16NetworkConfig),
}

/// What flows into a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// Fixed-shape features, `[bands, frames]`.
    Features,
    /// Waveforms of any length.
    Waveforms,
    /// Spectrogram images, `[channels, height, width]`.
    Images,
}

impl NetworkConfig {
    /// Returns the word that pipelines say under `kind`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Cnn(_) => "cnn",
            Self::TwoCnns(_) => "two-cnns",
            Self::ParallelCnn(_) => "parallel-cnn",
            Self::EmbeddingCnn(_) => "embedding-cnn",
            Self::Mlp(_) => "mlp",
            Self::End2You(_) => "end2you",
            Self::Wav2Vec2(_) => "wav2vec2",
            Self::Vgg16(_) => "vgg16",
        }
    }

    /// Returns what it can read, the usual first.
    #[must_use]
    pub const fn reads(&self) -> &'static [InputKind] {
        match self {
            Self::Cnn(_) | Self::TwoCnns(_) | Self::ParallelCnn(_) | Self::EmbeddingCnn(_) | Self::Mlp(_) => {
                &[InputKind::Features]
            }
            Self::End2You(_) | Self::Wav2Vec2(_) => &[InputKind::Waveforms],
            Self::Vgg16(_) => &[InputKind::Images, InputKind::Features],
        }
    }

    /// Returns how many samples a waveform needs at the least, where it reads waveforms.
    #[must_use]
    pub fn least_samples(&self) -> usize {
        match self {
            Self::Wav2Vec2(network) => network.encoder.least_samples(),
            _ => 1,
        }
    }

    /// Returns whether an encoder's checkpoint flows into it.
    #[must_use]
    pub const fn has_encoder(&self) -> bool {
        matches!(self, Self::Wav2Vec2(_) | Self::Vgg16(_))
    }
}
