//! The whole network with its weights on a device.

use affekt_torch::init::Vars;
use affekt_torch::{NamedTensors, upload};
use tch::nn::Module;
use tch::{Device, Tensor, nn};

use super::StatesConfig;
use super::heads::{ClipHead, FrameHead};
use super::trunk::Trunk;
use crate::fine_tuned::normalised;
use crate::loading::{Accounting, EncoderError, WeightsError, replace, take_over};
use crate::network::{ParameterCounts, caught, freeze};
use crate::speech_encoder::SpeechEncoder;
use crate::wav2vec2::checked_samples;
use crate::{BuildError, ForwardError};

/// A network of states, trained by the labels of clips.
#[derive(Debug)]
pub struct StatesNetwork {
    store: nn::VarStore,
    config: StatesConfig,
    classes: usize,
    trunk: Trunk,
    frame_head: FrameHead,
    clip_head: ClipHead,
}

/// What it makes of a batch. Frames behind a clip's own mean nothing.
#[derive(Debug)]
pub struct StatesOutputs {
    /// The states, none below 0. `[batch, frames, width]`
    pub states: Tensor,
    /// How many of them are each clip's own; at least one.
    pub frames: Vec<i64>,
    /// What each state says of the clip's label. `[batch, frames, classes]`, logits
    pub per_frame: Tensor,
    /// What all of them say together. `[batch, classes]`, logits
    pub clip: Tensor,
}

impl StatesNetwork {
    /// A network whose weights are a function of `seed`: those of a wav2vec 2.0 as transformers', all others as PyTorch's.
    ///
    /// # Errors
    /// When the configuration contradicts itself, or there are no classes.
    pub fn new(config: &StatesConfig, classes: usize, seed: u64, device: Device) -> Result<Self, BuildError> {
        if classes == 0 {
            return Err(BuildError::Outputs);
        }
        let StatesConfig { head_width, lstm_hidden, .. } = *config;
        for (field, size) in [("head_width", head_width), ("lstm_hidden", lstm_hidden)] {
            if size == 0 {
                return Err(BuildError::Zero(field));
            }
        }
        let store = nn::VarStore::new(device);
        let vars = Vars::new(&store, seed);
        let width = config.trunk.width();
        let trunk = Trunk::new(&vars, &config.trunk)?;
        let frame_head = FrameHead::new(&(&vars / "frame_head"), width, head_width, classes);
        let clip_head = ClipHead::new(&(&vars / "clip_head"), width, lstm_hidden, head_width, classes)?;
        let frozen = config.trunk.frozen()?;
        freeze(&store, &frozen.iter().map(String::as_str).collect::<Vec<_>>())?;
        Ok(Self { store, config: config.clone(), classes, trunk, frame_head, clip_head })
    }

    /// States and what both heads say of waveforms `[batch, samples]` at 16 kHz, of which each row holds a clip of the length
    /// given for it. In training, masks and dropout are on.
    ///
    /// # Errors
    /// When the lengths do not fit the waveforms, a clip makes no state, or libtorch refuses. Where the trunk is a wav2vec, also
    /// when clips are shorter than the rows: its norms are over whole rows.
    pub fn forward_t(
        &self,
        waveforms: &Tensor,
        lengths: &[usize],
        train: bool,
    ) -> Result<StatesOutputs, ForwardError> {
        caught(|| {
            let (states, frames) = self.trunk_t(waveforms, lengths, train)?;
            let (per_frame, clip) =
                (self.frame_head.forward(&states), self.clip_head.forward(&states, &frames));
            Ok(StatesOutputs { states, frames, per_frame, clip })
        })
    }

    /// The states alone, of a network that is not trained any more: `[batch, frames, width]`, and how many are each clip's own.
    ///
    /// # Errors
    /// Those of [`StatesNetwork::forward_t`].
    pub fn states(&self, waveforms: &Tensor, lengths: &[usize]) -> Result<(Tensor, Vec<i64>), ForwardError> {
        let _guard = tch::no_grad_guard();
        caught(|| self.trunk_t(waveforms, lengths, /* train */ false))
    }

    fn trunk_t(
        &self,
        waveforms: &Tensor,
        lengths: &[usize],
        train: bool,
    ) -> Result<(Tensor, Vec<i64>), ForwardError> {
        checked_samples(waveforms, lengths, self.least_samples())?;
        let waveforms = upload(waveforms, self.device());
        let waveforms = if self.config.normalise { normalised(&waveforms, lengths) } else { waveforms };
        self.trunk.forward_t(&waveforms, lengths, train)
    }

    /// How many states there are of a clip of so many samples.
    #[must_use]
    pub fn frames(&self, samples: usize) -> usize {
        self.config.trunk.frames(samples)
    }

    /// How many samples a clip needs.
    #[must_use]
    pub fn least_samples(&self) -> usize {
        self.config.trunk.least_samples()
    }

    /// Numbers of a state.
    #[must_use]
    pub fn width(&self) -> usize {
        self.config.trunk.width()
    }

    /// How many classes its heads tell apart.
    #[must_use]
    pub const fn classes(&self) -> usize {
        self.classes
    }

    /// What it was built from.
    #[must_use]
    pub const fn config(&self) -> &StatesConfig {
        &self.config
    }

    /// Where its weights are.
    #[must_use]
    pub fn device(&self) -> Device {
        self.store.device()
    }

    /// From now on computes the transformer's activations anew in the backward pass rather than keep them, which costs a third
    /// more time and saves most of the memory. `false` where the trunk has none.
    pub fn checkpoint_gradients(&mut self) -> bool {
        match &mut self.trunk {
            Trunk::Wav2Vec { .. } => false,
            Trunk::Wav2Vec2 { encoder, .. } => {
                encoder.checkpoint_gradients(true);
                true
            }
        }
    }

    /// Takes over the encoder's weights from a checkpoint under their canonical names, from whatever device.
    ///
    /// # Errors
    /// When the checkpoint has not every parameter of it in its shape. Nothing is changed then.
    pub fn load_encoder(&mut self, checkpoint: &NamedTensors) -> Result<Accounting, EncoderError> {
        let prefix = self.config.trunk.encoder();
        let own = self.weights().into_iter();
        let own = own.filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?.to_owned(), tensor)));
        take_over(&own.collect(), checkpoint)
    }

    /// Takes over all weights, from whatever device.
    ///
    /// # Errors
    /// When they are those of another network. Nothing is changed then.
    pub fn load(&mut self, weights: &NamedTensors) -> Result<(), WeightsError> {
        replace(&self.weights(), weights)
    }

    /// All its tensors. They are its own, not copies.
    #[must_use]
    pub fn weights(&self) -> NamedTensors {
        self.store.variables().into_iter().map(|(name, tensor)| (name, tensor.detach())).collect()
    }

    /// The tensors that training changes. They are its own, not copies.
    #[must_use]
    pub fn trainable(&self) -> NamedTensors {
        self.store.variables().into_iter().filter(|(_, tensor)| tensor.requires_grad()).collect()
    }

    /// How many numbers it holds.
    #[must_use]
    pub fn parameter_counts(&self) -> ParameterCounts {
        let count = |tensors: NamedTensors| tensors.values().map(Tensor::numel).sum();
        ParameterCounts { total: count(self.weights()), trainable: count(self.trainable()) }
    }
}
