//! From waveforms to states.

use affekt_torch::init::Vars;
use tch::Tensor;
use tch::nn::Module;

use super::config::TrunkConfig;
use super::masks::masked;
use crate::conv1d::Conv1d;
use crate::fine_tuned::frozen;
use crate::speech_encoder::SpeechEncoder;
use crate::wav2vec::Wav2Vec;
use crate::wav2vec2::{Padding, Spans, Wav2Vec2};
use crate::{BuildError, ForwardError};

#[derive(Debug)]
pub enum Trunk {
    /// Masks are of the feature encoder's frames and of its channels.
    Wav2Vec {
        encoder: Box<Wav2Vec>,
        masks: [Spans; 2],
        downsample: Conv1d,
    },
    Wav2Vec2 {
        encoder: Box<Wav2Vec2>,
        padding: Padding,
    },
}

impl Trunk {
    /// A trunk whose encoder's parameters stand under [`TrunkConfig::encoder`].
    pub fn new(vars: &Vars, config: &TrunkConfig) -> Result<Self, BuildError> {
        let encoder = vars / config.encoder().trim_end_matches('.');
        match config {
            TrunkConfig::Wav2Vec(config) => {
                config.check()?;
                let channels = [config.encoder.width(); 2];
                let (kernel, stride) = (config.kernel, config.stride);
                let downsample = vars / "downsample";
                Ok(Self::Wav2Vec {
                    encoder: Box::new(Wav2Vec::new(&encoder, &config.encoder)?),
                    masks: [config.mask_frames, config.mask_features],
                    downsample: Conv1d::new(&downsample, channels, kernel, stride, /* bias */ true),
                })
            }
            TrunkConfig::Wav2Vec2(config) => {
                let mut encoder = Wav2Vec2::new(&encoder, &config.overrides.of(&config.encoder))?;
                encoder.draw_spans_over(config.spans_over);
                Ok(Self::Wav2Vec2 { encoder: Box::new(encoder), padding: config.padding })
            }
        }
    }

    /// `[batch, samples]` to states, `[batch, frames, width]`, and how many are each clip's own.
    pub fn forward_t(
        &self,
        waveforms: &Tensor,
        lengths: &[usize],
        train: bool,
    ) -> Result<(Tensor, Vec<i64>), ForwardError> {
        match self {
            Self::Wav2Vec { encoder, masks: [frames, channels], downsample } => {
                let features = encoder.features(waveforms, lengths)?; // [batch, frames, channels]
                let features = if train { masked(&features, *frames, *channels) } else { features };
                let context = encoder.aggregate(&features, train).transpose(1, 2); // [batch, width, frames]
                let states = downsample.forward(&context).relu().transpose(1, 2);
                let frames = vec![states.size()[1]; lengths.len()];
                Ok((states, frames))
            }
            Self::Wav2Vec2 { encoder, padding } => {
                let encoded = encoder.forward_t(waveforms, lengths, padding.when(train), train)?;
                Ok((encoded.last.relu(), encoded.frames))
            }
        }
    }
}

impl TrunkConfig {
    /// What the names of the encoder's parameters begin with.
    pub(super) const fn encoder(&self) -> &'static str {
        match self {
            Self::Wav2Vec(_) => "wav2vec.",
            Self::Wav2Vec2(_) => "wav2vec2.",
        }
    }

    /// What the names of parameters begin with that training leaves as they are.
    pub(super) fn frozen(&self) -> Result<Vec<String>, BuildError> {
        match self {
            Self::Wav2Vec(_) => Ok(vec!["wav2vec.feature_extractor.".to_owned()]),
            Self::Wav2Vec2(config) => frozen(&config.fine_tuned()),
        }
    }

    /// Numbers of a state.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Wav2Vec(config) => config.encoder.width(),
            Self::Wav2Vec2(config) => config.encoder.hidden_size,
        }
    }

    /// How many states there are of so many samples.
    pub(super) fn frames(&self, samples: usize) -> usize {
        match self {
            Self::Wav2Vec(config) => {
                let frames = config.encoder.frames(samples).checked_sub(config.kernel);
                frames.map_or(0, |rest| rest / config.stride + 1)
            }
            Self::Wav2Vec2(config) => config.encoder.frames(samples),
        }
    }

    /// How few samples make a state.
    pub(super) fn least_samples(&self) -> usize {
        match self {
            Self::Wav2Vec(config) => config.encoder.samples_of(config.kernel),
            Self::Wav2Vec2(config) => config.encoder.samples_of_a_frame(),
        }
    }
}
