//! What a network of states is made of.

use affekt_spec::network::{FineTunedConfig, Freeze, Overrides};
use serde::{Deserialize, Serialize};

use crate::BuildError;
use crate::wav2vec::Wav2VecConfig;
use crate::wav2vec2::{ConfigError, EncoderConfig, Padding, Spans, SpansOver};

/// What a [`super::StatesNetwork`] is made of, encoder and all, so that weights and this are a whole model. The default is that of
/// P-TAPT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StatesConfig {
    /// From waveforms to states.
    pub trunk: TrunkConfig,
    /// Whether every waveform is brought to mean 0 and variance 1 first, as the encoder was pretrained.
    pub normalise: bool,
    /// Units between the linear maps of each head.
    pub head_width: usize,
    /// Units of the clip head's LSTM, for each way.
    pub lstm_hidden: usize,
}

/// From waveforms to states.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum TrunkConfig {
    /// wav2vec, and a convolution that brings its frames to 20 ms.
    #[serde(rename = "wav2vec")]
    Wav2Vec(Wav2VecTrunk),
    /// wav2vec 2.0, of which the last layer is read.
    #[serde(rename = "wav2vec2")]
    Wav2Vec2(Box<Wav2Vec2Trunk>),
}

/// A wav2vec whose feature encoder is frozen and whose aggregator is trained, and a convolution.
///
/// In training, spans of the feature encoder's frames and of its channels are masked by zeros. Rows are of one length, so that
/// spans over the rows and spans within the clips are the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wav2VecTrunk {
    /// As its checkpoint has it.
    pub encoder: Wav2VecConfig,
    /// What of the frames is masked.
    pub mask_frames: Spans,
    /// What of the channels is masked.
    pub mask_features: Spans,
    /// Frames that the convolution reads.
    pub kernel: usize,
    /// Frames from one of its states to the next.
    pub stride: usize,
}

/// A wav2vec 2.0 whose feature encoder and projection are frozen and whose transformer is trained. It masks as its
/// configuration and the overrides say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wav2Vec2Trunk {
    /// As its checkpoint has it.
    pub encoder: EncoderConfig,
    /// What of it this network has otherwise.
    pub overrides: Overrides,
    /// What its group norm does with padding.
    pub padding: Padding,
    /// Where spans of masked frames are drawn.
    pub spans_over: SpansOver,
    /// Whether the vector that stands for masked frames is frozen, too.
    pub freeze_mask_embedding: bool,
    /// Whether the clips of a training batch are cut to the shortest of them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub one_length: bool,
}

impl Default for StatesConfig {
    fn default() -> Self {
        Self {
            trunk: TrunkConfig::Wav2Vec(Wav2VecTrunk::default()),
            normalise: false,
            head_width: 128,
            lstm_hidden: 256,
        }
    }
}

impl Default for Wav2VecTrunk {
    /// `wav2vec_large`, 20 ms a state, masked as V-FT masks.
    fn default() -> Self {
        Self {
            encoder: Wav2VecConfig::large(),
            mask_frames: Spans { share: 0.08, length: 15, least: 2 },
            mask_features: Spans { share: 0.05, length: 64, least: 1 },
            kernel: 4,
            stride: 2,
        }
    }
}

impl Default for Wav2Vec2Trunk {
    fn default() -> Self {
        Self {
            encoder: EncoderConfig::default(),
            overrides: Overrides::default(),
            padding: Padding::Ignored,
            spans_over: SpansOver::Clips,
            freeze_mask_embedding: true,
            one_length: false,
        }
    }
}

impl TrunkConfig {
    /// Returns whether the clips of a batch have to be of one length: a wav2vec's norms are over whole rows.
    #[must_use]
    pub fn wants_one_length(&self) -> bool {
        match self {
            Self::Wav2Vec(_) => true,
            Self::Wav2Vec2(config) => config.one_length,
        }
    }
}

impl Wav2VecTrunk {
    /// Whether it can be built.
    ///
    /// # Errors
    /// When it contradicts itself.
    pub(super) fn check(&self) -> Result<(), BuildError> {
        self.encoder.check()?;
        for (field, spans) in [("mask_frames", self.mask_frames), ("mask_features", self.mask_features)] {
            if !(0.0..1.0).contains(&spans.share) {
                return Err(ConfigError::Share { field, value: spans.share.to_string() }.into());
            }
            if spans.length == 0 {
                return Err(ConfigError::Size { field, value: 0 }.into());
            }
        }
        for (field, size) in [("kernel", self.kernel), ("stride", self.stride)] {
            if size == 0 {
                return Err(BuildError::Zero(field));
            }
        }
        Ok(())
    }
}

impl Wav2Vec2Trunk {
    /// What fine-tuning from this trunk would be: the rules about encoders that are overridden and frozen stand there.
    pub(super) fn fine_tuned(&self) -> FineTunedConfig {
        FineTunedConfig {
            encoder: self.encoder.clone().into(),
            overrides: self.overrides.clone(),
            freeze: Freeze::FeatureEncoderAndProjection,
            freeze_mask_embedding: self.freeze_mask_embedding,
            ..FineTunedConfig::default()
        }
    }
}
