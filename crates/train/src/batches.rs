//! Gathering rows into tensors.

use affekt_features::Standardiser;
use tch::{Device, Kind, Tensor};

use crate::{Examples, TrainError};

/// Makes batches of some examples on a device.
pub struct Batches<'a> {
    examples: &'a dyn Examples,
    standardiser: Option<&'a Standardiser>,
    device: Device,
    frames: Vec<f32>,
    classes: Vec<i64>,
}

impl<'a> Batches<'a> {
    pub fn new(examples: &'a dyn Examples, standardiser: Option<&'a Standardiser>, device: Device) -> Self {
        Self { examples, standardiser, device, frames: Vec::new(), classes: Vec::new() }
    }

    /// The batch of these rows: `[rows, bands, frames]` and classes `[rows]`.
    pub fn gather(&mut self, rows: &[usize]) -> Result<(Tensor, Tensor), TrainError> {
        let [bands, frames] = self.examples.shape();
        self.frames.clear();
        self.classes.clear();
        for &row in rows {
            let values = self.examples.frames(row);
            if values.len() != bands * frames {
                return Err(TrainError::Frames { row, found: values.len(), expected: bands * frames });
            }
            let start = self.frames.len();
            self.frames.extend_from_slice(values);
            if let Some(standardiser) = self.standardiser {
                let values = &mut self.frames[start..];
                standardiser
                    .apply(self.examples.speaker(row), [bands, frames], values)
                    .map_err(|source| TrainError::Standardise { row, source })?;
            }
            self.classes.push(self.examples.class(row));
        }
        let shape = [rows.len() as i64, bands as i64, frames as i64];
        let xs = self.send(Tensor::f_from_slice(&self.frames)?.f_view(shape)?)?;
        let ys = self.send(Tensor::f_from_slice(&self.classes)?)?;
        Ok((xs, ys))
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
