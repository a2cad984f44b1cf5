//! The whole encoder: from waveforms to hidden states.

use affekt_spec::network::Adapt;
use affekt_torch::init::Vars;
use tch::Tensor;

use super::config::{ConfigError, EncoderConfig};
use super::feature_encoder::FeatureEncoder;
use super::projection::Projection;
use super::spec_augment::SpecAugment;
use super::transformer::Transformer;
use super::valid::Valid;
use super::{Padding, SpansOver};
use crate::BuildError;
use crate::speech_encoder::{Encoded, SpeechEncoder};

/// The encoder of transformers' `Wav2Vec2Model`, under its names.
#[derive(Debug)]
pub struct Wav2Vec2 {
    config: EncoderConfig,
    feature_encoder: FeatureEncoder,
    projection: Projection,
    spec_augment: SpecAugment,
    transformer: Transformer,
}

/// A batch that cannot be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// Not a batch of waveforms.
    #[error("waveforms of shape {0:?}: expected [batch, samples] with at least one clip")]
    Shape(Vec<i64>),
    /// Not a length for each clip.
    #[error("{lengths} lengths for {clips} clips: expected one each")]
    Lengths {
        /// How many lengths.
        lengths: usize,
        /// How many clips.
        clips: usize,
    },
    /// A length beyond the samples.
    #[error("clip {clip} is {length} samples long, but a row of the batch has {samples}")]
    TooLong {
        /// Its row.
        clip: usize,
        /// Its length.
        length: usize,
        /// What a row has.
        samples: usize,
    },
    /// Nothing can stand for masked frames.
    #[error(
        "frames to mask, but no vector that stands for them: expected `mask_time_prob` or `mask_feature_prob` above 0 in the encoder's configuration"
    )]
    NoMask,
    /// Padding, for a network that cannot tell it from sound.
    #[error(
        "clip {clip} is {length} samples long, and a row of the batch has {samples}: this encoder's norms are over whole rows, \
         so that padding would change every frame. Crop all clips to one length, or give them one by one"
    )]
    Padded {
        /// Its row.
        clip: usize,
        /// Its length.
        length: usize,
        /// What a row has.
        samples: usize,
    },
    /// More than an encoder hears.
    #[error(
        "clip {clip} is {length} samples long, and the encoder hears {most} at most: give `audio` a number of `seconds`"
    )]
    Beyond {
        /// Its row.
        clip: usize,
        /// Its length.
        length: usize,
        /// How many are heard.
        most: usize,
    },
    /// Less than a frame.
    #[error("clip {clip} is {length} samples long, less than a frame: expected {least} samples at least")]
    TooShort {
        /// Its row.
        clip: usize,
        /// Its length.
        length: usize,
        /// What makes a frame.
        least: usize,
    },
}

impl Wav2Vec2 {
    /// An encoder whose weights are a function of the seed of `vars`.
    ///
    /// # Errors
    /// When the configuration asks for what is not built here, or contradicts itself.
    pub fn new(vars: &Vars, config: &EncoderConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            config: config.clone(),
            feature_encoder: FeatureEncoder::new(&(vars / "feature_extractor"), config),
            projection: Projection::new(&(vars / "feature_projection"), config),
            spec_augment: SpecAugment::new(vars, config),
            transformer: Transformer::new(&(vars / "encoder"), config),
        })
    }

    /// What it was built from.
    #[must_use]
    pub const fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// [`SpeechEncoder::forward_t`] with frames that the caller chose masked, in training or not, where spans by chance would be:
    /// what pretraining asks for. `masked` is `[batch, frames]`, true at those.
    ///
    /// # Errors
    /// As those of [`SpeechEncoder::forward_t`].
    ///
    /// # Panics
    /// When the waveforms are not f32 or on another device, or `masked` has another shape.
    pub fn forward_masked_t(
        &self,
        waveforms: &Tensor,
        lengths: &[usize],
        padding: Padding,
        masked: &Tensor,
        train: bool,
    ) -> Result<Encoded, InputError> {
        self.encode(waveforms, lengths, padding, Some(masked), train)
    }

    fn encode(
        &self,
        waveforms: &Tensor,
        lengths: &[usize],
        padding: Padding,
        masked: Option<&Tensor>,
        train: bool,
    ) -> Result<Encoded, InputError> {
        if masked.is_some() && !self.spec_augment.has_mask() {
            return Err(InputError::NoMask);
        }
        let samples = checked_samples(waveforms, lengths, self.config.samples_of_a_frame())?;
        let clips = valid(lengths.to_vec(), samples);
        let waveforms = match clips.padding(waveforms.device()) {
            None => waveforms.shallow_clone(),
            Some(padding) => waveforms.masked_fill(&padding, 0.0),
        };
        let own_frames = lengths.iter().map(|&length| self.config.frames(length) as i64).collect();
        let rows = vec![samples; lengths.len()];
        let lengths = if padding == Padding::Unmasked { &rows } else { lengths };
        let xs = self.feature_encoder.forward(&waveforms, &self.valid_by_layer(lengths, samples), padding);
        let frames = lengths.iter().map(|&length| self.config.frames(length)).collect();
        let frames = valid(frames, self.config.frames(samples));
        let (features, xs) = self.projection.forward(&xs, train);
        let xs = self.spec_augment.forward(&xs, &frames, masked, train);
        let silent = padding == Padding::Ignored;
        let padding = frames.padding(xs.device());
        let (states, last) = self.transformer.forward(&xs, padding.as_ref(), silent, train);
        Ok(Encoded { states, features, last, frames: own_frames })
    }

    /// What is valid after each convolution.
    fn valid_by_layer(&self, lengths: &[usize], samples: usize) -> Vec<Valid> {
        let clips: Vec<_> = lengths.iter().map(|&length| self.config.frames_by_layer(length)).collect();
        let rows = self.config.frames_by_layer(samples);
        let layers = rows.iter().enumerate();
        layers.map(|(i, &total)| valid(clips.iter().map(|clip| clip[i]).collect(), total)).collect()
    }
}

/// Masks and dropouts are those of transformers. To have its numbers for a batch without attention mask, say [`Padding::Unmasked`].
impl SpeechEncoder for Wav2Vec2 {
    fn forward_t(
        &self,
        waveforms: &Tensor,
        lengths: &[usize],
        padding: Padding,
        train: bool,
    ) -> Result<Encoded, InputError> {
        self.encode(waveforms, lengths, padding, None, train)
    }

    fn checkpoint_gradients(&mut self, checkpointed: bool) {
        self.transformer.checkpointed = checkpointed;
    }

    fn adapt(&mut self, vars: &Vars, adapt: &Adapt) -> Result<(), BuildError> {
        self.transformer.adapt(&(vars / "encoder"), adapt, self.config.hidden_size);
        Ok(())
    }

    fn draw_spans_over(&mut self, over: SpansOver) {
        self.spec_augment.over = over;
    }
}

fn valid(counts: Vec<usize>, total: usize) -> Valid {
    Valid::new(counts.into_iter().map(|count| count as i64).collect(), total as i64)
}

/// How many samples a row has, when each holds a clip of its length, of `least` samples or more.
pub fn checked_samples(waveforms: &Tensor, lengths: &[usize], least: usize) -> Result<usize, InputError> {
    let shape = waveforms.size();
    let (clips, samples) = match *shape.as_slice() {
        [clips, samples] if clips > 0 => (clips as usize, samples as usize),
        _ => return Err(InputError::Shape(shape)),
    };
    if lengths.len() != clips {
        return Err(InputError::Lengths { lengths: lengths.len(), clips });
    }
    for (clip, &length) in lengths.iter().enumerate() {
        if length > samples {
            return Err(InputError::TooLong { clip, length, samples });
        }
        if length < least {
            return Err(InputError::TooShort { clip, length, least });
        }
    }
    Ok(samples)
}
