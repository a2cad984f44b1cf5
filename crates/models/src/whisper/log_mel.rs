//! The spectrogram that Whisper reads: 25 ms windows every 10 ms, bands on Slaney's mel scale, logarithms within eight powers of ten
//! below the loudest.

use affekt_features::MelFilterbank;
use affekt_spec::encoder::WhisperConfig;
use affekt_torch::without_autocast;
use tch::{Device, Kind, Tensor};

use crate::wav2vec2::ConfigError;

const RATE_HZ: u32 = 16_000;
const N_FFT: i64 = WhisperConfig::N_FFT as i64;
const HOP: i64 = WhisperConfig::HOP as i64;

/// Window and bands, which are no parameters.
#[derive(Debug)]
pub struct LogMel {
    /// Hann's, `[samples]`.
    window: Tensor,
    /// `[frequencies, bands]`
    bands: Tensor,
}

impl LogMel {
    pub fn new(n_mels: usize, device: Device) -> Result<Self, ConfigError> {
        let bands = MelFilterbank::new(RATE_HZ, N_FFT as usize, n_mels)
            .map_err(|error| ConfigError::Field { field: "num_mel_bins".into(), why: error.to_string() })?;
        let bands = Tensor::from_slice(&bands.matrix()).view([n_mels as i64, N_FFT / 2 + 1]);
        Ok(Self {
            window: Tensor::hann_window(N_FFT, (Kind::Float, device)),
            bands: bands.transpose(0, 1).to_device(device),
        })
    }

    /// Waveforms of one length `[batch, samples]`, mirrored at both ends, to `[batch, bands, samples / 160]`.
    pub fn forward(&self, waveforms: &Tensor) -> Tensor {
        let _guard = tch::no_grad_guard();
        without_autocast(|| {
            let mirrored = waveforms.reflection_pad1d([N_FFT / 2, N_FFT / 2]);
            let frames = mirrored.unfold(1, N_FFT, HOP); // [batch, frames, window]
            let frames = frames.narrow(1, 0, waveforms.size()[1] / HOP); // the last one goes
            let spectrum = (frames * &self.window).fft_rfft(None, -1, "backward");
            let power = spectrum.abs().square(); // [batch, frames, frequencies]
            let mel = power.matmul(&self.bands).clamp_min(1e-10).log10();
            let loudest = mel.amax([1, 2], /* keepdim */ true);
            ((mel.maximum(&(loudest - 8.0)) + 4.0) / 4.0).transpose(1, 2)
        })
    }
}
