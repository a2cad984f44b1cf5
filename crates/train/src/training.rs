//! The training loop.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use affekt_domain::{Epoch, Stage};
use affekt_features::Standardiser;
use affekt_models::{InputShape, Inputs, Network, NetworkConfig, ParameterCounts};
use affekt_torch::{Adam, AdamConfig, NamedTensors, Random, clip_gradients};
use tch::{Device, Kind, Reduction, Tensor};

use crate::batches::{Batch, Batches};
use crate::scores::DevScores;
use crate::state::{State, StateFile};
use crate::{
    DevPart, Monitor, Part, PartRole, Refit, Resume, StateOutcome, Stopping, TrainConfig, TrainError,
    TrainingPart, predict,
};

/// All that a trained network depends on.
pub struct Training<'a> {
    /// Which network.
    pub network: &'a NetworkConfig,
    /// How to train it.
    pub config: &'a TrainConfig,
    /// How many classes there are.
    pub classes: usize,
    /// The seed of the first weights, the order of the examples and dropout.
    pub seed: u64,
    /// What it is fitted on.
    pub trained_on: &'a TrainingPart<'a>,
    /// What its epoch is chosen on.
    pub selected_on: Option<&'a DevPart<'a>>,
    /// What it is fitted on anew under [`Refit::BestEpochsWithDev`]: the rows of `trained_on` and `selected_on`, all as
    /// training rows.
    pub refitted_on: Option<&'a TrainingPart<'a>>,
    /// What is done to every row first.
    pub standardiser: Option<&'a Standardiser>,
    /// Where to compute.
    pub device: Device,
    /// Where to keep the state to resume from.
    pub resume: Option<&'a Resume>,
}

/// What came out.
#[derive(Debug)]
pub struct Trained {
    /// The weights of the kept epoch, on the CPU.
    pub weights: NamedTensors,
    /// All epochs.
    pub history: Vec<Epoch>,
    /// The stage of the epoch whose weights these are.
    pub stage: Stage,
    /// Its number in that stage.
    pub kept_epoch: u32,
    /// How many rows that stage was fitted on.
    pub trained_rows: usize,
    /// How many numbers the network holds.
    pub parameters: ParameterCounts,
    /// What was found in the [`Resume`] folder.
    pub state: StateOutcome,
}

/// A sign of life.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A batch is done.
    Batch {
        /// The stage.
        stage: Stage,
        /// The epoch, from 1.
        epoch: u32,
        /// Epochs of this stage, at the most.
        max_epochs: u32,
        /// Batches done in this epoch.
        done: usize,
        /// Batches in an epoch.
        total: usize,
        /// The epoch's mean loss so far, a few batches late: reading it makes a GPU wait.
        loss: Option<f64>,
    },
    /// An epoch is done, and its state kept if that was due. `kept` says that it is the best so far.
    Epoch(&'a Epoch),
}

/// Trains a network. `progress` hears of every batch and epoch and may break off.
///
/// One training runs at a time in a process, others wait: dropout draws from libtorch's one generator.
///
/// # Errors
/// When the parts, settings and network do not go together, the loss stops being finite, `progress` breaks
/// off, the resume state cannot be written, or libtorch refuses. An unusable resume state is no error:
/// [`Trained::state`] tells of it.
pub fn train(
    training: &Training,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Trained, TrainError> {
    check(training)?;
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    let mut run = Run::new(training, Stage::Search, training.trained_on, training.config.max_epochs)?;
    let mut file = training.resume.map(|resume| StateFile::new(resume, settings(training)));
    let state = match file.as_ref().and_then(StateFile::read) {
        None => StateOutcome::Fresh,
        Some(Err(why)) => StateOutcome::Ignored(why),
        Some(Ok(state)) => StateOutcome::Resumed(run.restore(state)?),
    };
    run.go_on(&mut file, progress)?;
    if run.stage == Stage::Search && training.config.refit != Refit::None {
        run = run.anew()?;
        run.go_on(&mut file, progress)?;
    }
    run.finish(state)
}

/// Held by whoever draws from libtorch's generator.
static GENERATOR: Mutex<()> = Mutex::new(());

/// Losses are read from the device so many batches at a time.
const LOSSES_AT_ONCE: usize = 32;

/// A stage of a training under way.
struct Run<'a> {
    training: &'a Training<'a>,
    stage: Stage,
    trained_on: &'a TrainingPart<'a>,
    /// Epochs of this stage, at the most.
    max_epochs: u32,
    network: Network,
    /// The network's tensors that have gradients.
    parameters: Vec<Tensor>,
    optimiser: Adam,
    batches: Batches<'a>,
    /// Weights of the classes, and the same on the device for the loss.
    weights: Option<(Vec<f64>, Tensor)>,
    /// The epochs of all stages.
    history: Vec<Epoch>,
    /// The number of this stage's epoch whose weights are `best`.
    kept: u32,
    best: NamedTensors,
}

impl<'a> Run<'a> {
    fn new(
        training: &'a Training<'a>,
        stage: Stage,
        trained_on: &'a TrainingPart<'a>,
        max_epochs: u32,
    ) -> Result<Self, TrainError> {
        let Training { config, device, .. } = *training;
        let examples = trained_on.examples();
        let network = training.network.build(
            &InputShape::Frames(examples.shape()),
            training.classes,
            training.seed,
            device,
        )?;
        let adam =
            AdamConfig { learning_rate: config.lr, weight_decay: config.weight_decay, ..Default::default() };
        let weights = config.class_weights.resolve(trained_on.classes(), training.classes)?;
        let weights = weights.map(|weights| {
            let tensor = Tensor::f_from_slice(&weights)?.f_to_device_(device, Kind::Float, false, false)?;
            Ok::<_, TrainError>((weights, tensor))
        });
        Ok(Self {
            training,
            stage,
            trained_on,
            max_epochs,
            parameters: network.trainable().into_values().collect(),
            optimiser: Adam::new(network.trainable(), adam),
            network,
            batches: Batches::new(examples, training.standardiser, device),
            weights: weights.transpose()?,
            history: Vec::new(),
            kept: 0,
            best: NamedTensors::new(),
        })
    }

    /// From the seed once more, for as many epochs as were best.
    fn anew(self) -> Result<Self, TrainError> {
        let new = Self::new(self.training, Stage::Refit, refit_part(self.training)?, self.kept)?;
        Ok(Self { history: self.history, ..new })
    }

    /// The epochs that are left of this stage.
    fn go_on(
        &mut self,
        file: &mut Option<StateFile>,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(), TrainError> {
        while !self.is_over() {
            let number = self.done() + 1;
            let train_loss = self.epoch(number, progress)?;
            let dev = self.evaluate(number)?;
            let mut epoch = Epoch {
                stage: self.stage,
                number,
                learning_rate: self.optimiser.config.learning_rate,
                train_loss,
                dev_loss: dev.map(|dev| dev.loss),
                dev_accuracy: dev.map(|dev| dev.accuracy),
                dev_uar: dev.map(|dev| dev.uar),
                kept: false,
            };
            let best = self.history.iter().find(|old| self.is_kept(old));
            epoch.kept = best.is_none_or(|best| self.is_better(&epoch, best));
            self.history.push(epoch);
            if epoch.kept {
                self.kept = number;
                self.best = copy(&self.network.weights())?;
            }
            if let Some(file) = file {
                file.write_if_due(|| self.state())?;
            }
            if progress(Progress::Epoch(&epoch)).is_break() {
                return Err(TrainError::Cancelled(number));
            }
        }
        Ok(())
    }

    /// How many epochs of this stage are done.
    fn done(&self) -> u32 {
        self.history.iter().filter(|epoch| epoch.stage == self.stage).count() as u32
    }

    fn is_over(&self) -> bool {
        let done = self.done();
        let patience_over = match (self.stage, self.training.config.stopping) {
            (Stage::Search, Stopping::Early { patience, .. }) => {
                done > self.kept && done - self.kept >= patience
            }
            _ => false,
        };
        done >= self.max_epochs || patience_over
    }

    fn is_kept(&self, epoch: &Epoch) -> bool {
        epoch.stage == self.stage && epoch.number == self.kept
    }

    /// Whether to keep `new`'s weights rather than `old`'s.
    fn is_better(&self, new: &Epoch, old: &Epoch) -> bool {
        match (self.stage, self.training.config.stopping) {
            (Stage::Refit, _) | (_, Stopping::Fixed) => true,
            (_, Stopping::Early { monitor, .. }) => match monitor {
                Monitor::DevLoss => new.dev_loss < old.dev_loss,
                Monitor::DevAccuracy => new.dev_accuracy > old.dev_accuracy,
                Monitor::DevUar => new.dev_uar > old.dev_uar,
            },
        }
    }

    /// One pass over the training part. Gives the mean loss.
    fn epoch(
        &mut self,
        number: u32,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<f64, TrainError> {
        let Training { config, seed, .. } = *self.training;
        let Self { stage, max_epochs, .. } = *self;
        // Order and dropout are functions of seed and epoch, not of the epochs before: that is what lets a
        // resumed run go on as if nothing had happened.
        let mut random = Random::new(seed, &format!("epoch {number}"));
        tch::manual_seed(random.bits() as i64);
        let mut rows = self.trained_on.rows().to_vec();
        random.shuffle(&mut rows);

        let total = rows.len().div_ceil(config.batch_size);
        let mut losses = Losses {
            epoch: number,
            total,
            lr: config.lr,
            unread: Vec::new(),
            read: 0,
            sum: 0.0,
            weight: 0.0,
        };
        let mut done = 0;
        // How much some rows weigh together in the epoch's mean loss.
        let examples = self.trained_on.examples();
        let weight = |rows: &[usize]| match &self.weights {
            None => rows.len() as f64,
            Some((weights, _)) => rows.iter().map(|&row| weights[examples.class(row) as usize]).sum(),
        };
        self.batches.of(&rows, config.batch_size, |rows, Batch { xs, ys }| {
            let logits = self.network.forward_t(&Inputs::frames(xs), true)?;
            let weights = self.weights.as_ref().map(|(_, tensor)| tensor);
            let loss = logits.f_cross_entropy_loss(&ys, weights, Reduction::Mean, -100, 0.0)?;
            loss.f_backward()?;
            if let Some(max_norm) = config.clip_norm {
                clip_gradients(&self.parameters, max_norm)?;
            }
            let step = u64::from(number - 1) * total as u64 + done as u64;
            let factor = config.schedule.factor(step, total as u64, max_epochs);
            self.optimiser.config.learning_rate = config.lr * factor;
            self.optimiser.step()?;
            losses.push(loss.f_detach()?, weight(rows))?;
            done += 1;
            let life = Progress::Batch { stage, epoch: number, max_epochs, done, total, loss: losses.mean() };
            if progress(life).is_break() { Err(TrainError::Cancelled(number)) } else { Ok(()) }
        })?;
        losses.flush()?;
        Ok(losses.sum / losses.weight)
    }

    /// Figures on the dev part, where there is one. Training anew has none: there is nothing left to choose.
    fn evaluate(&self, epoch: u32) -> Result<Option<DevScores>, TrainError> {
        let Training { config, standardiser, selected_on, .. } = *self.training;
        let Some(part) = selected_on.filter(|_| self.stage == Stage::Search) else { return Ok(None) };
        let logits = predict(&self.network, part, standardiser, config.batch_size)?;
        let weights = self.weights.as_ref().map(|(weights, _)| weights.as_slice());
        let scores = DevScores::new(&logits, part.classes(), weights);
        if scores.loss.is_finite() {
            Ok(Some(scores))
        } else {
            Err(TrainError::DevNotFinite { loss: scores.loss, epoch, lr: config.lr })
        }
    }

    /// Goes on from a saved state, in its stage. Gives the number of epochs in it.
    fn restore(&mut self, state: State) -> Result<u32, TrainError> {
        if state.stage() != self.stage {
            *self = Self::new(self.training, state.stage(), refit_part(self.training)?, state.max_epochs)?;
        }
        self.network.load(&state.network)?;
        self.optimiser.load_state(&state.optimiser)?;
        self.best = state.best;
        self.kept = state.kept;
        self.history = state.history;
        Ok(self.history.len() as u32)
    }

    fn state(&self) -> State {
        let clone =
            |tensors: &NamedTensors| tensors.iter().map(|(n, t)| (n.clone(), t.shallow_clone())).collect();
        State {
            history: self.history.clone(),
            max_epochs: self.max_epochs,
            kept: self.kept,
            network: self.network.weights(),
            best: clone(&self.best),
            optimiser: self.optimiser.state(),
        }
    }

    fn finish(self, state: StateOutcome) -> Result<Trained, TrainError> {
        let history =
            self.history.iter().map(|epoch| Epoch { kept: self.is_kept(epoch), ..*epoch }).collect();
        let on_cpu = |(name, tensor): (String, Tensor)| Ok((name, tensor.f_to_device(Device::Cpu)?));
        Ok(Trained {
            weights: self.best.into_iter().map(on_cpu).collect::<Result<_, TrainError>>()?,
            history,
            stage: self.stage,
            kept_epoch: self.kept,
            trained_rows: self.trained_on.rows().len(),
            parameters: self.network.parameter_counts(),
            state,
        })
    }
}

/// What training anew reads.
fn refit_part<'a>(training: &'a Training<'a>) -> Result<&'a TrainingPart<'a>, TrainError> {
    match training.config.refit {
        Refit::BestEpochsWithDev => training.refitted_on.ok_or(TrainError::NoRefitPart),
        Refit::BestEpochs | Refit::None => Ok(training.trained_on),
    }
}

/// The losses of an epoch, left on the device until some have gathered.
struct Losses {
    epoch: u32,
    total: usize,
    lr: f64,
    unread: Vec<(Tensor, f64)>,
    /// Batches read, the sum of their rows' losses times weights, and of the weights.
    read: usize,
    sum: f64,
    weight: f64,
}

impl Losses {
    fn push(&mut self, loss: Tensor, weight: f64) -> Result<(), TrainError> {
        self.unread.push((loss, weight));
        if self.unread.len() == LOSSES_AT_ONCE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), TrainError> {
        let (tensors, weights): (Vec<_>, Vec<_>) = self.unread.drain(..).unzip();
        if tensors.is_empty() {
            return Ok(());
        }
        let losses = Vec::<f64>::try_from(Tensor::f_stack(&tensors, 0)?)?;
        for (loss, weight) in losses.into_iter().zip(weights) {
            self.read += 1;
            if !loss.is_finite() {
                let Self { epoch, total: batches, lr, .. } = *self;
                return Err(TrainError::NotFinite { loss, epoch, batch: self.read, batches, lr });
            }
            self.sum += loss * weight;
            self.weight += weight;
        }
        Ok(())
    }

    fn mean(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

fn check(training: &Training) -> Result<(), TrainError> {
    let config = training.config;
    let bad = |name, value: String, expected| Err(TrainError::Config { name, value, expected });
    if !(config.lr > 0.0 && config.lr.is_finite()) {
        return bad("lr", config.lr.to_string(), "a number above 0");
    }
    if !(config.weight_decay >= 0.0 && config.weight_decay.is_finite()) {
        return bad("weight_decay", config.weight_decay.to_string(), "a number from 0");
    }
    if config.batch_size == 0 {
        return bad("batch_size", "0".into(), "at least 1");
    }
    if config.max_epochs == 0 {
        return bad("max_epochs", "0".into(), "at least 1");
    }
    if let Some(norm) = config.clip_norm.filter(|norm| !(*norm > 0.0 && norm.is_finite())) {
        return bad("clip_norm", norm.to_string(), "a number above 0");
    }
    if config.refit != Refit::None && config.stopping == Stopping::Fixed {
        return bad("refit", format!("{:?}", config.refit), "`none` where nothing is searched for");
    }
    if config.refit == Refit::BestEpochsWithDev {
        check_part(refit_part(training)?, training.classes)?;
    }
    check_part(training.trained_on, training.classes)?;
    let per_epoch = training.trained_on.rows().len().div_ceil(config.batch_size) as u64;
    config.schedule.check(per_epoch * u64::from(config.max_epochs))?;
    match (training.selected_on, config.stopping) {
        (Some(part), _) => check_part(part, training.classes),
        (None, Stopping::Early { .. }) => Err(TrainError::NoDevPart),
        (None, Stopping::Fixed) => Ok(()),
    }
}

fn check_part<R: PartRole>(part: &Part<R>, classes: usize) -> Result<(), TrainError> {
    if part.rows().is_empty() {
        return Err(TrainError::Empty(R::ROLE));
    }
    let known = 0..classes as i64;
    match part.rows().iter().zip(part.classes()).find(|(_, class)| !known.contains(class)) {
        Some((&row, class)) => Err(TrainError::Class { row, class, classes }),
        None => Ok(()),
    }
}

/// What a state must agree on to be this training's own.
fn settings(training: &Training) -> String {
    serde_json::json!({
        "network": training.network,
        "config": training.config,
        "classes": training.classes,
        "seed": training.seed,
        "shape": training.trained_on.examples().shape(),
        "training_rows": training.trained_on.rows().len(),
        "dev_rows": training.selected_on.map(|part| part.rows().len()),
        "refit_rows": training.refitted_on.map(|part| part.rows().len()),
        "standardiser": training.standardiser,
        "cuda": training.device.is_cuda(),
        "threads": affekt_torch::device::threads(),
        "libtorch": affekt_torch::device::libtorch_version(),
    })
    .to_string()
}

fn copy(tensors: &NamedTensors) -> Result<NamedTensors, TrainError> {
    let copy = |(name, tensor): (&String, &Tensor)| {
        let mut new = tensor.f_empty_like()?;
        new.f_copy_(tensor)?;
        Ok((name.clone(), new))
    };
    tensors.iter().map(copy).collect()
}
