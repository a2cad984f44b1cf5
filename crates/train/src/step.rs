//! One step: the gradients of a batch, and what the optimiser makes of them.
//!
//! A batch may be computed in parts whose gradients add up to those of the whole: because `accumulate` asks for it, or
//! because memory was used up, in which case there are twice as many parts from then on, for the rest of the training.

use affekt_models::{ForwardError, Inputs, Network};
use affekt_torch::{Adam, Autocast, clip_gradients};
use tch::{Kind, Tensor};

use crate::losses::PartLoss;
use crate::objective::Objective;
use crate::{Dataset, Loss, Precision, TrainConfig, TrainError};

/// How a network is applied: [`Network::forward_t`], but where tests use memory up.
pub type Forward<'f> = dyn Fn(&Network, &Inputs, bool) -> Result<Tensor, ForwardError> + 'f;

/// What makes steps.
pub struct Stepper<'a> {
    pub config: &'a TrainConfig,
    pub dataset: &'a dyn Dataset,
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
        let weight = self.objective.weight(self.dataset, rows);
        let size = rows.len().div_ceil(self.parts);
        let mut losses = Vec::new();
        for (number, rows) in rows.chunks(size).enumerate() {
            let (start, count) = (number * size, rows.len());
            let share = self.objective.weight(self.dataset, rows) / weight;
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
        Ok((loss.f_detach()?, self.objective.weight(self.dataset, rows)))
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
        // Those that the failed attempt left.
        self.optimiser.forget_gradients()?;
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
    let Some(lengths) = &inputs.lengths else { return Ok(Inputs { xs, lengths: None }) };
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

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::ops::ControlFlow;

    use affekt_domain::{Role, Task};
    use affekt_models::InputShape;
    use affekt_spec::network::{MlpConfig, NetworkConfig};
    use affekt_torch::{Checkpoint, Random};
    use tch::{Device, TchError};

    use super::*;
    use crate::predict::predict_with;
    use crate::training::train_with;
    use crate::{BatchLimit, Progress, Stopping, Target, Trained, Training, TrainingPart};

    /// 20 rows of noise in two classes.
    struct Noise(Vec<Vec<f32>>);

    impl Noise {
        fn new() -> Self {
            let mut random = Random::new(1, "noise");
            Self((0..20).map(|_| (0..6).map(|_| random.normal()).collect()).collect())
        }
    }

    impl Dataset for Noise {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn input(&self) -> InputShape {
            InputShape::Frames([2, 3])
        }
        fn values(&self, row: usize) -> &[f32] {
            &self.0[row]
        }
        fn target(&self, row: usize) -> Target<'_> {
            Target::Class(row as i64 % 2)
        }
        fn name(&self, _: usize) -> &str {
            "noise"
        }
        fn speaker(&self, _: usize) -> &str {
            "C/1"
        }
        fn role(&self, _: usize) -> Option<Role> {
            Some(Role::Train)
        }
    }

    fn network() -> NetworkConfig {
        NetworkConfig::Mlp(MlpConfig { hidden: vec![8], dropout: 0.3, ..MlpConfig::default() })
    }

    fn config(accumulate: usize) -> TrainConfig {
        let stopping = Stopping::Fixed;
        TrainConfig { batch_size: 10, max_epochs: 2, accumulate, stopping, ..TrainConfig::default() }
    }

    /// Trains, and lists where memory was used up.
    fn run(forward: &Forward, config: &TrainConfig) -> (Result<Trained, TrainError>, Vec<(usize, usize)>) {
        affekt_torch::device::set_threads(1);
        let dataset = Noise::new();
        let training = Training {
            network: &network(),
            config,
            encoder: None,
            task: &Task::Classes(["a", "b"].map(str::to_owned).into()),
            seed: 1,
            trained_on: &TrainingPart::of(&dataset),
            selected_on: None,
            refitted_on: None,
            standardiser: None,
            device: Device::Cpu,
            resume: None,
        };
        let mut seen = Vec::new();
        let trained = train_with(forward, &training, &mut |progress| {
            if let Progress::OutOfMemory { batch, parts, .. } = progress {
                seen.push((batch, parts));
            }
            ControlFlow::Continue(())
        });
        (trained, seen)
    }

    fn bytes(trained: Trained) -> Vec<u8> {
        Checkpoint { tensors: trained.weights, ..Checkpoint::default() }.to_bytes().unwrap()
    }

    fn used_up() -> Result<Tensor, ForwardError> {
        let said = "CUDA out of memory. Tried to allocate 20.00 MiB.\nException raised from malloc";
        Err(ForwardError::Torch(TchError::Torch(said.to_owned()).into()))
    }

    #[test]
    fn used_up_memory_makes_more_parts_of_the_same_batches() {
        // Of ten rows none can be computed at once, of five the first five can: their gradients must be forgotten.
        let fives = Cell::new(0);
        let forward = |network: &Network, inputs: &Inputs, train: bool| {
            let rows = inputs.xs.size()[0];
            fives.set(fives.get() + usize::from(rows == 5));
            if rows > 5 || (rows == 5 && fives.get() == 2) {
                used_up()
            } else {
                network.forward_t(inputs, train)
            }
        };
        let (trained, seen) = run(&forward, &config(1));
        let trained = trained.unwrap();
        assert_eq!((trained.parts, seen), (4, vec![(1, 4)]));
        assert_eq!(fives.get(), 2, "what was learnt was not remembered");
        let (asked_for, _) = run(&Network::forward_t, &config(4));
        assert!(bytes(trained) == bytes(asked_for.unwrap()));
    }

    #[test]
    fn used_up_memory_later_on_changes_the_rest() {
        let calls = Cell::new(0);
        let forward = |network: &Network, inputs: &Inputs, train: bool| {
            calls.set(calls.get() + 1);
            if calls.get() == 2 { used_up() } else { network.forward_t(inputs, train) }
        };
        let (trained, seen) = run(&forward, &config(1));
        assert_eq!((trained.unwrap().parts, seen), (2, vec![(2, 2)]));
        assert_eq!(calls.get(), 1 + 1 + 2 + 2 * 2, "a step, a failure, the step again, two more steps");
    }

    #[test]
    fn memory_for_not_even_one_row_is_an_error_and_so_is_any_other_failure() {
        let rows = RefCell::new(Vec::new());
        let forward = |_: &Network, inputs: &Inputs, _: bool| {
            rows.borrow_mut().push(inputs.xs.size()[0]);
            used_up()
        };
        let error = run(&forward, &config(1)).0.map(|_| ()).unwrap_err().to_string();
        assert_eq!(*rows.borrow(), [10, 5, 3, 2, 1]);
        assert_eq!(
            error,
            "memory is used up by 1 rows at once: try `gradient_checkpointing`, `precision: bf16` or a `crop`; \
             the network: libtorch: CUDA out of memory. Tried to allocate 20.00 MiB."
        );
        let broken = |_: &Network, _: &Inputs, _: bool| {
            Err(ForwardError::Torch(TchError::Torch("an illegal memory access".into()).into()))
        };
        let (other, seen) = run(&broken, &config(1));
        assert!(matches!(other, Err(TrainError::Forward(_))) && seen.is_empty());
    }

    #[test]
    fn used_up_memory_in_predicting_halves_the_batch() {
        let dataset = Noise::new();
        let part = TrainingPart::of(&dataset);
        let network = Network::new(&network(), &dataset.input(), 2, 1, Device::Cpu).unwrap();
        let forward = |network: &Network, inputs: &Inputs, train: bool| {
            if inputs.xs.size()[0] > 3 { used_up() } else { network.forward_t(inputs, train) }
        };
        let limit = BatchLimit::rows(9);
        let predicted = predict_with(&forward, &network, &part, None, limit).unwrap();
        let alone = predict_with(&Network::forward_t, &network, &part, None, BatchLimit::rows(1)).unwrap();
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(predicted.len() == 20 && predicted.iter().zip(&alone).all(|(a, b)| close(a, b)));
    }
}
