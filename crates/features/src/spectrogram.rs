//! Power spectrogram: the short-time Fourier transform with librosa's framing.

use std::f64::consts::TAU;
use std::sync::Arc;

use affekt_fft::{Complex, Fft};

use crate::error::{FeatureError, at_least};

/// Power spectra of centred, Hann-windowed frames (`librosa.stft` with `center=True`, `pad_mode="constant"`, then the
/// squared magnitude); created once.
pub struct PowerSpectrogram {
    n_fft: usize,
    hop_length: usize,
    window: Vec<f32>,
    fft: Arc<dyn Fft<f32>>,
}

impl PowerSpectrogram {
    /// Prepares frames of `n_fft` samples, one every `hop_length` samples.
    ///
    /// # Errors
    /// Fails if `n_fft` is odd or a number is zero.
    pub fn new(n_fft: usize, hop_length: usize) -> Result<Self, FeatureError> {
        at_least("n_fft", n_fft, 2)?;
        at_least("hop_length", hop_length, 1)?;
        if !n_fft.is_multiple_of(2) {
            return Err(FeatureError::OddFft(n_fft));
        }
        // Periodic: the window's period is n_fft, not n_fft - 1.
        let window = (0..n_fft).map(|n| (0.5 - 0.5 * (TAU * n as f64 / n_fft as f64).cos()) as f32).collect();
        Ok(Self { n_fft, hop_length, window, fft: affekt_fft::forward(n_fft) })
    }

    /// Returns the number of frames of `n_samples` samples.
    #[must_use]
    pub const fn frames(&self, n_samples: usize) -> usize {
        1 + n_samples / self.hop_length
    }

    /// Returns the number of frequencies per frame, from 0 Hz to the Nyquist frequency.
    #[must_use]
    pub const fn bins(&self) -> usize {
        self.n_fft / 2 + 1
    }

    /// Calls `each` with the index and the power spectrum ([`PowerSpectrogram::bins`] values) of every frame in order:
    /// callers that reduce a spectrum to bands never hold the whole spectrogram.
    pub fn for_each_frame(&self, samples: &[f32], mut each: impl FnMut(usize, &[f32])) {
        let mut pair = vec![Complex::default(); self.n_fft];
        let mut scratch = vec![Complex::default(); self.fft.get_inplace_scratch_len()];
        let mut even = vec![0.0; self.bins()];
        let mut odd = vec![0.0; self.bins()];
        let frames = self.frames(samples.len());
        // Two frames are the real and the imaginary part of one transform, which is as little work as a real
        // transform of each and simpler to undo.
        for number in (0..frames).step_by(2) {
            pair.fill(Complex::default());
            self.place(samples, number, &mut pair, |value| &mut value.re);
            self.place(samples, number + 1, &mut pair, |value| &mut value.im);
            self.fft.process_with_scratch(&mut pair, &mut scratch);
            separate(&pair, &mut even, &mut odd);
            each(number, &even);
            if number + 1 < frames {
                each(number + 1, &odd);
            }
        }
    }

    /// Copies the windowed frame `number` to one part of `pair`, which is zero there.
    fn place(
        &self,
        samples: &[f32],
        number: usize,
        pair: &mut [Complex<f32>],
        part: impl Fn(&mut Complex<f32>) -> &mut f32,
    ) {
        let half = self.n_fft / 2;
        let centre = number * self.hop_length;
        let missing = half.saturating_sub(centre);
        let start = (centre + missing - half).min(samples.len());
        let inside = &samples[start..samples.len().min(centre + half)];
        for ((value, sample), weight) in pair[missing..].iter_mut().zip(inside).zip(&self.window[missing..]) {
            *part(value) = sample * weight;
        }
    }
}

/// Computes the power spectra of two real signals x and y from Z, the spectrum of x + iy: with Z* the conjugate of Z at
/// the negative frequency, X = (Z + Z*) / 2 and Y = (Z - Z*) / 2i.
fn separate(spectrum: &[Complex<f32>], x: &mut [f32], y: &mut [f32]) {
    x[0] = spectrum[0].re * spectrum[0].re;
    y[0] = spectrum[0].im * spectrum[0].im;
    let negative = spectrum.iter().rev();
    for (((z, mirror), x), y) in spectrum[1..].iter().zip(negative).zip(&mut x[1..]).zip(&mut y[1..]) {
        let (sum_re, difference_re) = (z.re + mirror.re, z.re - mirror.re);
        let (sum_im, difference_im) = (z.im + mirror.im, z.im - mirror.im);
        *x = 0.25 * (sum_re * sum_re + difference_im * difference_im);
        *y = 0.25 * (sum_im * sum_im + difference_re * difference_re);
    }
}
