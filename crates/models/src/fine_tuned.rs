//! A wav2vec 2.0 and what reads its frames, fine-tuned together or the encoder frozen:
//!
//! ```text
//! waveforms ─ encoder ─ layers ─ ReLU ─ projector ─ LSTM ─ dropout ─ classifier ─ sigmoid ─ pooling
//! 16 kHz      768       one, or  any of these five may be missing                of every frame
//!                       several
//! with `relu-after-pooling`:       projector ─ LSTM ─ dropout ─ pooling ─ ReLU ─ classifier ─ sigmoid
//! statistics and attention:  ReLU ─ projector ─ LSTM ─ dropout ─ pooling ─ classifier ─ sigmoid
//! ```
//!
//! * B5 (Keras' example of audio classification with wav2vec 2.0): the mean over the last layer, dropout, a linear map; padding is
//!   heard as silence.
//! * V-FT (Chen and Rudnicky, arXiv 2110.06309): ReLU, the mean, a linear map; feature encoder, projection and mask
//!   embedding frozen.
//! * D (Nguyen et al., 2022, "Fine-tuning Wav2vec for Vocal-burst Emotion Recognition"): layer 12, an LSTM, a linear map
//!   of every step, the last step.
//! * `Wav2Vec2ForSequenceClassification` of transformers: a projector, the mean, a linear map.
//!
//! The classifier maps every frame and the pooling comes last. Published networks that map the mean are the same: the mean of
//! a linear map's values is the map of the mean, and so it is with the first step and the last. With the largest number it is
//! not, and there D maps first. For the same reason the dropout before the classifier drops the same units in all frames of a clip.
//! A ReLU behind the pooling, as the text of V-FT has it, and poolings that are no mean ask for the other order.
//!
//! Frozen parameters have no gradients, so that libtorch keeps nothing of the frozen parts at the encoder's beginning. Their
//! dropout stays on, as in the published code: it is noise on what the trained parts read. An encoder that is frozen whole
//! is a function of the sound: no dropout, no masks, no layer passed over.

use affekt_encoders::ENCODER;
use affekt_spec::encoder::SpeechConfig;
use affekt_spec::network::{
    EncoderLayer, FineTunedConfig, FrameActivation, Freeze, NormaliseOver, Padding, ProjectorConfig,
};
use affekt_torch::init::{self, Vars};
use affekt_torch::uploaded;
use tch::nn::Module;
use tch::{Kind, Tensor, nn};

use crate::adapt::is_trained;
use crate::clip_head::{ClipHead, HeadConfig};
use crate::dropout::dropout;
use crate::layer_mix::LayerMix;
use crate::lstm::Lstm;
use crate::network::{WaveformModule, checked_dropout, library};
use crate::speech_encoder::{SpeechEncoder, speech_encoder};
use crate::wav2vec2::Valid;
use crate::{BuildError, ForwardError};

/// Returns the encoder that is built: overridden, and no higher than the layer that is read.
///
/// # Errors
/// When the encoder has no such layer.
pub fn built_encoder(config: &FineTunedConfig) -> Result<SpeechConfig, BuildError> {
    let mut encoder = config.encoder.clone();
    let (layer, layers) = (config.layer.highest(encoder.layers()), encoder.layers());
    if layer > layers || config.layer == EncoderLayer::Nth(0) {
        return Err(BuildError::Layer { layer, layers });
    }
    encoder = encoder.with_layers(layer.max(1)); // a transformer has a layer at least
    Ok(config.overrides.of_speech(&encoder))
}

/// Returns what the names of parameters begin with that training leaves as they are: by wish, or because they do nothing.
pub(crate) fn frozen(config: &FineTunedConfig) -> Result<Vec<String>, BuildError> {
    let encoder = built_encoder(config)?;
    let (feature_encoder, projection) = (encoder.feature_encoder(), encoder.projection());
    let mut frozen = match config.freeze {
        Freeze::None => vec![],
        Freeze::FeatureEncoder => feature_encoder.to_vec(),
        Freeze::FeatureEncoderAndProjection => [feature_encoder, projection].concat(),
        Freeze::All => vec![""],
    };
    if let Some(encoder) = encoder.wav2vec2() {
        let has_mask_embedding = encoder.mask_time_prob > 0.0 || encoder.mask_feature_prob > 0.0;
        let masks_frames = encoder.apply_spec_augment && encoder.mask_time_prob > 0.0;
        if has_mask_embedding && (config.freeze_mask_embedding || !masks_frames) {
            frozen.push(MASK_EMBEDDING);
        }
    }
    if encoder.has_final_norm() && config.layer != EncoderLayer::Last {
        frozen.push(FINAL_NORM);
    }
    Ok(frozen.into_iter().map(|name| format!("{ENCODER}{name}")).collect())
}

/// Takes from training what of an encoder's parameters `adapt` leaves as it is, where that says what is trained.
///
/// # Errors
/// When the encoder has no such layer.
pub(crate) fn freeze_all_but_adapted(
    store: &nn::VarStore,
    config: &FineTunedConfig,
) -> Result<(), BuildError> {
    let Some(adapt) = &config.adapt else { return Ok(()) };
    let layers = built_encoder(config)?.layers();
    for (name, tensor) in store.variables() {
        if name.strip_prefix(ENCODER).is_some_and(|name| !is_trained(adapt, layers, name)) {
            let _ = tensor.set_requires_grad(false);
        }
    }
    Ok(())
}

const MASK_EMBEDDING: &str = "masked_spec_embed";
const FINAL_NORM: &str = "encoder.layer_norm.";

/// An encoder and what reads it.
#[derive(Debug)]
pub struct FineTuned {
    encoder: Box<dyn SpeechEncoder>,
    config: FineTunedConfig,
    projector: Option<nn::Linear>,
    lstm: Option<Lstm>,
    layers: LayerMix,
    head: ClipHead,
}

impl FineTuned {
    /// A network whose weights are a function of the seed of `vars`: those of the encoder as transformers', the others as
    /// PyTorch's.
    pub fn new(vars: &Vars, config: &FineTunedConfig, outputs: usize) -> Result<Self, BuildError> {
        let built = built_encoder(config)?;
        let place = vars / ENCODER.trim_end_matches('.');
        let mut encoder = speech_encoder(&place, &built)?;
        if let Some(adapt) = &config.adapt {
            encoder.adapt(&place, adapt)?;
        }
        encoder.draw_spans_over(config.spans_over);
        let mut width = config.encoder.width() as i64;
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
        checked_dropout(config.dropout)?;
        let head = HeadConfig {
            pooling: config.pooling,
            attention: config.attention,
            activation: config.output_activation,
            relu_after_pooling: config.frame_activation == FrameActivation::ReluAfterPooling,
        };
        let classifier = (vars / "classifier").of(library(config.defaults));
        let head = ClipHead::new(vars, &classifier, head, width, outputs)?;
        let layers = LayerMix::new(vars, &config.layer, built.layers())?;
        Ok(Self { encoder, config: config.clone(), projector, lstm, layers, head })
    }

    /// The outputs of every clip, of which `counts` frames are its own: `[batch, frames, width] -> [batch, outputs]`
    fn read(&self, frames: &Tensor, counts: &[i64], train: bool) -> Tensor {
        let mut xs = match self.config.frame_activation {
            FrameActivation::Relu => frames.relu(),
            FrameActivation::None | FrameActivation::ReluAfterPooling => frames.shallow_clone(),
        };
        if let Some(projector) = &self.projector {
            xs = projector.forward(&xs);
        }
        if let Some(lstm) = &self.lstm {
            xs = lstm.forward(&xs);
        }
        if self.config.dropout > 0.0 {
            let clips = xs.narrow(1, 0, 1).ones_like(); // [batch, 1, width]
            xs = dropout(&clips, self.config.dropout, train) * xs;
        }
        self.head.forward_t(&xs, counts, train)
    }
}

impl WaveformModule for FineTuned {
    fn forward_t(&self, waveforms: &Tensor, lengths: &[usize], train: bool) -> Result<Tensor, ForwardError> {
        let FineTunedConfig { normalise, normalise_over, padding, padded_to, freeze, .. } = self.config;
        let waveforms = match (normalise, normalise_over) {
            (false, _) => waveforms.shallow_clone(),
            (true, NormaliseOver::BatchInTraining) if train => normalised_as_one(waveforms, lengths),
            (true, _) => normalised(waveforms, lengths),
        };
        let missing = padded_to.unwrap_or(0).saturating_sub(waveforms.size()[1] as usize);
        let waveforms = waveforms.constant_pad_nd([0, missing as i64]);
        let trains_encoder = train && freeze != Freeze::All;
        let padding = padding.when(trains_encoder);
        let encoded = self.encoder.forward_t(&waveforms, lengths, padding, trains_encoder)?;
        Ok(self.read(&self.layers.forward(&encoded), &encoded.frames, train))
    }

    fn least_samples(&self) -> usize {
        self.config.encoder.least_samples()
    }

    fn normalises_batches(&self) -> bool {
        self.config.normalise && self.config.normalise_over == NormaliseOver::BatchInTraining
    }

    /// Of the transformer's layers, where any is trained: of a frozen encoder nothing is kept anyway.
    fn checkpoint_gradients(&mut self) {
        self.encoder.checkpoint_gradients(self.config.freeze != Freeze::All);
    }

    fn can_checkpoint_gradients(&self) -> bool {
        true
    }

    fn hears_padding(&self) -> bool {
        self.config.freeze != Freeze::All && self.config.padding.when(/* train */ true) != Padding::Ignored
    }
}

/// Every clip with mean 0 and variance 1 over its own samples, as transformers' `Wav2Vec2FeatureExtractor` has it, and zeros
/// behind it. `[batch, samples]`, the same out.
pub fn normalised(waveforms: &Tensor, lengths: &[usize]) -> Tensor {
    const EPSILON: f64 = 1e-7;
    let own = |xs: &Tensor| silenced(xs, lengths);
    let lengths: Vec<_> = lengths.iter().map(|&length| length as i64).collect();
    let lengths = uploaded(&lengths, waveforms.device()).unsqueeze(1);
    let mean = |xs: &Tensor| xs.sum_dim_intlist(1, /* keepdim */ true, Kind::Float) / &lengths; // [batch, 1]
    let centred = own(&(waveforms - mean(&own(waveforms))));
    let variance = mean(&centred.square());
    centred / (variance + EPSILON).sqrt()
}

/// A batch with mean 0 and variance 1 over all of it, zeros behind clips included, as torchaudio's bundles have it
/// (`layer_norm` over the whole tensor). `[batch, samples]`, the same out.
fn normalised_as_one(waveforms: &Tensor, lengths: &[usize]) -> Tensor {
    const EPSILON: f64 = 1e-5;
    let waveforms = silenced(waveforms, lengths);
    waveforms.layer_norm(waveforms.size(), None::<&Tensor>, None::<&Tensor>, EPSILON, /* cudnn */ false)
}

/// Waveforms with zeros behind the clips.
fn silenced(waveforms: &Tensor, lengths: &[usize]) -> Tensor {
    let lengths = lengths.iter().map(|&length| length as i64).collect();
    match Valid::new(lengths, waveforms.size()[1]).padding(waveforms.device()) {
        None => waveforms.shallow_clone(),
        Some(padding) => waveforms.masked_fill(&padding, 0.0),
    }
}
