//! One step: the gradients of a batch, and what the optimiser makes of them.
//!
//! A batch may be computed in micro-batches whose gradients add up to those of the whole: because `gradient_accumulation_steps` asks for it, or
//! because memory was used up, in which case there are twice as many from then on, for the rest of the training.

use affekt_models::ForwardError;
use affekt_spec::LibraryDefaults;
use affekt_torch::{
    Adam, AdamConfig, Autocast, GradScaler, HeldNumerics, NamedTensors, Numerics, clip_gradients,
    prove_layers,
};
use tch::{Device, Kind, Tensor};

use crate::batches::Batch;
use crate::divided::Divided;
use crate::learner::{BatchLoss, Learner};
use crate::losses::RowsLoss;
use crate::memory_advice::memory_advice;
use crate::rates::Rates;
use crate::{Optimisation, Optimiser, Precision, TrainConfig, TrainError};

/// What makes steps.
pub struct Stepper {
    precision: Precision,
    clip_norm: Option<f64>,
    /// The learner's tensors that have gradients, and their names.
    parameters: Vec<Tensor>,
    names: Vec<String>,
    rates: Rates,
    optimiser: Adam,
    /// What scales the losses of a training in fp16.
    scaler: Option<GradScaler>,
    /// In how many micro-batches batches are computed.
    pub micro_batches: usize,
    /// What to try where memory is used up.
    advice: String,
}

impl Stepper {
    /// Returns one that has made no step.
    pub fn new<L: Learner + ?Sized>(config: &TrainConfig, learner: &L) -> Result<Self, TrainError> {
        let steps = config.optimisation.gradient_accumulation_steps;
        let advice = memory_advice(&config.optimisation, learner);
        if steps > 1
            && let Some(why) = learner.indivisible()
        {
            return Err(TrainError::Indivisible { steps, why, advice });
        }
        let trainable = learner.trainable();
        if trainable.is_empty() {
            return Err(TrainError::AllFrozen);
        }
        let rates = Rates::new(&config.optimisation, trainable.keys())?;
        let adam = adam(&config.optimisation);
        let precision = config.optimisation.precision;
        let device = trainable.values().next().map_or(Device::Cpu, Tensor::device);
        prove(precision, device)?;
        let scaler = (precision == Precision::Fp16).then(|| GradScaler::new(device)).transpose()?;
        Ok(Self {
            precision,
            scaler,
            clip_norm: config.optimisation.clip_norm,
            optimiser: Adam::with_factors(learner.trainable(), adam, |name| rates.factor(name)),
            rates,
            names: trainable.keys().cloned().collect(),
            parameters: trainable.into_values().collect(),
            micro_batches: steps,
            advice,
        })
    }

    /// Has those parameters learn that an epoch, from 1, trains; all of them where there is none.
    pub fn unfreeze(&self, epoch: Option<u32>) -> Result<(), TrainError> {
        if self.rates.is_gradual() {
            for (name, parameter) in self.names.iter().zip(&self.parameters) {
                let learns = epoch.is_none_or(|epoch| self.rates.learns(name, epoch));
                let _ = parameter.f_set_requires_grad(learns)?;
            }
        }
        Ok(())
    }

    /// Makes a step, with libtorch's generator seeded with `seed`, which begins anew where the batch has to be divided. Returns the losses
    /// of the micro-batches; none where there was nothing to learn from, and then nothing is changed. `heard` hears of micro-batches.
    pub fn step<L: Learner + ?Sized>(
        &mut self,
        learner: &L,
        batch: &mut Batch,
        seed: i64,
        lr: f64,
        heard: &mut MicroBatchProgress,
    ) -> Result<Vec<RowsLoss>, TrainError> {
        // The backward pass rounds as the forward pass did.
        let _tf32 = tf32(self.precision);
        let losses = loop {
            match self.gradients(learner, batch, seed, heard) {
                Err(error) if is_out_of_memory(&error) => self.divide(learner, batch.rows.len(), error)?,
                losses => break losses?,
            }
        };
        if losses.is_empty() {
            return Ok(losses);
        }
        if let Some(scaler) = &mut self.scaler {
            scaler.unscale(&self.parameters)?;
        }
        if let Some(max_norm) = self.clip_norm {
            clip_gradients(&self.parameters, max_norm)?;
        }
        self.optimiser.config.learning_rate = lr;
        self.optimiser.step_unless(self.scaler.as_ref().map(GradScaler::found_inf))?;
        if let Some(scaler) = &mut self.scaler {
            scaler.update()?;
        }
        Ok(losses)
    }

    /// Returns what the optimiser remembers between steps, and the scale of losses where they are scaled.
    pub fn state(&self) -> NamedTensors {
        let mut state = self.optimiser.state();
        state.extend(self.scaler.iter().flat_map(GradScaler::state));
        state
    }

    /// Goes on from such a state.
    pub fn load_state(&mut self, state: &NamedTensors) -> Result<(), TrainError> {
        self.optimiser.load_state(state)?;
        self.scaler.as_mut().map_or(Ok(()), |scaler| scaler.load_state(state))?;
        Ok(())
    }

    /// Returns whether gradients overflow however small losses are made. Waits for the device.
    pub fn overflows(&self) -> Result<bool, TrainError> {
        Ok(self.scaler.as_ref().map(GradScaler::has_given_up).transpose()?.unwrap_or(false))
    }

    /// Adds up the gradients of a batch's micro-batches.
    fn gradients<L: Learner + ?Sized>(
        &self,
        learner: &L,
        batch: &mut Batch,
        seed: i64,
        heard: &mut MicroBatchProgress,
    ) -> Result<Vec<RowsLoss>, TrainError> {
        tch::manual_seed(seed);
        let Self { precision, micro_batches, .. } = *self;
        if micro_batches > 1 {
            let divided = Divided { learner, precision, micro_batches };
            return divided.gradients(batch, |loss| self.backward(loss), heard);
        }
        let weights = learner.loss_weights(batch)?;
        if weights.epoch == 0.0 {
            return Ok(Vec::new());
        }
        let BatchLoss { terms, correct } = {
            let _guard = autocast(precision, batch)?;
            learner.loss(batch, /* train */ true)?
        };
        let loss = loss_of(&terms)?;
        self.backward(&loss)?;
        let (loss, weight, rows) = (loss.f_detach()?, weights.epoch, batch.rows.len());
        Ok(vec![RowsLoss { loss, weight, correct, rows }])
    }

    /// Adds the gradients of a loss.
    fn backward(&self, loss: &Tensor) -> Result<(), TrainError> {
        match &self.scaler {
            Some(scaler) => scaler.scaled(loss)?.f_backward()?,
            None => loss.f_backward()?,
        }
        Ok(())
    }

    /// Takes twice as many micro-batches from now on, because memory was used up by a batch of so many rows.
    fn divide<L: Learner + ?Sized>(
        &mut self,
        learner: &L,
        rows: usize,
        error: TrainError,
    ) -> Result<(), TrainError> {
        let most = rows.div_ceil(self.micro_batches);
        if most == 1 || learner.indivisible().is_some() {
            let why = learner.indivisible().filter(|_| most > 1);
            let why = why.map_or_else(String::new, |why| format!("{why}: "));
            let why = format!("{why}try {}", self.advice);
            return Err(TrainError::OutOfMemory { rows: most, why, source: Box::new(error) });
        }
        self.micro_batches *= 2;
        // Those that the failed attempt left.
        self.optimiser.forget_gradients()?;
        Ok(())
    }
}

/// While it lives, libtorch computes in a training's precision.
pub struct InPrecision {
    _autocast: Option<Autocast>,
    _tf32: Option<HeldNumerics>,
}

/// Has libtorch compute in a training's precision while what is returned is held.
pub fn autocast(precision: Precision, batch: &Batch) -> Result<InPrecision, TrainError> {
    let cast = |kind| Autocast::new(batch.inputs.xs.device(), kind);
    Ok(InPrecision { _autocast: half(precision).map(cast).transpose()?, _tf32: tf32(precision) })
}

/// Returns what autocast computes in, where a precision asks for it.
fn half(precision: Precision) -> Option<Kind> {
    match precision {
        Precision::Fp32 | Precision::Tf32 => None,
        Precision::Bf16 => Some(Kind::BFloat16),
        Precision::Fp16 => Some(Kind::Half),
    }
}

/// Allows GPUs to round to TF32 while what is returned is held, where a precision asks for it.
fn tf32(precision: Precision) -> Option<HeldNumerics> {
    (precision == Precision::Tf32).then(|| Numerics { tf32: true, ..Numerics::now() }.hold())
}

/// Refuses a precision in which this device computes garbage. Convolutions are proven where they are met, and computed in f32
/// where they are wrong.
fn prove(precision: Precision, device: Device) -> Result<(), TrainError> {
    let Some(kind) = half(precision) else { return Ok(()) };
    match prove_layers(device, kind).into_iter().find(|proof| !proof.holds()) {
        Some(proof) => Err(TrainError::WrongInHalfPrecision { layer: proof.layer, error: proof.error }),
        None => Ok(()),
    }
}

/// Returns the loss of a whole batch: the sum of its terms.
pub fn loss_of(terms: &[Tensor]) -> Result<Tensor, TrainError> {
    weighted_sum(terms, &vec![1.0; terms.len()])
}

/// Returns the sum of scalars, each times a factor; to multiply by 1 would not be free.
pub fn weighted_sum(terms: &[Tensor], factors: &[f64]) -> Result<Tensor, TrainError> {
    let mut sum: Option<Tensor> = None;
    for (term, &factor) in terms.iter().zip(factors) {
        let term = if factor == 1.0 { term.shallow_clone() } else { term.f_mul_scalar(factor)? };
        sum = Some(match sum {
            None => term,
            Some(sum) => sum.f_add(&term)?,
        });
    }
    Ok(sum.unwrap_or_else(|| Tensor::from(0_f32)))
}

/// Returns the numbers of the optimiser that a training asks for.
fn adam(optimisation: &Optimisation) -> AdamConfig {
    let config = AdamConfig {
        learning_rate: optimisation.lr,
        weight_decay: optimisation.weight_decay,
        decoupled: optimisation.optimiser == Optimiser::AdamW,
        ..AdamConfig::default()
    };
    match optimisation.defaults {
        LibraryDefaults::PyTorch => config,
        LibraryDefaults::Keras => AdamConfig { epsilon: 1e-7, epsilon_before_correction: true, ..config },
    }
}

/// Returns whether memory was used up, on whatever device.
pub const fn is_out_of_memory(error: &TrainError) -> bool {
    match error {
        TrainError::Torch(error) | TrainError::Forward(ForwardError::Torch(error)) => {
            error.is_out_of_memory()
        }
        _ => false,
    }
}

/// Hears how many micro-batches of a step are done and how many there are. Its error ends the training.
pub type MicroBatchProgress<'p> = dyn FnMut(usize, usize) -> Result<(), TrainError> + 'p;

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::ops::ControlFlow;

    use affekt_domain::{Role, Task};
    use affekt_models::{InputShape, Inputs, Network};
    use affekt_spec::network::{MlpConfig, NetworkConfig};
    use affekt_torch::{Checkpoint, Random};
    use tch::{Device, TchError};

    use affekt_spec::training::Optimisation;

    use super::*;
    use crate::predict::predict_with;
    use crate::supervised::Forward;
    use crate::training::train_with;
    use crate::{BatchLimit, Dataset, Progress, Stopping, Target, Trained, Training, TrainingPart};

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
        TrainConfig {
            max_epochs: 2,
            stopping,
            optimisation: Optimisation {
                batch_size: 10,
                gradient_accumulation_steps: accumulate,
                ..Optimisation::default()
            },
            ..TrainConfig::default()
        }
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
            if let Progress::OutOfMemory { batch, micro_batches, .. } = progress {
                seen.push((batch, micro_batches));
            }
            ControlFlow::Continue(())
        });
        (trained, seen)
    }

    fn bytes(trained: Trained) -> Vec<u8> {
        Checkpoint { tensors: trained.weights, ..Checkpoint::default() }.to_bytes().unwrap()
    }

    /// Asks for more than there is.
    fn used_up() -> Result<Tensor, ForwardError> {
        Tensor::f_zeros([1 << 50], (Kind::Float, Device::Cpu))
            .map_err(|error| ForwardError::Torch(error.into()))
    }

    #[test]
    fn keras_adam_has_an_epsilon_of_its_own() {
        let numbers = |defaults| {
            let adam = adam(&Optimisation { defaults, ..Optimisation::default() });
            (adam.epsilon, adam.epsilon_before_correction)
        };
        assert_eq!(numbers(LibraryDefaults::PyTorch), (1e-8, false));
        assert_eq!(numbers(LibraryDefaults::Keras), (1e-7, true));
    }

    #[test]
    fn used_up_memory_makes_more_micro_batches_of_the_same_batches() {
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
        assert_eq!((trained.micro_batches, seen), (4, vec![(1, 4)]));
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
        assert_eq!((trained.unwrap().micro_batches, seen), (2, vec![(2, 2)]));
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
        let expected = "out of memory with a batch of 1: try `precision: bf16`; the network: libtorch: CPU out of memory. \
                        Tried to allocate 4503599627370496 bytes: ";
        assert!(error.starts_with(expected), "{error}");
        let broken = |_: &Network, _: &Inputs, _: bool| {
            Err(ForwardError::Torch(TchError::Torch("CUDA out of memory, says a text".into()).into()))
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
        let predicted = predict_with(&forward, &network, &part, None, limit, &mut |_, _| Ok(())).unwrap();
        let alone =
            predict_with(&Network::forward_t, &network, &part, None, BatchLimit::rows(1), &mut |_, _| Ok(()))
                .unwrap();
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(predicted.len() == 20 && predicted.iter().zip(&alone).all(|(a, b)| close(a, b)));
    }
}
