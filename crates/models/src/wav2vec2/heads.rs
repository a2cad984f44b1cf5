//! What reads the encoder: characters of a transcription for each frame, or one of some classes for each clip.

use affekt_torch::init::Vars;
use tch::nn::Module;
use tch::{Kind, Tensor, nn};

use super::init::linear;
use super::{ConfigError, EncoderConfig};
use crate::dropout::dropout;
use crate::speech_encoder::Encoded;

/// The head of `Wav2Vec2ForCTC`, trained by connectionist temporal classification.
#[derive(Debug)]
pub struct CtcHead {
    lm_head: nn::Linear,
    dropout: f64,
}

impl CtcHead {
    /// A head for `vocab_size` characters. Its parameters stand beside the encoder's: `lm_head.weight`, `lm_head.bias`.
    ///
    /// # Errors
    /// Those of [`EncoderConfig::check`].
    pub fn new(vars: &Vars, config: &EncoderConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let lm_head = linear(&(vars / "lm_head"), config, config.hidden_size, config.vocab_size);
        Ok(Self { lm_head, dropout: config.final_dropout })
    }

    /// Logits of each frame, `[batch, frames, characters]`. Those behind a clip's own frames mean nothing.
    pub fn forward_t(&self, encoded: &Encoded, train: bool) -> Tensor {
        self.lm_head.forward(&dropout(&encoded.last, self.dropout, train))
    }
}

/// The head of `Wav2Vec2ForSequenceClassification`: the mean over a clip's frames, and a linear map of it.
#[derive(Debug)]
pub struct SequenceClassifier {
    projector: Option<nn::Linear>,
    classifier: nn::Linear,
}

impl SequenceClassifier {
    /// A head for so many classes. With a `projector`, as in transformers, a linear map to `classifier_proj_size` comes
    /// before the mean. Its parameters stand beside the encoder's: `projector.weight`, `classifier.weight`, ….
    ///
    /// # Errors
    /// Those of [`EncoderConfig::check`].
    pub fn new(
        vars: &Vars,
        config: &EncoderConfig,
        projector: bool,
        classes: usize,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let (width, projected) = (config.hidden_size, config.classifier_proj_size);
        let features = if projector { projected } else { width };
        Ok(Self {
            projector: projector.then(|| linear(&(vars / "projector"), config, width, projected)),
            classifier: linear(&(vars / "classifier"), config, features, classes),
        })
    }

    /// Logits of hidden states `[batch, frames, width]`, be they [`Encoded::last`] or one of [`Encoded::states`], of which
    /// `frames` are each clip's own: `[batch, classes]`.
    ///
    /// # Panics
    /// When `frames` has another number of clips.
    pub fn forward(&self, states: &Tensor, frames: &[i64]) -> Tensor {
        let states = match &self.projector {
            None => states.shallow_clone(),
            Some(projector) => projector.forward(states),
        };
        self.classifier.forward(&mean_over(&states, frames))
    }
}

/// `[batch, frames, features] -> [batch, features]`, over the first `frames` of each row.
fn mean_over(states: &Tensor, frames: &[i64]) -> Tensor {
    assert_eq!(states.size()[0], frames.len() as i64, "a number of frames for each clip");
    let mean = |(row, &count): (usize, &i64)| {
        states.select(0, row as i64).narrow(0, 0, count).mean_dim(0, /* keepdim */ false, Kind::Float)
    };
    Tensor::stack(&frames.iter().enumerate().map(mean).collect::<Vec<_>>(), 0)
}
