//! Gathering rows into tensors.

use std::sync::mpsc;
use std::thread;

use affekt_features::Standardiser;
use affekt_torch::filled;
use tch::{Device, Kind, Tensor};

use crate::{Examples, TrainError};

/// Makes batches of some examples on a device.
pub struct Batches<'a> {
    examples: &'a dyn Examples,
    standardiser: Option<&'a Standardiser>,
    device: Device,
}

/// Some rows on the device.
pub struct Batch {
    /// Values: `[rows, bands, frames]`.
    pub xs: Tensor,
    /// Classes: `[rows]`.
    pub ys: Tensor,
}

/// How many batches are made while one is being used.
const AHEAD: usize = 2;

impl<'a> Batches<'a> {
    pub fn new(examples: &'a dyn Examples, standardiser: Option<&'a Standardiser>, device: Device) -> Self {
        Self { examples, standardiser, device }
    }

    /// Calls `each` with one batch of `size` rows after the other, the last of what is left, and with the rows in
    /// it. Another thread makes the next ones meanwhile.
    pub fn of(
        &self,
        rows: &[usize],
        size: usize,
        mut each: impl FnMut(&[usize], Batch) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        let chunks = || rows.chunks(size.max(1));
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel(AHEAD - 1);
            // Nobody listens any more when `each` failed.
            scope.spawn(move || chunks().try_for_each(|rows| sender.send(self.gather(rows)).ok()));
            // The scope passes on what panics there, which is the only way for a batch not to come.
            chunks().zip(receiver).try_for_each(|(rows, batch)| each(rows, batch?))
        })
    }

    fn gather(&self, rows: &[usize]) -> Result<Batch, TrainError> {
        let shape = self.examples.shape();
        let [bands, frames] = shape;
        let size = bands * frames;
        let xs = filled(&[rows.len() as i64, bands as i64, frames as i64], |values| {
            rows.iter().zip(values.chunks_exact_mut(size)).try_for_each(|(&row, values)| {
                let found = self.examples.frames(row);
                if found.len() != size {
                    return Err(TrainError::Frames { row, found: found.len(), expected: size });
                }
                values.copy_from_slice(found);
                let Some(standardiser) = self.standardiser else { return Ok(()) };
                let applied = standardiser.apply(self.examples.speaker(row), shape, values);
                applied.map_err(|source| TrainError::Standardise { row, source })
            })
        })?;
        let classes: Vec<i64> = rows.iter().map(|&row| self.examples.class(row)).collect();
        Ok(Batch { xs: self.send(xs)?, ys: self.send(Tensor::f_from_slice(&classes)?)? })
    }

    /// To the device, without waiting. The page-locked copy comes from libtorch's pool, which gives its memory
    /// out again only when the transfer is over. All threads queue on the device's one default stream, so whoever
    /// uses the batch comes after its transfer.
    fn send(&self, tensor: Tensor) -> Result<Tensor, TrainError> {
        if self.device == Device::Cpu {
            return Ok(tensor);
        }
        let kind: Kind = tensor.f_kind()?;
        Ok(tensor.f_pin_memory(self.device)?.f_to_device_(
            self.device,
            kind,
            /* non_blocking */ true,
            false,
        )?)
    }
}
