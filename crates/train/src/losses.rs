//! Sums up the losses of an epoch. They are left on the device until some have gathered: to read one is to wait for the device.

use tch::Tensor;

use crate::{Dataset, TrainError};

/// They are read so many at a time.
const AT_ONCE: usize = 32;

/// Sums up the losses of an epoch.
pub struct Losses<'e> {
    dataset: &'e dyn Dataset,
    epoch: u32,
    batches: &'e [Vec<usize>],
    unread: Vec<Unread>,
    read: Sums,
}

/// What was read of an epoch's losses.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sums {
    /// Of rows' losses times their weights.
    pub loss: f64,
    /// Of the weights.
    pub weight: f64,
}

struct Unread {
    /// A scalar.
    loss: Tensor,
    weight: f64,
    /// Which batch of the epoch, from 0, and its learning rate.
    batch: usize,
    lr: f64,
}

/// The mean loss of rows that were computed together, and their weight.
pub type MeanLoss = (Tensor, f64);

impl<'e> Losses<'e> {
    /// Returns the sums of an epoch of these batches, of which some were read already.
    pub fn new(dataset: &'e dyn Dataset, epoch: u32, batches: &'e [Vec<usize>], read: Sums) -> Self {
        Self { dataset, epoch, batches, unread: Vec::new(), read }
    }

    /// Adds the losses of a batch's micro-batches.
    pub fn push(&mut self, batch: usize, lr: f64, of_batch: Vec<MeanLoss>) -> Result<(), TrainError> {
        self.unread.extend(of_batch.into_iter().map(|(loss, weight)| Unread { loss, weight, batch, lr }));
        if self.unread.len() >= AT_ONCE { self.flush().map(|_| ()) } else { Ok(()) }
    }

    /// Reads the losses that are still on the device.
    pub fn flush(&mut self) -> Result<Sums, TrainError> {
        if self.unread.is_empty() {
            return Ok(self.read);
        }
        let tensors: Vec<&Tensor> = self.unread.iter().map(|unread| &unread.loss).collect();
        let losses = Vec::<f64>::try_from(Tensor::f_stack(&tensors, 0)?)?;
        for (loss, Unread { weight, batch, lr, .. }) in losses.into_iter().zip(self.unread.drain(..)) {
            if !loss.is_finite() {
                let names = self.batches[batch].iter().map(|&row| self.dataset.name(row).to_owned());
                return Err(TrainError::NotFinite {
                    loss,
                    epoch: self.epoch,
                    batch: batch + 1,
                    batches: self.batches.len(),
                    lr,
                    utterances: names.collect(),
                });
            }
            self.read.loss += loss * weight;
            self.read.weight += weight;
        }
        Ok(self.read)
    }

    /// Returns the mean of the losses that were read.
    pub fn mean(&self) -> Option<f64> {
        (self.read.weight > 0.0).then(|| self.read.loss / self.read.weight)
    }
}
