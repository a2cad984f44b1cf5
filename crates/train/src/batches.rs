//! Gathering rows into tensors.

use tch::{Device, Kind, Tensor};

use crate::standardise::checked;
use crate::{Examples, Standardise, TrainError};

/// Makes batches of some examples on a device.
pub struct Batches<'a> {
    examples: &'a dyn Examples,
    standardise: Option<(Tensor, Tensor)>,
    device: Device,
    frames: Vec<f32>,
    classes: Vec<i64>,
}

impl<'a> Batches<'a> {
    pub fn new(
        examples: &'a dyn Examples,
        standardise: Option<&Standardise>,
        device: Device,
    ) -> Result<Self, TrainError> {
        let standardise = standardise.map(|s| s.tensors(examples.shape()[0], device)).transpose()?;
        Ok(Self { examples, standardise, device, frames: Vec::new(), classes: Vec::new() })
    }

    /// The batch of these rows: `[rows, bands, frames]` and classes `[rows]`.
    pub fn gather(&mut self, rows: &[usize]) -> Result<(Tensor, Tensor), TrainError> {
        let [bands, frames] = self.examples.shape();
        self.frames.clear();
        self.classes.clear();
        for &row in rows {
            self.frames.extend_from_slice(checked(self.examples.frames(row), row, bands * frames)?);
            self.classes.push(self.examples.class(row));
        }
        let shape = [rows.len() as i64, bands as i64, frames as i64];
        let xs = self.send(Tensor::f_from_slice(&self.frames)?.f_view(shape)?)?;
        let ys = self.send(Tensor::f_from_slice(&self.classes)?)?;
        let Some((mean, std)) = &self.standardise else { return Ok((xs, ys)) };
        Ok((xs.f_sub(mean)?.f_div(std)?, ys))
    }

    /// To the device, without waiting. The page-locked copy comes from libtorch's pool, which gives its memory
    /// out again only when the transfer is over.
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
