//! Gathers rows into tensors, and draws what is drawn for a whole batch, ahead of the step that computes it.

use std::ops::Range;

use affekt_features::Standardiser;
use affekt_models::{InputShape, Inputs};
use affekt_torch::{Random, f_upload, filled, filled_bytes};
use tch::{Device, Tensor};

use crate::ahead::ahead;
use crate::augment::{Augmentation, Distortion, resampled};
use crate::crop::Window;
use crate::learner::BatchDraws;
use crate::step::is_out_of_memory;
use crate::{Dataset, Target, TrainError};

/// Makes tensors of some examples on a device.
pub struct Loader<'a> {
    pub dataset: &'a dyn Dataset,
    pub standardiser: Option<&'a Standardiser>,
    /// What is taken of each waveform, where not all of it.
    pub window: Option<Window>,
    /// What becomes of each picture, where it is not taken as it is.
    pub augmentation: Option<Augmentation>,
    pub device: Device,
}

/// Some rows on a device.
#[derive(Debug)]
pub struct Batch {
    /// Their numbers in the dataset.
    pub rows: Vec<usize>,
    /// Of waveforms, where the piece that is taken of each begins, in samples.
    pub starts: Vec<usize>,
    /// What a network reads of them.
    pub inputs: Inputs,
    /// What is to be said of each, `[rows]` or `[rows, outputs]`.
    pub targets: Tensor,
    /// Which frames are masked, `[rows, frames]` on the CPU, where the learner draws that itself.
    pub masked: Option<Tensor>,
    /// Of each masked frame, the frames of its row that it is told from, `[rows, frames, negatives]`, where the learner draws such.
    pub negatives: Option<Tensor>,
    /// Numbers that the learner drew for the whole batch before it was divided, `[rows, …]`.
    pub drawn: Option<Tensor>,
}

impl Batch {
    /// Returns a batch for which nothing was drawn.
    #[must_use]
    pub const fn new(rows: Vec<usize>, starts: Vec<usize>, inputs: Inputs, targets: Tensor) -> Self {
        Self { rows, starts, inputs, targets, masked: None, negatives: None, drawn: None }
    }

    /// Divides it into at most so many micro-batches of equal size, but for the last; with all padding where that is asked for.
    pub fn micro_batches(
        &self,
        count: usize,
        padding: bool,
    ) -> impl Iterator<Item = Result<Self, TrainError>> {
        let (rows, size) = (self.rows.len(), self.rows.len().div_ceil(count).max(1));
        (0..rows).step_by(size).map(move |start| self.narrow(start, size.min(rows - start), padding))
    }

    /// Takes some of its rows, without the padding that only the others need unless it is asked for. Masks keep their columns.
    fn narrow(&self, start: usize, count: usize, padding: bool) -> Result<Self, TrainError> {
        let narrowed = |tensor: &Tensor| tensor.f_narrow(0, start as i64, count as i64);
        let xs = narrowed(&self.inputs.xs)?;
        let inputs = match &self.inputs.lengths {
            None => Inputs { xs, lengths: None },
            Some(lengths) => {
                let lengths = lengths[start..start + count].to_vec();
                let longest = lengths.iter().map(|&length| length as i64).max().unwrap_or(0);
                let samples = if padding { xs.size()[1] } else { longest };
                Inputs::waveforms(xs.f_narrow(1, 0, samples)?, lengths)
            }
        };
        Ok(Self {
            rows: self.rows[start..start + count].to_vec(),
            starts: self.starts.get(start..start + count).unwrap_or_default().to_vec(),
            inputs,
            targets: narrowed(&self.targets)?,
            masked: self.masked.as_ref().map(narrowed).transpose()?,
            negatives: self.negatives.as_ref().map(narrowed).transpose()?,
            drawn: self.drawn.as_ref().map(narrowed).transpose()?,
        })
    }
}

/// Calls `each` with what `make` makes of one batch after the other, given by its number and rows. Another thread makes the next ones
/// meanwhile; one that does not fit into memory beside the one that is used is made again after that.
pub fn batches_ahead<T: Send>(
    batches: impl IntoIterator<Item = (usize, Vec<usize>)>,
    make: impl Fn(usize, &[usize]) -> Result<T, TrainError> + Sync,
    mut each: impl FnMut(&[usize], T) -> Result<(), TrainError>,
) -> Result<(), TrainError> {
    let batches: Vec<_> = batches.into_iter().collect();
    let make = |(number, rows): &(usize, Vec<usize>)| make(*number, rows);
    ahead(&batches, make, |batch, made| match made {
        Err(error) if is_out_of_memory(&error) => each(&batch.1, make(batch)?),
        made => each(&batch.1, made?),
    })
}

impl Loader<'_> {
    /// Gathers these rows, with their targets and what `draws` draws for them. Clips that have to be of one length are cut to the shortest.
    pub fn batch(
        &self,
        rows: &[usize],
        one_length: bool,
        draws: Option<&dyn BatchDraws>,
        random: &mut Random,
    ) -> Result<Batch, TrainError> {
        let (inputs, starts) = match self.dataset.input() {
            InputShape::Waveforms => {
                let pieces = if one_length { self.pieces_of_one_length(rows) } else { self.pieces(rows) };
                (self.clips(rows, &pieces)?, pieces.iter().map(|piece| piece.start).collect())
            }
            InputShape::Frames(_) | InputShape::Pictures(_) => (self.inputs(rows)?, Vec::new()),
        };
        let (rows, targets) = (rows.to_vec(), self.targets(rows)?);
        let mut batch = Batch::new(rows, starts, inputs, targets);
        if let Some(draws) = draws {
            draws.draw(&mut batch, random)?;
            batch.negatives = batch.negatives.map(|negatives| self.send(&negatives)).transpose()?;
        }
        Ok(batch)
    }

    /// Gathers what a network reads of these rows.
    pub fn inputs(&self, rows: &[usize]) -> Result<Inputs, TrainError> {
        match self.dataset.input() {
            InputShape::Frames(shape) => Ok(Inputs::frames(self.frames(rows, shape)?)),
            InputShape::Pictures(shape) => Ok(Inputs::pictures(self.pictures(rows, shape)?)),
            InputShape::Waveforms => self.clips(rows, &self.pieces(rows)),
        }
    }

    /// Turns and zooms these rows' pictures, as the augmentation draws. Where the network computes: a thread
    /// beside it would start libtorch's threads once more.
    pub fn distorted(&self, rows: &[usize], inputs: Inputs) -> Result<Inputs, TrainError> {
        if !self.augmentation.is_some_and(|augmentation| augmentation.augment.resamples()) {
            return Ok(inputs);
        }
        let distortions: Vec<_> = rows.iter().filter_map(|&row| self.distortion(row)).collect();
        Ok(Inputs::pictures(resampled(&inputs.xs, &distortions)?))
    }

    fn distortion(&self, row: usize) -> Option<Distortion> {
        self.augmentation.map(|augmentation| augmentation.of(self.dataset.name(row), self.dataset.copy(row)))
    }

    /// Gathers the targets of these rows: classes `[rows]` or values `[rows, outputs]`.
    fn targets(&self, rows: &[usize]) -> Result<Tensor, TrainError> {
        let (mut classes, mut values) = (Vec::new(), Vec::new());
        for &row in rows {
            match self.dataset.target(row) {
                Target::Class(class) => classes.push(class),
                Target::Values(of_row) => values.extend_from_slice(of_row),
            }
        }
        if values.is_empty() {
            return self.send(&Tensor::f_from_slice(&classes)?);
        }
        self.send(&Tensor::f_from_slice(&values)?.f_view([rows.len() as i64, -1])?)
    }

    /// Gathers features `[rows, bands, frames]`, standardised.
    fn frames(&self, rows: &[usize], shape: [usize; 2]) -> Result<Tensor, TrainError> {
        let [bands, frames] = shape;
        let size = bands * frames;
        let xs = filled(&[rows.len() as i64, bands as i64, frames as i64], |values| {
            rows.iter().zip(values.chunks_exact_mut(size)).try_for_each(|(&row, values)| {
                let found = self.dataset.values(row);
                if found.len() != size {
                    return Err(TrainError::Frames { row, found: found.len(), expected: size });
                }
                values.copy_from_slice(found);
                let Some(standardiser) = self.standardiser else { return Ok(()) };
                let applied = standardiser.apply(self.dataset.speaker(row), shape, values);
                applied.map_err(|source| TrainError::Standardise { row, source })
            })
        })?;
        self.send(&xs)
    }

    /// Gathers pixels, bytes `[rows, channels, height, width]`, mirrored where that was drawn.
    fn pictures(&self, rows: &[usize], shape: [usize; 3]) -> Result<Tensor, TrainError> {
        let [channels, height, width] = shape;
        let size = channels * height * width;
        let shape = [rows.len(), channels, height, width].map(|side| side as i64);
        let xs = filled_bytes(&shape, |pixels| {
            rows.iter().zip(pixels.chunks_exact_mut(size)).try_for_each(|(&row, pixels)| {
                let found = self.dataset.pixels(row);
                if found.len() != size {
                    return Err(TrainError::Frames { row, found: found.len(), expected: size });
                }
                pixels.copy_from_slice(found);
                if self.distortion(row).is_some_and(|distortion| distortion.mirrored) {
                    pixels.chunks_exact_mut(width).for_each(<[u8]>::reverse);
                }
                Ok(())
            })
        })?;
        self.send(&xs)
    }

    /// Returns which samples are taken of the waveforms of these rows.
    fn pieces(&self, rows: &[usize]) -> Vec<Range<usize>> {
        self.taken(rows, usize::MAX)
    }

    /// Returns the same, all as long as the shortest of them.
    fn pieces_of_one_length(&self, rows: &[usize]) -> Vec<Range<usize>> {
        let shortest = self.pieces(rows).iter().map(ExactSizeIterator::len).min().unwrap_or(0);
        self.taken(rows, shortest)
    }

    fn taken(&self, rows: &[usize], most: usize) -> Vec<Range<usize>> {
        let of_row = |&row: &usize| {
            let samples = self.dataset.values(row).len();
            match self.window {
                None => 0..samples.min(most),
                Some(window) => {
                    let samples_taken = window.samples.min(most);
                    Window { samples: samples_taken, ..window }.of(self.dataset.name(row), samples)
                }
            }
        };
        rows.iter().map(of_row).collect()
    }

    /// Gathers pieces of the waveforms of these rows: `[rows, samples of the longest]`, zeros behind the others.
    fn clips(&self, rows: &[usize], pieces: &[Range<usize>]) -> Result<Inputs, TrainError> {
        let of_row = |(&row, piece): (&usize, &Range<usize>)| &self.dataset.values(row)[piece.clone()];
        let clips: Vec<&[f32]> = rows.iter().zip(pieces).map(of_row).collect();
        let lengths: Vec<usize> = clips.iter().map(|clip| clip.len()).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let xs = filled(&[rows.len() as i64, longest as i64], |values| {
            for (clip, values) in clips.iter().zip(values.chunks_exact_mut(longest)) {
                let (own, behind) = values.split_at_mut(clip.len());
                own.copy_from_slice(clip);
                behind.fill(0.0);
            }
            Ok::<_, TrainError>(())
        })?;
        Ok(Inputs::waveforms(self.send(&xs)?, lengths))
    }

    fn send(&self, tensor: &Tensor) -> Result<Tensor, TrainError> {
        Ok(f_upload(tensor, self.device)?)
    }
}
