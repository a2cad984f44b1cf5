//! The power spectrogram: short-time Fourier transform in librosa's framing.

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

use crate::error::{FeatureError, at_least};

/// A plan for power spectra of centred, Hann-windowed frames (`librosa.stft` with `center=True`,
/// `pad_mode="constant"`, then the squared magnitude).
pub struct PowerSpectrogram {
    n_fft: usize,
    hop_length: usize,
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
}

impl PowerSpectrogram {
    /// Frames of `n_fft` samples, one every `hop_length`.
    ///
    /// # Errors
    /// When `n_fft` is odd or a number is zero.
    pub fn new(n_fft: usize, hop_length: usize) -> Result<Self, FeatureError> {
        at_least("n_fft", n_fft, 2)?;
        at_least("hop_length", hop_length, 1)?;
        if !n_fft.is_multiple_of(2) {
            return Err(FeatureError::OddFft(n_fft));
        }
        // Periodic: the window's period is n_fft, not n_fft - 1.
        let window = (0..n_fft).map(|n| (0.5 - 0.5 * (TAU * n as f64 / n_fft as f64).cos()) as f32).collect();
        Ok(Self { n_fft, hop_length, window, fft: RealFftPlanner::new().plan_fft_forward(n_fft) })
    }

    /// Frames that `n_samples` samples give.
    #[must_use]
    pub const fn frames(&self, n_samples: usize) -> usize {
        1 + n_samples / self.hop_length
    }

    /// Frequencies per frame, from 0 Hz to the Nyquist frequency.
    #[must_use]
    pub const fn bins(&self) -> usize {
        self.n_fft / 2 + 1
    }

    /// Calls `each` with the number and the power spectrum ([`PowerSpectrogram::bins`] values) of every frame in
    /// turn: callers that reduce a spectrum to bands never hold the whole spectrogram.
    pub fn for_each_frame(&self, samples: &[f32], mut each: impl FnMut(usize, &[f32])) {
        let mut frame = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut power = vec![0.0; self.bins()];
        for number in 0..self.frames(samples.len()) {
            self.window_frame(samples, number * self.hop_length, &mut frame);
            self.fft
                .process_with_scratch(&mut frame, &mut spectrum, &mut scratch)
                .expect("the buffers are the plan's own");
            for (power, bin) in power.iter_mut().zip(&spectrum) {
                *power = bin.norm_sqr();
            }
            each(number, &power);
        }
    }

    /// The windowed frame centred at `centre`, zeros outside the signal.
    fn window_frame(&self, samples: &[f32], centre: usize, frame: &mut [f32]) {
        let half = self.n_fft / 2;
        let missing = half.saturating_sub(centre);
        let start = (centre + missing - half).min(samples.len());
        let inside = &samples[start..samples.len().min(centre + half)];
        let end = missing + inside.len();
        frame[..missing].fill(0.0);
        for ((out, sample), weight) in
            frame[missing..end].iter_mut().zip(inside).zip(&self.window[missing..end])
        {
            *out = sample * weight;
        }
        frame[end..].fill(0.0);
    }
}
