//! Sums up the losses of an epoch, and how many rows were classified correctly. They are left on the device until some have
//! gathered: to read one is to wait for the device.

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

/// What was read of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sums {
    /// Of rows' losses times their weights.
    pub loss: f64,
    /// Of the weights.
    pub weight: f64,
    /// Of the rows that were classified correctly.
    pub correct: f64,
    /// Of the rows that were classified; not a number where some of the epoch's were not counted.
    pub classified: f64,
}

impl Sums {
    /// Returns the mean loss; 0 where no batch held anything to learn from.
    pub fn loss(self) -> f64 {
        if self.weight > 0.0 { self.loss / self.weight } else { 0.0 }
    }

    /// Returns the share of rows that were classified correctly, if all were counted.
    pub fn accuracy(self) -> Option<f64> {
        (self.classified > 0.0).then(|| self.correct / self.classified)
    }
}

/// What rows came to that were computed together.
pub struct RowsLoss {
    /// Their mean loss, a scalar in f32.
    pub loss: Tensor,
    /// Its weight in the mean over the epoch.
    pub weight: f64,
    /// How many of them were classified correctly, a scalar in f32, where rows are classified.
    pub correct: Option<Tensor>,
    /// How many they are.
    pub rows: usize,
}

struct Unread {
    of_rows: RowsLoss,
    /// Which batch of the epoch, from 0, and its learning rate.
    batch: usize,
    lr: f64,
}

impl<'e> Losses<'e> {
    /// Returns the sums of an epoch of these batches, of which some were read already.
    pub fn new(dataset: &'e dyn Dataset, epoch: u32, batches: &'e [Vec<usize>], read: Sums) -> Self {
        Self { dataset, epoch, batches, unread: Vec::new(), read }
    }

    /// Adds the losses of a batch's micro-batches.
    pub fn push(&mut self, batch: usize, lr: f64, of_batch: Vec<RowsLoss>) -> Result<(), TrainError> {
        self.unread.extend(of_batch.into_iter().map(|of_rows| Unread { of_rows, batch, lr }));
        if self.unread.len() >= AT_ONCE { self.flush().map(|_| ()) } else { Ok(()) }
    }

    /// Reads the losses that are still on the device.
    pub fn flush(&mut self) -> Result<Sums, TrainError> {
        if self.unread.is_empty() {
            return Ok(self.read);
        }
        // All in one tensor: the device is waited for once.
        let rows = || self.unread.iter().map(|unread| &unread.of_rows);
        let tensors: Vec<&Tensor> =
            rows().flat_map(|rows| [Some(&rows.loss), rows.correct.as_ref()]).flatten().collect();
        let mut values = Vec::<f64>::try_from(Tensor::f_stack(&tensors, 0)?)?.into_iter();
        let mut value = || values.next().unwrap_or(f64::NAN);
        for Unread { of_rows: RowsLoss { weight, correct, rows, .. }, batch, lr } in self.unread.drain(..) {
            let loss = value();
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
            if correct.is_some() {
                self.read.correct += value();
                self.read.classified += rows as f64;
            }
        }
        Ok(self.read)
    }

    /// Returns the mean of the losses that were read.
    pub fn mean(&self) -> Option<f64> {
        (self.read.weight > 0.0).then(|| self.read.loss())
    }
}
