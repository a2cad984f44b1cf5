//! The whole encoder: from waveforms to hidden states.

use affekt_spec::encoder::WhisperConfig;
use affekt_torch::init::Vars;
use affekt_torch::{Convolution, gradient_checkpoint};
use tch::nn::Module;
use tch::{Kind, Tensor};

use super::layer::{EPSILON, Layer};
use super::log_mel::LogMel;
use crate::dropout::{by_chance, dropout};
use crate::speech_encoder::{Encoded, SpeechEncoder};
use crate::wav2vec2::{ConfigError, InputError, LayerNorm, Padding, Valid, checked_samples};

/// The encoder of transformers' `WhisperModel`, under its names.
#[derive(Debug)]
pub struct Whisper {
    config: WhisperConfig,
    log_mel: LogMel,
    convolutions: [Conv; 2],
    /// `[max_source_positions, width]`, which is never trained.
    positions: Tensor,
    layers: Vec<Layer>,
    layer_norm: LayerNorm,
    checkpointed: bool,
}

impl Whisper {
    /// An encoder whose weights are a function of the seed of `vars`.
    ///
    /// # Errors
    /// When the configuration contradicts itself.
    pub fn new(vars: &Vars, config: &WhisperConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let vars = vars / "encoder";
        let (width, bands) = (config.d_model as i64, config.num_mel_bins as i64);
        let positions =
            (&vars / "embed_positions").constant("weight", &[config.max_source_positions as i64, width], 0.0);
        let positions = positions.set_requires_grad(false);
        tch::no_grad(|| positions.shallow_clone().copy_(&sines(config)));
        let layers = &vars / "layers";
        Ok(Self {
            config: config.clone(),
            log_mel: LogMel::new(config.num_mel_bins, positions.device())?,
            convolutions: [
                Conv::new(&(&vars / "conv1"), [bands, width], 1, config),
                Conv::new(&(&vars / "conv2"), [width, width], 2, config),
            ],
            positions,
            layers: (0..config.encoder_layers)
                .map(|i| Layer::new(&(&layers / &i.to_string()), config))
                .collect(),
            layer_norm: LayerNorm::new(&(&vars / "layer_norm"), config.d_model, EPSILON),
            checkpointed: false,
        })
    }

    /// The spectrograms `[batch, bands, frames]`, zeros behind those of cut clips, and how many frames of each are heard.
    fn spectrograms(&self, waveforms: &Tensor, lengths: &[usize]) -> (Tensor, Vec<i64>) {
        let clip = |row: usize, length: usize| waveforms.narrow(0, row as i64, 1).narrow(1, 0, length as i64);
        if !self.config.cut_positions {
            let window = self.config.window();
            let rows = lengths
                .iter()
                .enumerate()
                .map(|(row, &length)| clip(row, length).constant_pad_nd([0, (window - length) as i64]));
            let mel = self.log_mel.forward(&Tensor::cat(&rows.collect::<Vec<_>>(), 0));
            let frames = vec![mel.size()[2]; lengths.len()];
            return (mel, frames);
        }
        let mels: Vec<Tensor> = lengths
            .iter()
            .enumerate()
            .map(|(row, &length)| self.log_mel.forward(&clip(row, length)))
            .collect();
        let frames: Vec<i64> = mels.iter().map(|mel| mel.size()[2]).collect();
        let longest = frames.iter().copied().max().unwrap_or(0);
        let padded = mels.iter().zip(&frames).map(|(mel, count)| mel.constant_pad_nd([0, longest - count]));
        (Tensor::cat(&padded.collect::<Vec<_>>(), 0), frames)
    }
}

impl SpeechEncoder for Whisper {
    fn forward_t(
        &self,
        waveforms: &Tensor,
        lengths: &[usize],
        _: Padding,
        train: bool,
    ) -> Result<Encoded, InputError> {
        checked_samples(waveforms, lengths, self.config.least_samples())?;
        let most = self.config.window();
        if let Some(clip) = lengths.iter().position(|&length| length > most) {
            return Err(InputError::Beyond { clip, length: lengths[clip], most });
        }
        let (mel, heard) = self.spectrograms(waveforms, lengths);
        let xs = self.convolutions[0].forward(&mel);
        let valid = Valid::new(heard.clone(), xs.size()[2]);
        let xs = match valid.padding(xs.device()) {
            None => xs,
            Some(padding) => xs.masked_fill(&padding.unsqueeze(1), 0.0),
        };
        let xs = self.convolutions[1].forward(&xs).transpose(1, 2); // [batch, frames, width]
        let features = xs.shallow_clone();
        let frames = xs.size()[1];
        let heard = Valid::new(heard.iter().map(|count| (count + 1) / 2).collect(), frames);
        let attended =
            heard.padding(xs.device()).map(|padding| padding.logical_not().unsqueeze(1).unsqueeze(1));
        let xs = xs + self.positions.narrow(0, 0, frames);

        let mut states = Vec::with_capacity(self.layers.len() + 1);
        let mut xs = dropout(&xs, self.config.dropout, train);
        for layer in &self.layers {
            states.push(xs.shallow_clone());
            if train && by_chance(self.config.encoder_layerdrop) {
                continue;
            }
            xs = if self.checkpointed {
                let (layer, attended) = (layer.shared(), attended.as_ref().map(Tensor::shallow_clone));
                gradient_checkpoint(&[xs], move |inputs| layer.forward(&inputs[0], attended.as_ref(), train))
                    .expect("devices that hold tensors have generators")
            } else {
                layer.forward(&xs, attended.as_ref(), train)
            };
        }
        let last = self.layer_norm.forward(&xs);
        states.push(xs);
        let own = lengths.iter().map(|&length| self.config.frames(length) as i64).collect();
        Ok(Encoded { states, features, last, frames: own })
    }

    fn checkpoint_gradients(&mut self, checkpointed: bool) {
        self.checkpointed = checkpointed;
    }
}

/// A convolution of three frames, and GELU.
#[derive(Debug)]
struct Conv {
    weight: Tensor,
    bias: Tensor,
    convolution: Convolution,
}

impl Conv {
    fn new(vars: &Vars, [inputs, outputs]: [i64; 2], stride: i64, config: &WhisperConfig) -> Self {
        const KERNEL: i64 = 3;
        Self {
            weight: vars.normal("weight", &[outputs, inputs, KERNEL], config.init_std as f32),
            bias: vars.constant("bias", &[outputs], 0.0),
            convolution: Convolution { stride, padding: KERNEL / 2, ..Convolution::default() },
        }
    }

    /// `[batch, inputs, frames] -> [batch, outputs, frames / stride]`
    fn forward(&self, xs: &Tensor) -> Tensor {
        self.convolution.forward(xs, &self.weight, Some(&self.bias)).gelu("none")
    }
}

/// Sines and cosines of frequencies in equal ratios, `[max_source_positions, width]`.
fn sines(config: &WhisperConfig) -> Tensor {
    const SLOWEST: f64 = 10_000.0;
    let half = (config.d_model / 2) as i64;
    let step = SLOWEST.ln() / (half - 1) as f64;
    let on_cpu = (Kind::Float, tch::Device::Cpu);
    let rates = (Tensor::arange(half, on_cpu) * -step).exp();
    let times = Tensor::arange(config.max_source_positions as i64, on_cpu).unsqueeze(1) * rates.unsqueeze(0);
    Tensor::cat(&[times.sin(), times.cos()], 1)
}
