//! Mel filterbank: triangles of equal area on Slaney's mel scale.

use mel_spec::mel::SparseMelFilterbank;

use crate::PowerSpectrogram;
use crate::error::{FeatureError, at_least};

/// `librosa.filters.mel` with its defaults (0 Hz to the Nyquist frequency, `htk=False`, `norm="slaney"`).
pub struct MelFilterbank {
    bins: usize,
    bands: Vec<Band>,
}

/// A triangle, as the weights of consecutive FFT bins.
struct Band {
    first_bin: usize,
    weights: Vec<f32>,
}

impl MelFilterbank {
    /// Creates `n_mels` bands over spectra of `n_fft` samples at `rate_hz`.
    ///
    /// # Errors
    /// Fails if a number is zero.
    pub fn new(rate_hz: u32, n_fft: usize, n_mels: usize) -> Result<Self, FeatureError> {
        at_least("rate_hz", rate_hz as usize, 1)?;
        at_least("n_fft", n_fft, 2)?;
        at_least("n_mels", n_mels, 1)?;
        let filters =
            SparseMelFilterbank::from_mel(f64::from(rate_hz), n_fft, n_mels, None, None, false, true);
        let bands = (0..n_mels).map(|mel| {
            let weights = filters.weights_for_mel(mel);
            // A band narrower than a bin may contain none: librosa gives 0 there, and warns.
            let first_bin = weights.first().map_or(0, |weight| weight.bin);
            Band { first_bin, weights: weights.iter().map(|weight| weight.weight as f32).collect() }
        });
        Ok(Self { bins: filters.fft_bins(), bands: bands.collect() })
    }

    /// Returns the number of bands.
    #[must_use]
    pub const fn n_mels(&self) -> usize {
        self.bands.len()
    }

    /// Computes the mel power spectrogram of a waveform: row-major `[n_mels, frames]`.
    ///
    /// # Panics
    /// Panics if `spectrogram` has another `n_fft` than the bands.
    #[must_use]
    pub fn spectrogram(&self, spectrogram: &PowerSpectrogram, samples: &[f32]) -> Vec<f32> {
        assert_eq!(spectrogram.bins(), self.bins, "the bands and the spectra must have the same n_fft");
        let frames = spectrogram.frames(samples.len());
        let mut output = vec![0.0; self.bands.len() * frames];
        spectrogram.for_each_frame(samples, |frame, power| {
            for (band, row) in self.bands.iter().zip(output.chunks_exact_mut(frames)) {
                row[frame] = dot(&band.weights, &power[band.first_bin..]);
            }
        });
        output
    }
}

/// Computes Σ aᵢ bᵢ in eight interleaved sums, which is more accurate than one and lets the compiler use SIMD.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let b = &b[..a.len()];
    let mut sums = [0.0; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
