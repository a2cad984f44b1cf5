//! A wav2vec 2.0 and what reads its frames, fine-tuned together or the encoder frozen:
//!
//! ```text
//! waveforms ─ encoder ─ ReLU ─ projector ─ LSTM ─ classifier ─ sigmoid ─ pooling
//! 16 kHz      768       any of these four may be missing      of every frame
//! ```
//!
//! * B5: the mean over the last layer, a linear map.
//! * V-FT (Chen and Rudnicky, arXiv 2110.06309): ReLU, the mean, a linear map; feature encoder, projection and mask
//!   embedding frozen.
//! * D (Nguyen et al., 2022, "Fine-tuning Wav2vec for Vocal-burst Emotion Recognition"): layer 12, an LSTM, a linear map
//!   of every step, the last step.
//! * `Wav2Vec2ForSequenceClassification` of transformers: a projector, the mean, a linear map.
//!
//! The classifier maps every frame and the pooling comes last. Published networks that map the mean are the same: the mean of
//! a linear map's values is the map of the mean, and so it is with the first step and the last. With the largest number it is
//! not, and there D maps first.
//!
//! Frozen parameters have no gradients, so that libtorch keeps nothing of the frozen parts at the encoder's beginning. Their
//! dropout stays on, as in the published code: it is noise on what the trained parts read. An encoder that is frozen whole
//! is a function of the sound: no dropout, no masks, no layer passed over.

use affekt_torch::init::{self, Vars};
use serde::{Deserialize, Serialize};
use tch::nn::Module;
use tch::{Kind, Tensor, nn};

use crate::lstm::{Lstm, LstmConfig};
use crate::network::WaveformModule;
use crate::outputs::OutputActivation;
use crate::pooling::Pooling;
use crate::wav2vec2::{EncoderConfig, Padding, SpansOver, Valid, Wav2Vec2};
use crate::{BuildError, ForwardError};

/// What a [`FineTuned`] is made of, encoder and all, so that weights and this are a whole model. The default is B5.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FineTunedConfig {
    /// The encoder as its checkpoint has it.
    pub encoder: EncoderConfig,
    /// What of it this network has otherwise.
    pub overrides: Overrides,
    /// Whether every waveform is brought to mean 0 and variance 1 first, as the encoder was pretrained: LV60K and XLSR-53
    /// are, BASE and LARGE are not.
    pub normalise: bool,
    /// What the encoder's group norm does with padding.
    pub padding: Padding,
    /// Which layer is read. Those above are neither built nor saved.
    pub layer: EncoderLayer,
    /// What training leaves as it is.
    pub freeze: Freeze,
    /// Whether it leaves the vector that stands for masked frames, too.
    pub freeze_mask_embedding: bool,
    /// Where the spans of masked frames are drawn in training: over rows in V-FT.
    pub spans_over: SpansOver,
    /// What the frames go through.
    pub frame_activation: FrameActivation,
    /// A linear map of every frame.
    pub projector: Option<ProjectorConfig>,
    /// What reads the frames in their order.
    pub lstm: Option<LstmConfig>,
    /// What the outputs of every frame go through.
    pub output_activation: OutputActivation,
    /// From the outputs of every frame to those of the clip.
    pub pooling: Pooling,
}

/// Settings of [`EncoderConfig`] that say how an encoder is trained, and not which one it is. What is not given stays as
/// its checkpoint has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "they are those of `EncoderConfig`")]
pub struct Overrides {
    pub hidden_dropout: Option<f64>,
    pub activation_dropout: Option<f64>,
    pub attention_dropout: Option<f64>,
    pub feat_proj_dropout: Option<f64>,
    pub layerdrop: Option<f64>,
    pub apply_spec_augment: Option<bool>,
    pub mask_time_prob: Option<f64>,
    pub mask_time_length: Option<usize>,
    pub mask_time_min_masks: Option<usize>,
    pub mask_feature_prob: Option<f64>,
    pub mask_feature_length: Option<usize>,
    pub mask_feature_min_masks: Option<usize>,
}

/// A layer of the encoder's transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncoderLayer {
    /// The last one, and the norm behind it where layers normalise first.
    Last,
    /// This one, counted from 1, without a norm behind it.
    #[serde(untagged)]
    Nth(usize),
}

/// What training leaves as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freeze {
    /// Nothing.
    None,
    /// The convolutions.
    FeatureEncoder,
    /// The convolutions and the map to the transformer's width.
    FeatureEncoderAndProjection,
    /// The encoder.
    All,
}

/// What the encoder's frames go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FrameActivation {
    /// Nothing.
    None,
    /// max(x, 0).
    Relu,
}

/// A linear map of every frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectorConfig {
    /// To so many numbers; 256 in transformers.
    pub width: usize,
}

impl Default for FineTunedConfig {
    fn default() -> Self {
        Self {
            encoder: EncoderConfig::default(),
            overrides: Overrides::default(),
            normalise: false,
            padding: Padding::Ignored,
            layer: EncoderLayer::Last,
            freeze: Freeze::None,
            freeze_mask_embedding: false,
            spans_over: SpansOver::Clips,
            frame_activation: FrameActivation::None,
            projector: None,
            lstm: None,
            output_activation: OutputActivation::None,
            pooling: Pooling::Mean,
        }
    }
}

impl FineTunedConfig {
    /// The encoder that is built: overridden, and no higher than the layer that is read.
    ///
    /// # Errors
    /// When the encoder has no such layer.
    pub fn built_encoder(&self) -> Result<EncoderConfig, BuildError> {
        let mut encoder = self.encoder.clone();
        if let EncoderLayer::Nth(layer) = self.layer {
            if !(1..=encoder.num_hidden_layers).contains(&layer) {
                return Err(BuildError::Layer { layer, layers: encoder.num_hidden_layers });
            }
            encoder.num_hidden_layers = layer;
        }
        Ok(self.overrides.of(&encoder))
    }

    /// What the names of parameters begin with that training leaves as they are: by wish, or because they do nothing.
    pub(crate) fn frozen(&self) -> Result<Vec<&'static str>, BuildError> {
        let encoder = self.built_encoder()?;
        let has_mask_embedding = encoder.mask_time_prob > 0.0 || encoder.mask_feature_prob > 0.0;
        let masks_frames = encoder.apply_spec_augment && encoder.mask_time_prob > 0.0;
        let mut frozen = match self.freeze {
            Freeze::None => vec![],
            Freeze::FeatureEncoder => vec![FEATURE_ENCODER],
            Freeze::FeatureEncoderAndProjection => vec![FEATURE_ENCODER, PROJECTION],
            Freeze::All => vec![ENCODER],
        };
        if has_mask_embedding && (self.freeze_mask_embedding || !masks_frames) {
            frozen.push(MASK_EMBEDDING);
        }
        if encoder.do_stable_layer_norm && self.layer != EncoderLayer::Last {
            frozen.push(FINAL_NORM);
        }
        Ok(frozen)
    }
}

const ENCODER: &str = "wav2vec2.";
const FEATURE_ENCODER: &str = "wav2vec2.feature_extractor.";
const PROJECTION: &str = "wav2vec2.feature_projection.";
const MASK_EMBEDDING: &str = "wav2vec2.masked_spec_embed";
const FINAL_NORM: &str = "wav2vec2.encoder.layer_norm.";

impl Overrides {
    /// An encoder's configuration with what is given set.
    #[must_use]
    pub fn of(&self, encoder: &EncoderConfig) -> EncoderConfig {
        fn set<T: Copy>(setting: &mut T, given: Option<T>) {
            *setting = given.unwrap_or(*setting);
        }
        let mut encoder = encoder.clone();
        set(&mut encoder.hidden_dropout, self.hidden_dropout);
        set(&mut encoder.activation_dropout, self.activation_dropout);
        set(&mut encoder.attention_dropout, self.attention_dropout);
        set(&mut encoder.feat_proj_dropout, self.feat_proj_dropout);
        set(&mut encoder.layerdrop, self.layerdrop);
        set(&mut encoder.apply_spec_augment, self.apply_spec_augment);
        set(&mut encoder.mask_time_prob, self.mask_time_prob);
        set(&mut encoder.mask_time_length, self.mask_time_length);
        set(&mut encoder.mask_time_min_masks, self.mask_time_min_masks);
        set(&mut encoder.mask_feature_prob, self.mask_feature_prob);
        set(&mut encoder.mask_feature_length, self.mask_feature_length);
        set(&mut encoder.mask_feature_min_masks, self.mask_feature_min_masks);
        encoder
    }
}

/// An encoder and what reads it.
#[derive(Debug)]
pub struct FineTuned {
    encoder: Wav2Vec2,
    config: FineTunedConfig,
    projector: Option<nn::Linear>,
    lstm: Option<Lstm>,
    classifier: nn::Linear,
}

impl FineTuned {
    /// A network whose weights are a function of the seed of `vars`: those of the encoder as transformers', the others as
    /// PyTorch's.
    pub fn new(vars: &Vars, config: &FineTunedConfig, outputs: usize) -> Result<Self, BuildError> {
        let mut encoder = Wav2Vec2::new(&(vars / "wav2vec2"), &config.built_encoder()?)?;
        encoder.draw_spans_over(config.spans_over);
        let mut width = config.encoder.hidden_size as i64;
        let projector = match config.projector {
            None => None,
            Some(ProjectorConfig { width: 0 }) => return Err(BuildError::Zero("projector.width")),
            Some(projector) => {
                let inputs = std::mem::replace(&mut width, projector.width as i64);
                Some(init::linear(&(vars / "projector"), inputs, width))
            }
        };
        let lstm = match config.lstm {
            None => None,
            Some(lstm) => {
                let inputs = std::mem::replace(&mut width, lstm.hidden as i64);
                Some(Lstm::new(&(vars / "lstm"), lstm, inputs)?)
            }
        };
        let classifier = init::linear(&(vars / "classifier"), width, outputs as i64);
        Ok(Self { encoder, config: config.clone(), projector, lstm, classifier })
    }

    /// The outputs of every frame: `[batch, frames, width] -> [batch, frames, outputs]`
    fn read(&self, frames: &Tensor) -> Tensor {
        let mut xs = match self.config.frame_activation {
            FrameActivation::None => frames.shallow_clone(),
            FrameActivation::Relu => frames.relu(),
        };
        if let Some(projector) = &self.projector {
            xs = projector.forward(&xs);
        }
        if let Some(lstm) = &self.lstm {
            xs = lstm.forward(&xs);
        }
        self.config.output_activation.of(&self.classifier.forward(&xs))
    }
}

impl WaveformModule for FineTuned {
    fn forward_t(&self, waveforms: &Tensor, lengths: &[usize], train: bool) -> Result<Tensor, ForwardError> {
        let FineTunedConfig { normalise, padding, layer, freeze, pooling, .. } = self.config;
        let waveforms = if normalise { normalised(waveforms, lengths) } else { waveforms.shallow_clone() };
        let train = train && freeze != Freeze::All;
        let encoded = self.encoder.forward_t(&waveforms, lengths, padding, train)?;
        let frames = match layer {
            EncoderLayer::Last => &encoded.last,
            EncoderLayer::Nth(layer) => &encoded.states[layer],
        };
        Ok(pooling.of(&self.read(frames), &encoded.frames))
    }

    fn least_samples(&self) -> usize {
        self.encoder.config().samples_of_a_frame()
    }

    /// Of the transformer's layers, where any is trained: of a frozen encoder nothing is kept anyway.
    fn checkpoint_gradients(&mut self) -> bool {
        self.encoder.checkpoint_gradients(self.config.freeze != Freeze::All);
        true
    }
}

/// Every clip with mean 0 and variance 1 over its own samples, as transformers' `Wav2Vec2FeatureExtractor` has it, and zeros
/// behind it. `[batch, samples]`, the same out.
pub fn normalised(waveforms: &Tensor, lengths: &[usize]) -> Tensor {
    const EPSILON: f64 = 1e-7;
    let lengths: Vec<_> = lengths.iter().map(|&length| length as i64).collect();
    let padding = Valid::new(lengths.clone(), waveforms.size()[1]).padding(waveforms.device());
    let own = |xs: &Tensor| match &padding {
        None => xs.shallow_clone(),
        Some(padding) => xs.masked_fill(padding, 0.0),
    };
    let lengths = Tensor::from_slice(&lengths).to_device(waveforms.device()).unsqueeze(1);
    let mean = |xs: &Tensor| xs.sum_dim_intlist(1, /* keepdim */ true, Kind::Float) / &lengths; // [batch, 1]
    let centred = own(&(waveforms - mean(&own(waveforms))));
    let variance = mean(&centred.square());
    centred / (variance + EPSILON).sqrt()
}
