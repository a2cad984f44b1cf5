//! Power spectrogram: the short-time Fourier transform with librosa's framing.

use std::cell::RefCell;
use std::f64::consts::TAU;

use affekt_fft::{Batch, Signals};
use affekt_simd::Register;

use crate::error::{FeatureError, at_least};

/// Power spectra of centred, Hann-windowed frames (`librosa.stft` with `center=True`, `pad_mode="constant"`, then the
/// squared magnitude); created once.
pub struct PowerSpectrogram {
    n_fft: usize,
    hop_length: usize,
    window: Vec<f32>,
    fft: Batch,
}

/// Buffers of a thread, for the next waveform: to map and clear their pages takes as long as a transform.
#[derive(Default)]
struct Room {
    columns: Vec<f32>,
    signals: Option<(Signals, Signals)>,
    powers: Vec<f32>,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
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
        Ok(Self { n_fft, hop_length, window, fft: Batch::new(n_fft) })
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

    /// Calls `each` with the first frame and the power spectra of twice as many frames as a register has lanes, bin by bin:
    /// `[bins, 2 · lanes]`. Behind the last frame, values mean nothing. Callers that reduce a spectrum to bands never hold the
    /// whole spectrogram.
    #[inline(always)]
    pub(crate) fn for_each_batch<V: Register>(&self, samples: &[f32], mut each: impl FnMut(usize, &[f32])) {
        ROOM.with_borrow_mut(|room| {
            let batch = 2 * V::LANES;
            let padded_frames = self.frames(samples.len()).next_multiple_of(batch);
            let columns = padded_frames + (self.n_fft - 1) / self.hop_length;
            self.lay_out(samples, columns, &mut room.columns);
            let values = self.n_fft * V::LANES;
            if room.signals.as_ref().is_none_or(|(signals, _)| signals.re.len() < values) {
                room.signals = Some((Signals::new(self.n_fft, V::LANES), Signals::new(self.n_fft, V::LANES)));
            }
            let Some((signals, scratch)) = &mut room.signals else { return };
            room.powers.resize(self.bins() * batch, 0.0);
            for first in (0..padded_frames).step_by(batch) {
                self.window::<V>(&room.columns[first..], columns, signals);
                self.fft.forward::<V>(signals, scratch);
                self.powers::<V>(signals, &mut room.powers);
                each(first, &room.powers);
            }
        });
    }

    /// Lays samples out so that sample n of one frame and of the next one are neighbours: `[hop_length, columns]`, sample
    /// `column · hop_length + row`, half a frame of zeros before the first.
    #[inline(always)]
    fn lay_out(&self, samples: &[f32], columns: usize, into: &mut Vec<f32>) {
        /// Rows at a time: a cache line of samples.
        const ROWS: usize = 16;
        let (half, hop) = (self.n_fft / 2, self.hop_length);
        let rows = hop.min(self.n_fft).next_multiple_of(ROWS);
        into.clear();
        into.resize(rows * columns, 0.0);
        for (first, rows) in (0..).step_by(ROWS).zip(into.chunks_exact_mut(ROWS * columns)) {
            for column in 0..columns {
                let start = column * hop + first;
                if start + ROWS <= half || start >= half + samples.len() {
                    continue;
                }
                for row in half.saturating_sub(start)..ROWS {
                    let Some(sample) = samples.get(start + row - half) else { break };
                    rows[row * columns + column] = *sample;
                }
            }
        }
    }

    /// Windows the frames of a batch: the first `lanes` are real parts and the others imaginary parts, so that two frames
    /// share a transform, which is as little work as a real transform of each and simpler to undo.
    #[inline(always)]
    fn window<V: Register>(&self, samples: &[f32], columns: usize, signals: &mut Signals) {
        let parts = signals.re.chunks_exact_mut(V::LANES).zip(signals.im.chunks_exact_mut(V::LANES));
        let (mut row, mut hops) = (0, 0);
        for (weight, (re, im)) in self.window.iter().zip(parts) {
            let values = &samples[row * columns + hops..][..2 * V::LANES];
            // SAFETY: that many numbers are there.
            let (first, second) =
                unsafe { (V::load(values.as_ptr()), V::load(values.as_ptr().add(V::LANES))) };
            first.mul(V::splat(*weight)).store(re);
            second.mul(V::splat(*weight)).store(im);
            row += 1;
            if row == self.hop_length {
                (row, hops) = (0, hops + 1);
            }
        }
    }

    /// Computes the power spectra of two real signals x and y from Z, the spectrum of x + iy: with Z* the conjugate of Z at
    /// the negative frequency, X = (Z + Z*) / 2 and Y = (Z - Z*) / 2i.
    #[inline(always)]
    fn powers<V: Register>(&self, spectrum: &Signals, powers: &mut [f32]) {
        let quarter = V::splat(0.25);
        let load = |part: &[f32], bin: usize| {
            let values = &part[bin * V::LANES..][..V::LANES];
            // SAFETY: that many numbers are there.
            unsafe { V::load(values.as_ptr()) }
        };
        for (bin, powers) in powers.chunks_exact_mut(2 * V::LANES).enumerate() {
            let mirror = (self.n_fft - bin) % self.n_fft;
            let (re, im) = (load(&spectrum.re, bin), load(&spectrum.im, bin));
            let (mirror_re, mirror_im) = (load(&spectrum.re, mirror), load(&spectrum.im, mirror));
            let (sum_re, difference_re) = (re.add(mirror_re), re.sub(mirror_re));
            let (sum_im, difference_im) = (im.add(mirror_im), im.sub(mirror_im));
            let (x, y) = powers.split_at_mut(V::LANES);
            sum_re.mul_add(sum_re, difference_im.mul(difference_im)).mul(quarter).store(x);
            sum_im.mul_add(sum_im, difference_re.mul(difference_re)).mul(quarter).store(y);
        }
    }
}
