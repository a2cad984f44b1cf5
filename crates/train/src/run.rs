//! A stage of a training under way: epoch by epoch, to where stopping says.

use std::ops::ControlFlow;

use affekt_domain::{Epoch, Stage};
use affekt_models::{Accounting, Network};
use affekt_torch::{Adam, AdamConfig, NamedTensors, Random};
use tch::{Device, Tensor};

use crate::augment::Augmentation;
use crate::batch_sampler::{BatchSampler, TrainLength};
use crate::batches::{Loader, ahead};
use crate::check::{check_network, not_finite};
use crate::crop::Window;
use crate::losses::{Losses, Sums};
use crate::objective::Objective;
use crate::predict::{BatchLimit, predict_with};
use crate::scores::DevScores;
use crate::state::{Begun, State, StateFile};
use crate::step::{Batch, Forward, Stepper};
use crate::training::{Progress, Trained, Training, refit_part};
use crate::{Optimiser, Refit, StateOutcome, Stopping, TrainError, TrainingPart};

/// Who hears of progress.
pub type Listener<'l> = dyn FnMut(Progress) -> ControlFlow<()> + 'l;

/// A stage of a training under way.
pub struct Run<'a> {
    training: &'a Training<'a>,
    stage: Stage,
    trained_on: &'a TrainingPart<'a>,
    /// Epochs of this stage, at the most.
    max_epochs: u32,
    sampler: BatchSampler,
    stepper: Stepper<'a>,
    encoder: Option<Accounting>,
    /// The epochs of all stages.
    history: Vec<Epoch>,
    /// How much of the next epoch was done before the training was resumed.
    begun: Begun,
    /// The number of this stage's epoch whose weights are `best`.
    kept: u32,
    best: NamedTensors,
}

impl<'a> Run<'a> {
    /// The stage's beginning, whose networks are applied by `forward`.
    pub fn new(
        training: &'a Training<'a>,
        forward: &'a Forward<'a>,
        stage: Stage,
        trained_on: &'a TrainingPart<'a>,
        max_epochs: u32,
    ) -> Result<Self, TrainError> {
        let Training { config, task, seed, device, .. } = *training;
        let dataset = trained_on.dataset();
        let mut network = Network::new(training.network, &dataset.input(), task.names().len(), seed, device)?;
        let encoder = training.encoder.map(|checkpoint| network.load_encoder(checkpoint)).transpose()?;
        check_network(training, &mut network)?;
        let adam = AdamConfig {
            learning_rate: config.lr,
            weight_decay: config.weight_decay,
            decoupled: config.optimiser == Optimiser::AdamW,
            ..AdamConfig::default()
        };
        let stepper = Stepper {
            config,
            dataset,
            forward,
            parameters: network.trainable().into_values().collect(),
            optimiser: Adam::new(network.trainable(), adam),
            network,
            objective: Objective::new(training, trained_on)?,
            parts: config.accumulate,
        };
        Ok(Self {
            training,
            stage,
            trained_on,
            max_epochs,
            sampler: BatchSampler::new(
                config,
                seed,
                dataset,
                trained_on.rows(),
                TrainLength::Epochs(max_epochs),
            ),
            stepper,
            encoder,
            history: Vec::new(),
            begun: Begun::default(),
            kept: 0,
            best: NamedTensors::new(),
        })
    }

    /// From the seed once more, for as many epochs as were best.
    pub fn anew(self) -> Result<Self, TrainError> {
        let Self { training, stepper: Stepper { forward, parts, .. }, .. } = self;
        let mut new = Self::new(training, forward, Stage::Refit, refit_part(training)?, self.kept)?;
        new.stepper.parts = parts;
        Ok(Self { history: self.history, ..new })
    }

    /// Whether another stage follows.
    pub fn is_searching(&self) -> bool {
        self.stage == Stage::Search && self.training.config.refit != Refit::None
    }

    /// The epochs that are left of this stage.
    pub fn go_on(&mut self, file: &mut Option<StateFile>, progress: &mut Listener) -> Result<(), TrainError> {
        self.go_on_until(self.max_epochs, file, progress)
    }

    /// Those of them up to an epoch.
    pub fn go_on_until(
        &mut self,
        last: u32,
        file: &mut Option<StateFile>,
        progress: &mut Listener,
    ) -> Result<(), TrainError> {
        while !self.is_over() && self.done() < last {
            let number = self.done() + 1;
            let train_loss = self.epoch(number, file, progress)?;
            self.check_weights(number)?;
            let dev = self.evaluate(number)?;
            let mut epoch = Epoch {
                stage: self.stage,
                number,
                learning_rate: self.learning_rate(number, self.sampler.before(number + 1) - 1),
                train_loss,
                dev_loss: dev.map(|dev| dev.loss),
                dev_accuracy: dev.and_then(|dev| dev.accuracy),
                dev_uar: dev.and_then(|dev| dev.uar),
                dev_ccc: dev.and_then(|dev| dev.ccc),
                kept: false,
            };
            let best = self.history.iter().find(|old| self.is_kept(old));
            epoch.kept = best.is_none_or(|best| self.is_better(&epoch, best));
            self.history.push(epoch);
            if epoch.kept {
                self.kept = number;
                self.best = copy(&self.stepper.network.weights())?;
            }
            if let Some(file) = file {
                file.write_if_due(|| Ok(self.state(Begun::default())))?;
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
            (_, Stopping::Early { monitor, .. }) => {
                monitor.of(new).zip(monitor.of(old)).is_some_and(|(new, old)| monitor.is_better(new, old))
            }
        }
    }

    /// What a step of an epoch learns with; steps are counted from 0 through all epochs.
    fn learning_rate(&self, epoch: u32, step: u64) -> f64 {
        let config = self.training.config;
        config.lr * config.schedule.factor(step, self.sampler.total(), epoch - 1)
    }

    /// One pass over the training part, or what is left of it. Gives the mean loss.
    fn epoch(
        &mut self,
        number: u32,
        file: &mut Option<StateFile>,
        progress: &mut Listener,
    ) -> Result<f64, TrainError> {
        let Training { config, seed, standardiser, device, .. } = *self.training;
        let Self { stage, max_epochs, .. } = *self;
        let begun = std::mem::take(&mut self.begun);
        let dataset = self.trained_on.dataset();
        let window = config.crop.map(|crop| {
            let samples = crop.samples(dataset.rate_hz().unwrap_or(0));
            Window { samples, at: crop.at, hop: 1, seed, epoch: number }
        });
        let augmentation = config.augment.map(|augment| Augmentation { augment, seed, epoch: number });
        let loader = Loader { dataset, standardiser, window, augmentation, device };
        let make =
            |rows: &[usize]| Ok(Batch { inputs: loader.inputs(rows)?, targets: loader.targets(rows)? });
        let batches = self.sampler.epoch(number);
        let total = batches.len();
        let mut done = begun.batches;
        let mut losses = Losses::new(dataset, number, &batches, begun.losses);
        let left = batches.get(done..).unwrap_or_default();
        ahead(left, make, |rows, Batch { inputs, targets }| {
            let batch = Batch { inputs: loader.distorted(rows, inputs)?, targets };
            let lr = self.learning_rate(number, self.sampler.before(number) + done as u64);
            let parts = self.stepper.parts;
            // Order, pieces, distortions and dropout are functions of seed, epoch and step, not of what came before: that is
            // what lets a resumed run go on as if nothing had happened.
            let bits = Random::new(seed, &format!("step {number} {done}")).bits();
            let of_parts = self.stepper.step(rows, &batch, bits, lr)?;
            losses.push(done, lr, of_parts)?;
            done += 1;
            if self.stepper.parts > parts {
                let parts = self.stepper.parts;
                // Whether to go on is asked below.
                let _ = progress(Progress::OutOfMemory { stage, epoch: number, batch: done, parts });
            }
            if let Some(file) = file {
                file.write_if_due(|| Ok(self.state(Begun { batches: done, losses: losses.flush()? })))?;
            }
            let life = Progress::Batch { stage, epoch: number, max_epochs, done, total, loss: losses.mean() };
            if progress(life).is_break() { Err(TrainError::Cancelled(number)) } else { Ok(()) }
        })?;
        let Sums { loss, weight } = losses.flush()?;
        Ok(loss / weight)
    }

    /// Complains of weights that are not finite.
    fn check_weights(&self, epoch: u32) -> Result<(), TrainError> {
        let Some(name) = not_finite(self.stepper.network.trainable())? else { return Ok(()) };
        let lr = self.learning_rate(epoch, self.sampler.before(epoch + 1) - 1);
        Err(TrainError::WeightsNotFinite { name, epoch, lr })
    }

    /// Figures on the dev part, where there is one. Training anew has none: there is nothing left to choose.
    fn evaluate(&self, epoch: u32) -> Result<Option<DevScores>, TrainError> {
        let Training { config, task, standardiser, selected_on, .. } = *self.training;
        let Some(part) = selected_on.filter(|_| self.stage == Stage::Search) else { return Ok(None) };
        let limit = BatchLimit::of_training(config);
        let Stepper { forward, network, objective, .. } = &self.stepper;
        let outputs = predict_with(forward, network, part, standardiser, limit)?;
        let scores = DevScores::new(task, config.loss, &outputs, part.targets(), objective.class_weights());
        if scores.loss.is_finite() {
            return Ok(Some(scores));
        }
        let not_finite = |outputs: &&Vec<f32>| outputs.iter().any(|value| !value.is_finite());
        let of_rows = part.rows().iter().zip(&outputs).filter(|(_, outputs)| not_finite(outputs));
        let name = |row: usize| part.dataset().name(row).to_owned();
        Err(TrainError::DevNotFinite {
            loss: scores.loss,
            epoch,
            lr: config.lr,
            utterances: of_rows.map(|(&row, _)| name(row)).collect(),
        })
    }

    /// Goes on from a saved state, in its stage. Says where that is.
    pub fn restore(&mut self, state: State) -> Result<StateOutcome, TrainError> {
        if state.stage != self.stage {
            let refitted_on = refit_part(self.training)?;
            let forward = self.stepper.forward;
            *self = Self::new(self.training, forward, state.stage, refitted_on, state.max_epochs)?;
        }
        self.stepper.network.load(&state.network)?;
        self.stepper.optimiser.load_state(&state.optimiser)?;
        self.stepper.parts = state.parts;
        self.best = state.best;
        self.kept = state.kept;
        self.history = state.history;
        self.begun = state.begun;
        Ok(StateOutcome::Resumed { epochs: self.history.len() as u32, batches: self.begun.batches })
    }

    /// All that what is left depends on, after as much of an epoch as has begun.
    pub fn state(&self, begun: Begun) -> State {
        let clone =
            |tensors: &NamedTensors| tensors.iter().map(|(n, t)| (n.clone(), t.shallow_clone())).collect();
        State {
            stage: self.stage,
            history: self.history.clone(),
            begun,
            max_epochs: self.max_epochs,
            kept: self.kept,
            parts: self.stepper.parts,
            network: self.stepper.network.weights(),
            best: clone(&self.best),
            optimiser: self.stepper.optimiser.state(),
        }
    }

    /// The epochs of all stages, with the one marked whose weights are kept.
    pub fn history(&self) -> Vec<Epoch> {
        self.history.iter().map(|epoch| Epoch { kept: self.is_kept(epoch), ..*epoch }).collect()
    }

    /// The epoch that a training which went astray did not come to the end of.
    pub fn astray(&self) -> Epoch {
        let number = self.done() + 1;
        Epoch {
            stage: self.stage,
            number,
            learning_rate: self.learning_rate(number, self.sampler.before(number)),
            train_loss: f64::NAN,
            dev_loss: None,
            dev_accuracy: None,
            dev_uar: None,
            dev_ccc: None,
            kept: false,
        }
    }

    /// What came out.
    pub fn finish(self, state: StateOutcome) -> Result<Trained, TrainError> {
        let history = self.history();
        let on_cpu = |(name, tensor): (String, Tensor)| Ok((name, tensor.f_to_device(Device::Cpu)?));
        Ok(Trained {
            weights: self.best.into_iter().map(on_cpu).collect::<Result<_, TrainError>>()?,
            history,
            stage: self.stage,
            kept_epoch: self.kept,
            trained_rows: self.trained_on.rows().len(),
            parameters: self.stepper.network.parameter_counts(),
            encoder: self.encoder,
            parts: self.stepper.parts,
            state,
        })
    }
}

/// The same tensors elsewhere.
pub fn copy(tensors: &NamedTensors) -> Result<NamedTensors, TrainError> {
    let copy = |(name, tensor): (&String, &Tensor)| {
        let mut new = tensor.f_empty_like()?;
        new.f_copy_(tensor)?;
        Ok((name.clone(), new))
    };
    tensors.iter().map(copy).collect()
}
