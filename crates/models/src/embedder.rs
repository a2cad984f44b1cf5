//! A frozen encoder: waveforms to the frames of a layer, or to the logits of its head for transcriptions.

use affekt_spec::encoder::SpeechConfig;
use affekt_torch::NamedTensors;
use affekt_torch::init::Vars;
use tch::{Device, Tensor, nn};

use crate::fine_tuned::normalised;
use crate::loading::{Accounting, EncoderError, take_over};
use crate::speech_encoder::{SpeechEncoder, speech_encoder};
use crate::wav2vec2::{CtcHead, Padding};
use crate::{BuildError, ForwardError};

/// What is taken from an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Embedding {
    /// The logits of its head for connectionist temporal classification: as many numbers a frame as it has characters.
    CtcLogits,
    /// The output of its last layer, and of the norm behind it where layers normalise first.
    LastLayer,
    /// That of a layer of the transformer, from 1, without a norm behind it; 0 is what enters the first.
    Layer(usize),
}

/// An encoder that is not trained.
#[derive(Debug)]
pub struct Embedder {
    store: nn::VarStore,
    encoder: Box<dyn SpeechEncoder>,
    head: Option<CtcHead>,
    embedding: Embedding,
    normalise: bool,
}

impl Embedder {
    /// An encoder with weights that are a function of `seed`. With `normalise` every waveform is brought to mean 0 and
    /// variance 1 first.
    ///
    /// # Errors
    /// When the configuration contradicts itself, or has no such layer.
    pub fn new(
        config: &SpeechConfig,
        embedding: Embedding,
        normalise: bool,
        seed: u64,
        device: Device,
    ) -> Result<Self, BuildError> {
        let mut config = config.clone();
        if let Embedding::Layer(layer) = embedding {
            let layers = config.layers();
            if layer > layers {
                return Err(BuildError::Layer { layer, layers });
            }
            // What lies above is not computed; a transformer has a layer at least.
            config = config.with_layers(layer.max(1));
        }
        let store = nn::VarStore::new(device);
        let vars = Vars::new(&store, seed);
        let encoder = speech_encoder(&vars, &config)?;
        let head = match embedding {
            Embedding::CtcLogits => {
                let config = config.wav2vec2().ok_or_else(|| BuildError::NoCtcHead(config.name()))?;
                Some(CtcHead::new(&vars, config)?)
            }
            Embedding::LastLayer | Embedding::Layer(_) => None,
        };
        Ok(Self { store, encoder, head, embedding, normalise })
    }

    /// Takes over the weights of a checkpoint under any of transformers' names.
    ///
    /// # Errors
    /// When it has not every parameter that is needed in its shape. Nothing is changed then.
    pub fn load(&mut self, checkpoint: &NamedTensors) -> Result<Accounting, EncoderError> {
        let own = self.store.variables().into_iter().map(|(name, tensor)| (name, tensor.detach())).collect();
        take_over(&own, checkpoint)
    }

    /// Waveforms `[batch, samples]` at 16 kHz, each row holding a clip of the length given for it, to
    /// `[batch, frames, numbers]` and how many frames are each clip's own.
    ///
    /// # Errors
    /// When they are no waveforms, or one is shorter than a frame.
    pub fn embed(&self, waveforms: &Tensor, lengths: &[usize]) -> Result<(Tensor, Vec<i64>), ForwardError> {
        let _guard = tch::no_grad_guard();
        let waveforms = waveforms.to_device(self.store.device());
        let waveforms = if self.normalise { normalised(&waveforms, lengths) } else { waveforms };
        let encoded =
            self.encoder.forward_t(&waveforms, lengths, Padding::Ignored, /* train */ false)?;
        let embedded = match (self.embedding, &self.head) {
            (Embedding::Layer(layer), _) => encoded.states[layer].shallow_clone(),
            (_, Some(head)) => head.forward_t(&encoded, /* train */ false),
            (_, None) => encoded.last.shallow_clone(),
        };
        Ok((embedded, encoded.frames))
    }
}
