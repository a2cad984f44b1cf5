//! Mel filterbank: triangles of equal area on Slaney's mel scale.

use affekt_simd::{Level, MOST_LANES, Portable, Register};
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

    /// Returns the weights as a matrix: row-major `[n_mels, n_fft / 2 + 1]`.
    #[must_use]
    pub fn matrix(&self) -> Vec<f32> {
        let mut matrix = vec![0.0; self.bands.len() * self.bins];
        for (band, row) in self.bands.iter().zip(matrix.chunks_exact_mut(self.bins)) {
            row[band.first_bin..band.first_bin + band.weights.len()].copy_from_slice(&band.weights);
        }
        matrix
    }

    /// Computes the mel power spectrogram of a waveform: row-major `[n_mels, frames]`.
    ///
    /// # Panics
    /// Panics if `spectrogram` has another `n_fft` than the bands.
    #[must_use]
    pub fn spectrogram(&self, spectrogram: &PowerSpectrogram, samples: &[f32]) -> Vec<f32> {
        assert_eq!(spectrogram.bins(), self.bins, "the bands and the spectra must have the same n_fft");
        match Level::highest() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has them.
            Level::Avx512 | Level::Vnni => unsafe { self.spectrogram_avx512(spectrogram, samples) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx2 => unsafe { self.spectrogram_avx2(spectrogram, samples) },
            _ => self.spectrogram_with::<Portable>(spectrogram, samples),
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx2,fma")]
    fn spectrogram_avx512(&self, spectrogram: &PowerSpectrogram, samples: &[f32]) -> Vec<f32> {
        self.spectrogram_with::<std::arch::x86_64::__m512>(spectrogram, samples)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn spectrogram_avx2(&self, spectrogram: &PowerSpectrogram, samples: &[f32]) -> Vec<f32> {
        self.spectrogram_with::<std::arch::x86_64::__m256>(spectrogram, samples)
    }

    #[inline(always)]
    fn spectrogram_with<V: Register>(&self, spectrogram: &PowerSpectrogram, samples: &[f32]) -> Vec<f32> {
        let frames = spectrogram.frames(samples.len());
        let mut output = vec![0.0; self.bands.len() * frames];
        let batch = 2 * V::LANES;
        let mut batches = spectrogram.batches::<V>(samples);
        while let Some((first, powers)) = batches.next::<V>() {
            let count = batch.min(frames.saturating_sub(first));
            for (band, row) in self.bands.iter().zip(output.chunks_exact_mut(frames)) {
                let mut sums = [V::zero(); 2];
                let powers = powers[band.first_bin * batch..].chunks_exact(batch);
                for (weight, power) in band.weights.iter().zip(powers) {
                    let weight = V::splat(*weight);
                    // SAFETY: a batch is two registers.
                    unsafe {
                        sums[0] = weight.mul_add(V::load(power.as_ptr()), sums[0]);
                        sums[1] = weight.mul_add(V::load(power.as_ptr().add(V::LANES)), sums[1]);
                    }
                }
                let mut values = [0.0; 2 * MOST_LANES];
                sums[0].store(&mut values);
                sums[1].store(&mut values[V::LANES..]);
                row[first..first + count].copy_from_slice(&values[..count]);
            }
        }
        output
    }
}
