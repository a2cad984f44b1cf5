//! An encoder of speech behind one type, whichever family it is of: waveforms to all its hidden states.
//!
//! What reads an encoder (`fine_tuned`, `embedder`) knows [`SpeechEncoder`] and [`Encoded`] alone. A family is a module that
//! implements the trait, and a line of [`speech_encoder`].

use affekt_spec::encoder::SpeechConfig;
use affekt_spec::network::Adapt;
use affekt_torch::init::Vars;
use tch::Tensor;

use crate::BuildError;
use crate::wav2vec2::{ConfigError, InputError, Padding, SpansOver, Wav2Vec2};
use crate::whisper::Whisper;

/// An encoder of speech.
pub trait SpeechEncoder: std::fmt::Debug + Send {
    /// Encodes waveforms `[batch, samples]` of f32 at 16 kHz, of which each row holds a clip of the length given for it. What
    /// stands behind a clip is of no account. In training, dropout, layer drop and masks are on.
    ///
    /// # Errors
    /// When the lengths do not fit the waveforms, or a clip is too short.
    fn forward_t(
        &self,
        waveforms: &Tensor,
        lengths: &[usize],
        padding: Padding,
        train: bool,
    ) -> Result<Encoded, InputError>;

    /// Sets whether the backward pass computes each layer again instead of keeping what it computed. It begins with `false`.
    fn checkpoint_gradients(&mut self, checkpointed: bool);

    /// Puts in what is trained in the place of the encoder's own weights, which begins so that nothing is changed; `vars` is where
    /// the encoder was built.
    ///
    /// # Errors
    /// When the family cannot be adapted so.
    fn adapt(&mut self, _vars: &Vars, _adapt: &Adapt) -> Result<(), BuildError> {
        Err(BuildError::NotAdaptable)
    }

    /// Sets where the spans of masked frames are drawn in training. It begins with [`SpansOver::Clips`]. Families without
    /// masks have none.
    fn draw_spans_over(&mut self, _over: SpansOver) {}
}

/// What an encoder makes of a batch. Frames behind a clip's own mean nothing.
#[derive(Debug)]
pub struct Encoded {
    /// What enters the first layer, then what each layer gives: one more than layers, each `[batch, frames, width]`.
    pub states: Vec<Tensor>,
    /// What entered the transformer's projection, normalised: what a quantiser reads in pretraining. `[batch, frames, channels]`
    pub features: Tensor,
    /// The last of the states, and the norm behind it where the family has one that is no part of a layer.
    /// `[batch, frames, width]`
    pub last: Tensor,
    /// How many frames are each clip's own; at least one.
    pub frames: Vec<i64>,
}

/// Builds an encoder whose weights are a function of the seed of `vars`.
///
/// # Errors
/// When the configuration asks for what is not built here, or contradicts itself.
pub fn speech_encoder(vars: &Vars, config: &SpeechConfig) -> Result<Box<dyn SpeechEncoder>, ConfigError> {
    Ok(match config {
        SpeechConfig::Wav2Vec2(config) => Box::new(Wav2Vec2::new(vars, config)?),
        SpeechConfig::Whisper(config) => Box::new(Whisper::new(vars, config)?),
    })
}
