//! Power spectrogram: the short-time Fourier transform with librosa's framing.

use std::cell::RefCell;
use std::f64::consts::TAU;

use affekt_fft::{Batch, Signals};
use affekt_simd::{Aligned, Register};

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
    signals: Signals,
    scratch: Signals,
    powers: Aligned,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

/// The power spectra of a waveform, batch by batch.
pub(crate) struct Batches<'s> {
    spectrogram: &'s PowerSpectrogram,
    frames: usize,
    columns: usize,
    next: usize,
    room: Room,
}

impl Batches<'_> {
    /// Computes the power spectra of the next frames, twice as many as a register has lanes: the number of the first, and
    /// `[bins, 2 · lanes]`. Behind the last frame, values mean nothing.
    #[inline(always)]
    pub(crate) fn next<V: Register>(&mut self) -> Option<(usize, &[f32])> {
        let (spectrogram, room, first) = (self.spectrogram, &mut self.room, self.next);
        if first >= self.frames {
            return None;
        }
        self.next += 2 * V::LANES;
        spectrogram.window::<V>(&room.columns[first..], self.columns, &mut room.signals);
        spectrogram.fft.forward::<V>(&mut room.signals, &mut room.scratch);
        spectrogram.powers::<V>(&room.signals, &mut room.powers);
        Some((first, &room.powers))
    }
}

impl Drop for Batches<'_> {
    fn drop(&mut self) {
        ROOM.set(std::mem::take(&mut self.room));
    }
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

    /// Begins the power spectra of a waveform, as many frames at a time as registers take. Callers that reduce a spectrum to
    /// bands never hold the whole spectrogram.
    #[inline(always)]
    pub(crate) fn batches<V: Register>(&self, samples: &[f32]) -> Batches<'_> {
        let lanes = V::LANES;
        let frames = self.frames(samples.len()).next_multiple_of(2 * lanes);
        let columns = frames + (self.n_fft - 1) / self.hop_length;
        let mut room = ROOM.take();
        self.lay_out(samples, columns, &mut room.columns);
        room.signals.resize(self.n_fft, lanes);
        room.scratch.resize(self.n_fft, lanes);
        room.powers.resize(self.bins() * 2 * lanes);
        Batches { spectrogram: self, frames, columns, next: 0, room }
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
            let mut rows = rows.chunks_exact_mut(columns);
            let mut rows: [&mut [f32]; ROWS] = std::array::from_fn(|_| rows.next().unwrap_or_default());
            for column in 0..columns {
                let start = column * hop + first;
                let mut values = [0.0; ROWS];
                if start >= half && start - half + ROWS <= samples.len() {
                    values.copy_from_slice(&samples[start - half..][..ROWS]);
                } else {
                    let there = (half.saturating_sub(start)..ROWS)
                        .zip(samples.iter().skip(start.saturating_sub(half)));
                    there.for_each(|(row, sample)| values[row] = *sample);
                }
                for (row, value) in rows.iter_mut().zip(values) {
                    row[column] = value;
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
