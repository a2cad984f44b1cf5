//! An encoder whose frames are masked, for a head to be asked about them.

use affekt_models::wav2vec2::{Spans, Wav2Vec2};
use affekt_models::{Accounting, BuildError, ForwardError, freeze, normalised, take_over};
use affekt_models::{Encoded, SpeechEncoder};
use affekt_spec::encoder::EncoderConfig;
use affekt_spec::network::{Padding, SpansOver};
use affekt_torch::init::Vars;
use affekt_torch::{NamedTensors, Random};
use tch::{Device, Tensor, nn};

use crate::TrainError;
use crate::batches::Batch;
use crate::learner::BatchDraws;

/// An encoder in a store of its own, which a head is put beside.
#[derive(Debug)]
pub struct MaskedEncoder {
    config: EncoderConfig,
    normalise: bool,
    store: nn::VarStore,
    encoder: Wav2Vec2,
    masks: Masks,
}

/// What masks frames of batches.
#[derive(Debug, Clone)]
pub struct Masks {
    config: EncoderConfig,
    spans: Spans,
    spans_over: SpansOver,
}

/// What the names of its parameters begin with, as in transformers' checkpoints.
const ENCODER: &str = "wav2vec2.";

impl MaskedEncoder {
    /// An encoder whose weights are a function of `seed`.
    pub fn new(
        config: &EncoderConfig,
        normalise: bool,
        spans_over: SpansOver,
        gradient_checkpointing: bool,
        seed: u64,
        device: Device,
    ) -> Result<Self, TrainError> {
        let config = EncoderConfig { apply_spec_augment: true, ..config.clone() };
        let store = nn::VarStore::new(device);
        let encoder = Wav2Vec2::new(&(&Vars::new(&store, seed) / "wav2vec2"), &config);
        let mut encoder = encoder.map_err(BuildError::from)?;
        encoder.checkpoint_gradients(gradient_checkpointing);
        let masks = Masks { config: config.clone(), spans: Spans::of_frames(&config), spans_over };
        Ok(Self { config, normalise, store, encoder, masks })
    }

    /// Where a head goes, with weights that are a function of `seed`.
    pub fn beside(&self, seed: u64) -> Vars<'_> {
        Vars::new(&self.store, seed)
    }

    pub const fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Takes parts of the encoder from training, by their names in transformers.
    pub fn freeze(&self, parts: &[&str]) -> Result<(), TrainError> {
        let parts: Vec<String> = parts.iter().map(|part| format!("{ENCODER}{part}.")).collect();
        Ok(freeze(&self.store, &parts.iter().map(String::as_str).collect::<Vec<_>>())?)
    }

    /// All tensors, the head's too.
    pub fn tensors(&self) -> NamedTensors {
        self.store.variables().into_iter().collect()
    }

    /// Takes over the encoder of a checkpoint under transformers' names.
    pub fn load(&self, checkpoint: &NamedTensors) -> Result<Accounting, TrainError> {
        let of_encoder = |(name, tensor): (String, Tensor)| {
            Some((name.strip_prefix(ENCODER)?.to_owned(), tensor.detach()))
        };
        Ok(take_over(&self.tensors().into_iter().filter_map(of_encoder).collect(), checkpoint)?)
    }

    /// The tensors of the head.
    pub fn head(&self) -> NamedTensors {
        let of_head = |(name, _): &(String, Tensor)| !name.starts_with(ENCODER);
        self.tensors().into_iter().filter(of_head).map(|(name, tensor)| (name, tensor.detach())).collect()
    }

    /// How many samples one frame begins after the other.
    pub fn hop(&self) -> usize {
        self.config.conv_stride.iter().product()
    }

    /// What masks frames.
    pub const fn masks(&self) -> &Masks {
        &self.masks
    }

    /// Returns which frames of a batch are masked: `[clips, frames]`, on the CPU. Masks are never behind a clip's end, so
    /// that those of a micro-batch lose nothing with the padding.
    pub fn masked(&self, batch: &Batch) -> Result<Tensor, TrainError> {
        let frames = self.config.frames(batch.inputs.xs.size()[1] as usize) as i64;
        let masked = batch.masked.as_ref().ok_or(TrainError::NotDrawn)?;
        Ok(masked.f_narrow(1, 0, frames)?.f_contiguous()?)
    }

    /// Waveforms `[clips, samples]` encoded, of which rows hold clips of these `lengths` and the encoder hears `heard`; what its
    /// group norm does with padding, `padding` says.
    pub fn encode(
        &self,
        waveforms: &Tensor,
        lengths: &[usize],
        heard: &[usize],
        padding: Padding,
        masked: &Tensor,
        train: bool,
    ) -> Result<Encoded, ForwardError> {
        let waveforms = match self.normalise {
            true => normalised(waveforms, lengths),
            false => waveforms.shallow_clone(),
        };
        Ok(self.encoder.forward_masked_t(&waveforms, heard, padding.when(train), masked, train)?)
    }
}

impl BatchDraws for Masks {
    /// Draws which frames of a batch of clips are masked.
    fn draw(&self, batch: &mut Batch, random: &mut Random) -> Result<(), TrainError> {
        let (waveforms, lengths) = batch.inputs.clips()?;
        let of_clips: Vec<i64> = lengths.iter().map(|&length| self.config.frames(length) as i64).collect();
        let frames = self.config.frames(waveforms.size()[1] as usize) as i64;
        batch.masked = Some(self.spans.mask(&of_clips, frames, self.spans_over, random));
        Ok(())
    }
}
