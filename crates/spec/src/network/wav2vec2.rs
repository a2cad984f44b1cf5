//! A wav2vec 2.0 encoder and what reads its frames: systems B5 and D, and V-FT. Which encoder, and whether waveforms are normalised
//! for it, flows into the port `encoder`.

use affekt_config::{Diagnostic, Section};

use super::adapt::Adapt;
use super::layers::EncoderLayer;
use super::parts::{LstmConfig, OutputActivation};
use super::pooling::{Pooling, PoolingAttention};
use crate::encoder::{EncoderConfig, SpeechConfig};
use crate::{LibraryDefaults, Spec};

/// An encoder, fine-tuned or frozen, with the layers behind it.
#[derive(Debug, Clone, PartialEq, Spec)]
#[spec(check = check_adapt)]
pub struct FineTunedConfig {
    /// The encoder as its checkpoint has it.
    #[spec(stored)]
    pub encoder: SpeechConfig,
    /// What of the encoder's own settings is otherwise here.
    #[spec(default = Overrides::default())]
    pub overrides: Overrides,
    /// Whether every waveform is brought to mean 0 and variance 1 first, as the encoder was pretrained: LV60K and XLSR-53
    /// are, BASE and LARGE are not.
    #[spec(stored)]
    pub normalise: bool,
    /// Of what mean and variance are, where waveforms are normalised.
    #[spec(default = NormaliseOver::Clips, omit)]
    pub normalise_over: NormaliseOver,
    /// What the encoder does with padding.
    #[spec(default = Padding::Ignored)]
    pub padding: Padding,
    /// Samples that a row has at least: zeros stand behind clips of a batch whose longest is shorter. With `padding: unmasked` a
    /// clip of at most that length gives the same in any batch.
    #[spec(range = 1..=100_000_000, omit, none = "none", unit = "samples")]
    pub padded_to: Option<usize>,
    /// Which layers are read: one, or several under weights that are learnt. Those above are neither built nor saved.
    #[spec(default = EncoderLayer::Last, name = "layers", key = "layer")]
    pub layer: EncoderLayer,
    /// What training leaves as it is.
    #[spec(default = Freeze::None)]
    pub freeze: Freeze,
    /// What is trained of the encoder in the place of all its weights: low-rank maps, adapters, biases or the last layers. It goes
    /// without `freeze`.
    #[spec(none = "none", omit)]
    pub adapt: Option<Adapt>,
    /// Whether the vector that stands for masked frames stays as it is, too.
    #[spec(default = false)]
    pub freeze_mask_embedding: bool,
    /// Where the spans of masked frames are drawn in training: over rows in V-FT.
    #[spec(default = SpansOver::Clips)]
    pub spans_over: SpansOver,
    /// What the frames go through.
    #[spec(default = FrameActivation::None)]
    pub frame_activation: FrameActivation,
    /// A linear map of every frame.
    pub projector: Option<ProjectorConfig>,
    /// What reads the frames in their order.
    pub lstm: Option<LstmConfig>,
    /// Share of units dropped in training before the last linear map: the same ones in all frames of a clip, so that for a mean
    /// it is dropout of the mean.
    #[spec(default = 0.0, range = 0.0..1.0, omit)]
    pub dropout: f64,
    /// What the outputs of every frame go through.
    #[spec(default = OutputActivation::None)]
    pub output_activation: OutputActivation,
    /// How the outputs of every frame become those of the clip; statistics and attention pool the frames, and the last linear map
    /// reads what they give.
    #[spec(default = Pooling::Mean)]
    pub pooling: Pooling,
    /// Settings of the poolings that attend.
    #[spec(default = PoolingAttention::default(), omit)]
    pub attention: PoolingAttention,
    /// Whose initial weights the last linear map has.
    #[spec(default = LibraryDefaults::PyTorch, omit)]
    pub defaults: LibraryDefaults,
}

/// Settings of an encoder that say how it is trained, and not which one it is, under transformers' names. What is not given
/// stays as its checkpoint has it.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Overrides {
    /// Share dropped of what is embedded and of both branches of a layer.
    #[spec(range = 0.0..1.0, omit)]
    pub hidden_dropout: Option<f64>,
    /// Share dropped of the units between a layer's linear maps.
    #[spec(range = 0.0..1.0, omit)]
    pub activation_dropout: Option<f64>,
    /// Share of attention weights dropped.
    #[spec(range = 0.0..1.0, omit)]
    pub attention_dropout: Option<f64>,
    /// Share dropped of the projected features.
    #[spec(range = 0.0..1.0, omit)]
    pub feat_proj_dropout: Option<f64>,
    /// Share of layers passed over in a training step.
    #[spec(range = 0.0..1.0, omit)]
    pub layerdrop: Option<f64>,
    /// Whether frames and features are masked in training at all.
    #[spec(omit)]
    pub apply_spec_augment: Option<bool>,
    /// About the share of frames masked in training, if spans did not overlap.
    #[spec(range = 0.0..1.0, omit)]
    pub mask_time_prob: Option<f64>,
    /// Length of a span.
    #[spec(range = 0..=100_000, omit, unit = "frames")]
    pub mask_time_length: Option<usize>,
    /// Spans at least.
    #[spec(range = 0..=100_000, omit)]
    pub mask_time_min_masks: Option<usize>,
    /// About the share of features masked in training.
    #[spec(range = 0.0..1.0, omit)]
    pub mask_feature_prob: Option<f64>,
    /// Length of a span.
    #[spec(range = 0..=100_000, omit, unit = "features")]
    pub mask_feature_length: Option<usize>,
    /// Spans at least.
    #[spec(range = 0..=100_000, omit)]
    pub mask_feature_min_masks: Option<usize>,
}

/// What training leaves as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum FrameActivation {
    /// Nothing.
    None,
    /// max(x, 0), frame by frame: the published code of V-FT (arXiv 2110.06309).
    Relu,
    /// max(x, 0) once, of what pooling makes of the frames, before the classifier: the text of V-FT.
    ReluAfterPooling,
}

/// A linear map of every frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub struct ProjectorConfig {
    /// Width of what it gives.
    #[spec(default = 256, range = 1..=65_536, unit = "units")]
    pub width: usize,
}

/// What an encoder does with the padding behind the shorter clips of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Spec)]
pub enum Padding {
    /// Excludes it from attention and from the means and variances of its group norm: a clip gives what it gives alone.
    #[default]
    #[spec(name = "excluded", key = "ignored")]
    Ignored,
    /// Excludes it from attention alone, as transformers does with an attention mask: what a clip gives depends on the longest
    /// of its batch.
    Reference,
    /// Hears it as silence like any other, as transformers does without an attention mask. Only pooling knows the clip's own
    /// frames.
    Unmasked,
    /// Includes it in training, as transformers does, and excludes it afterwards: a clip that is predicted gives what it gives
    /// alone, as where networks were published that were tested clip by clip.
    InTraining,
}

/// Over what waveforms are normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum NormaliseOver {
    /// Each clip over its own samples, as transformers does.
    Clips,
    /// In training all clips of a batch as one with the silence behind them, as torchaudio's bundles of LV60K and XLSR-53 do; a
    /// clip that is predicted over its own samples.
    BatchInTraining,
}

/// Where the spans of masked frames are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Spec)]
pub enum SpansOver {
    /// Within each clip: as many as its own length asks for. What transformers does when it is given an attention mask.
    #[default]
    Clips,
    /// Over the padded rows, as many in each; then those parts go that lie in the padding, so that short clips are masked as
    /// much as long ones in the mean, but some hardly and some not at all.
    Rows,
}

fn check_adapt(read: &mut FineTunedConfig, section: &mut Section<'_>) {
    if read.adapt.is_none() || read.freeze == Freeze::None {
        return;
    }
    let message = "`adapt` says what of the encoder is trained, and `freeze` says what is not";
    let span = section.node("freeze").map_or_else(|| section.span(), |node| &node.span);
    section.diagnostics().push(Diagnostic::error(span, message).hint("leave out `freeze`, or `adapt`"));
}

impl Padding {
    /// Returns what is done in training or outside of it, where that differs.
    #[must_use]
    pub const fn when(self, train: bool) -> Self {
        match (self, train) {
            (Self::InTraining, true) => Self::Reference,
            (Self::InTraining, false) => Self::Ignored,
            (padding, _) => padding,
        }
    }
}

impl Overrides {
    /// Returns an encoder's configuration with what is given set. Families without masks ignore what is about them.
    #[must_use]
    pub fn of_speech(&self, encoder: &SpeechConfig) -> SpeechConfig {
        match encoder {
            SpeechConfig::Wav2Vec2(config) => self.of(config).into(),
            SpeechConfig::Whisper(config) => {
                let mut config = config.clone();
                config.dropout = self.hidden_dropout.unwrap_or(config.dropout);
                config.activation_dropout = self.activation_dropout.unwrap_or(config.activation_dropout);
                config.attention_dropout = self.attention_dropout.unwrap_or(config.attention_dropout);
                config.encoder_layerdrop = self.layerdrop.unwrap_or(config.encoder_layerdrop);
                SpeechConfig::Whisper(config)
            }
        }
    }

    /// Returns the configuration of a wav2vec 2.0 with what is given set.
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
