//! One step: the gradients of a batch, and what the optimiser makes of them.
//!
//! A batch may be computed in parts whose gradients add up to those of the whole: because `accumulate` asks for it, or
//! because memory was used up, in which case there are twice as many parts from then on, for the rest of the training.

use affekt_models::{ForwardError, Inputs, Network};
use affekt_torch::{Adam, Autocast, clip_gradients};
use tch::{Kind, Tensor};

use crate::losses::PartLoss;
use crate::objective::Objective;
use crate::{Examples, Loss, Precision, TrainConfig, TrainError};

/// How a network is applied: [`Network::forward_t`], but where tests use memory up.
pub type Forward<'f> = dyn Fn(&Network, &Inputs, bool) -> Result<Tensor, ForwardError> + 'f;

/// What makes steps.
pub struct Stepper<'a> {
    pub config: &'a TrainConfig,
    pub examples: &'a dyn Examples,
    pub forward: &'a Forward<'a>,
    pub network: Network,
    /// The network's tensors that have gradients.
    pub parameters: Vec<Tensor>,
    pub optimiser: Adam,
    pub objective: Objective,
    /// In how many parts batches are computed.
    pub parts: usize,
}

/// Some rows on the device.
pub struct Batch {
    pub inputs: Inputs,
    pub targets: Tensor,
}

impl Stepper<'_> {
    /// Makes a step with the random numbers of `seed`. Gives the losses of the batch's parts.
    pub fn step(
        &mut self,
        rows: &[usize],
        batch: &Batch,
        seed: u64,
        lr: f64,
    ) -> Result<Vec<PartLoss>, TrainError> {
        let losses = loop {
            tch::manual_seed(seed as i64);
            match self.gradients(rows, batch) {
                Err(error) if is_out_of_memory(&error) => self.divide(rows.len(), error)?,
                losses => break losses?,
            }
        };
        if let Some(max_norm) = self.config.clip_norm {
            clip_gradients(&self.parameters, max_norm)?;
        }
        self.optimiser.config.learning_rate = lr;
        self.optimiser.step()?;
        Ok(losses)
    }

    /// Adds up the gradients of a batch's parts.
    fn gradients(&self, rows: &[usize], batch: &Batch) -> Result<Vec<PartLoss>, TrainError> {
        if self.parts == 1 {
            return Ok(vec![self.part(rows, &batch.inputs, &batch.targets, 1.0)?]);
        }
        let weight = self.objective.weight(self.examples, rows);
        let size = rows.len().div_ceil(self.parts);
        let mut losses = Vec::new();
        for (number, rows) in rows.chunks(size).enumerate() {
            let (start, count) = (number * size, rows.len());
            let share = self.objective.weight(self.examples, rows) / weight;
            let targets = batch.targets.f_narrow(0, start as i64, count as i64)?;
            losses.push(self.part(rows, &narrowed(&batch.inputs, start, count)?, &targets, share)?);
        }
        Ok(losses)
    }

    /// The loss of some rows of a batch. Adds its gradient, times the rows' share of the batch.
    fn part(
        &self,
        rows: &[usize],
        inputs: &Inputs,
        targets: &Tensor,
        share: f64,
    ) -> Result<PartLoss, TrainError> {
        let outputs = {
            let _guard = match self.config.precision {
                Precision::Fp32 => None,
                Precision::Bf16 => Some(Autocast::new(inputs.xs.device(), Kind::BFloat16)?),
            };
            (self.forward)(&self.network, inputs, true)?
        };
        let loss = self.objective.of(&outputs, targets)?;
        if share == 1.0 {
            loss.f_backward()?;
        } else {
            loss.f_mul_scalar(share)?.f_backward()?;
        }
        Ok((loss.f_detach()?, self.objective.weight(self.examples, rows)))
    }

    /// Twice as many parts from now on, because memory was used up by a batch of so many rows.
    fn divide(&mut self, rows: usize, error: TrainError) -> Result<(), TrainError> {
        let most = rows.div_ceil(self.parts);
        let refused = |why: &str| {
            Err(TrainError::OutOfMemory { rows: most, why: why.to_owned(), source: Box::new(error) })
        };
        if most == 1 {
            return refused("try `gradient_checkpointing`, `precision: bf16` or a `crop`");
        }
        if let Some(why) = indivisible(&self.network, self.config.loss) {
            return refused(&format!(
                "{why}: try a smaller `batch_size`, `gradient_checkpointing` or `precision: bf16`"
            ));
        }
        self.parts *= 2;
        // What the failed attempt left.
        self.parameters.iter_mut().for_each(Tensor::zero_grad);
        Ok(())
    }
}

/// Why a batch cannot be computed in parts.
pub fn indivisible(network: &Network, loss: Loss) -> Option<&'static str> {
    if network.has_batch_norm() {
        Some("a batch cannot be computed in parts, for batch norm normalises over all of it")
    } else if loss == Loss::Ccc {
        Some("a batch cannot be computed in parts, for the loss `ccc` is not a sum over its rows")
    } else {
        None
    }
}

/// Some rows of a batch, without the padding that only the others need.
fn narrowed(inputs: &Inputs, start: usize, count: usize) -> Result<Inputs, TrainError> {
    let xs = inputs.xs.f_narrow(0, start as i64, count as i64)?;
    let Some(lengths) = &inputs.lengths else { return Ok(Inputs::frames(xs)) };
    let lengths = lengths[start..start + count].to_vec();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    Ok(Inputs::waveforms(xs.f_narrow(1, 0, longest as i64)?, lengths))
}

/// Whether libtorch said that there is no memory, on whatever device.
pub fn is_out_of_memory(error: &TrainError) -> bool {
    let (TrainError::Torch(error) | TrainError::Forward(ForwardError::Torch(error))) = error else {
        return false;
    };
    let text = error.to_string();
    OUT_OF_MEMORY.iter().any(|words| text.contains(words))
}

/// What CUDA's allocator, cuBLAS and cuDNN, and the CPU's allocator say.
const OUT_OF_MEMORY: [&str; 4] =
    ["out of memory", "ALLOC_FAILED", "can't allocate memory", "not enough memory"];
