//! A pretraining under way: step by step, to the last one.

use std::ops::ControlFlow;

use affekt_domain::{Epoch, Stage};
use affekt_models::{Inputs, replace};
use affekt_torch::{Adam, AdamConfig, Autocast, NamedTensors, Random};
use tch::{Device, Kind, Tensor};

use super::config::PretrainConfig;
use super::learner::{Clips, Learner};
use crate::batch_sampler::{BatchSampler, TrainLength};
use crate::batches::{Loader, ahead};
use crate::check::not_finite;
use crate::crop::Window;
use crate::losses::{Losses, Sums};
use crate::run::copy;
use crate::state::{Begun, State, StateFile};
use crate::step::is_out_of_memory;
use crate::training::{alone, environment};
use crate::{CropAt, Optimiser, Precision, Resume, StateOutcome, TrainError, TrainingPart};

/// All that a pretraining depends on.
pub struct Pretraining<'a> {
    /// How.
    pub config: &'a PretrainConfig,
    /// The seed of the batches, their masks and dropout.
    pub seed: u64,
    /// What is learnt from.
    pub trained_on: &'a TrainingPart<'a>,
    /// Where to compute.
    pub device: Device,
    /// Where to keep the state to resume from.
    pub resume: Option<&'a Resume>,
}

/// What came out, beside the learner's weights.
#[derive(Debug)]
pub struct Pretrained {
    /// All passes over the training part, of which the last may be a part of one. The losses of what is held out stand where those
    /// of a dev part would.
    pub history: Vec<Epoch>,
    /// How many rows were learnt from.
    pub trained_rows: usize,
    /// How many were held out of that, to choose by.
    pub held_out_rows: usize,
    /// What was found in the [`Resume`] folder.
    pub state: StateOutcome,
}

/// A sign of life: after each step.
#[derive(Debug, Clone, Copy)]
pub struct StepsDone {
    /// How many steps are done.
    pub done: u64,
    /// How many there are.
    pub steps: u64,
    /// The mean loss of this pass over the training part so far, a few steps late.
    pub loss: Option<f64>,
}

/// Pretrains a learner, which has the weights to keep afterwards. `progress` hears of every step and may break off.
///
/// # Errors
/// When part, settings and learner do not go together, the loss stops being finite, `progress` breaks off, the resume
/// state cannot be written, or libtorch refuses.
pub fn pretrain(
    pretraining: &Pretraining,
    learner: &mut dyn Learner,
    progress: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
) -> Result<Pretrained, TrainError> {
    let mut run = Run::new(pretraining, learner)?;
    let _alone = alone();
    let mut file = pretraining.resume.map(|resume| StateFile::new(resume, run.settings()));
    let state = match file.as_ref().and_then(StateFile::read) {
        None => StateOutcome::Fresh,
        Some(Err(why)) => StateOutcome::Ignored(why),
        Some(Ok(state)) => run.restore(state)?,
    };
    while run.done() < run.sampler.epochs() {
        run.epoch(&mut file, progress)?;
    }
    run.finish(state)
}

struct Run<'a> {
    pretraining: &'a Pretraining<'a>,
    learner: &'a mut dyn Learner,
    optimiser: Adam,
    sampler: BatchSampler,
    trained: usize,
    /// Rows that choose, sorted by length and put together as batches.
    held_out: Vec<Vec<usize>>,
    history: Vec<Epoch>,
    begun: Begun,
    kept: u32,
    best: NamedTensors,
}

impl<'a> Run<'a> {
    fn new(pretraining: &'a Pretraining<'a>, learner: &'a mut dyn Learner) -> Result<Self, TrainError> {
        let Pretraining { config, seed, trained_on, .. } = *pretraining;
        config.check()?;
        let dataset = trained_on.dataset();
        let rate_hz = dataset.rate_hz().ok_or(TrainError::NoWaveforms)?;
        let least = learner.least_samples();
        let short = trained_on.rows().iter().find(|&&row| dataset.values(row).len() < least);
        if let Some(&row) = short {
            let (name, found) = (dataset.name(row).to_owned(), dataset.values(row).len());
            return Err(TrainError::TooShort { name, found, expected: least });
        }
        if config.crop.is_some_and(|crop| crop.samples(rate_hz) < least) {
            let value = config.crop.map_or(0.0, |crop| crop.seconds).to_string();
            let expected = "what makes a frame of the network at least";
            return Err(TrainError::Config { name: "crop.seconds", value, expected });
        }
        let (mut held_out, rows) = parted(trained_on.rows(), config.held_out, seed);
        if rows.is_empty() || (config.drop_last && rows.len() < config.batch_size) {
            return Err(TrainError::NoBatch { rows: rows.len(), batch_size: config.batch_size });
        }
        held_out.sort_by_key(|&row| dataset.values(row).len());
        let trainable = learner.trainable();
        if trainable.is_empty() {
            return Err(TrainError::AllFrozen);
        }
        let adam = AdamConfig {
            learning_rate: config.lr,
            weight_decay: config.weight_decay,
            decoupled: config.optimiser == Optimiser::AdamW,
            ..AdamConfig::default()
        };
        Ok(Self {
            pretraining,
            optimiser: Adam::new(trainable, adam),
            sampler: BatchSampler::new(
                &config.batches(),
                seed,
                dataset,
                &rows,
                TrainLength::Steps(config.steps),
            ),
            learner,
            trained: rows.len(),
            held_out: held_out.chunks(config.batch_size).map(<[usize]>::to_vec).collect(),
            history: Vec::new(),
            begun: Begun::default(),
            kept: 0,
            best: NamedTensors::new(),
        })
    }

    fn done(&self) -> u32 {
        self.history.len() as u32
    }

    fn learning_rate(&self, epoch: u32, step: u64) -> f64 {
        let config = self.pretraining.config;
        config.lr * config.schedule.factor(step, config.steps, epoch - 1)
    }

    /// One pass over the training part, or what is left of it.
    fn epoch(
        &mut self,
        file: &mut Option<StateFile>,
        progress: &mut dyn FnMut(StepsDone) -> ControlFlow<()>,
    ) -> Result<(), TrainError> {
        let number = self.done() + 1;
        let Pretraining { config, seed, trained_on, .. } = *self.pretraining;
        let dataset = trained_on.dataset();
        let begun = std::mem::take(&mut self.begun);
        let batches = self.sampler.epoch(number);
        let before = self.sampler.before(number);
        let mut losses = Losses::new(dataset, number, &batches, begun.losses);
        let mut done = begun.batches;
        let loader = self.loader(self.window(number));
        let one_length = self.learner.wants_one_length();
        let make = |rows: &[usize]| Made::new(&loader, rows, one_length);
        ahead(batches.get(done..).unwrap_or_default(), make, |rows, batch| {
            let lr = self.learning_rate(number, before + done as u64);
            // As in training, what is drawn is a function of seed, epoch and step.
            let mut random = Random::new(seed, &format!("step {number} {done}"));
            losses.push(done, lr, self.step(rows, &batch, &mut random, lr)?)?;
            done += 1;
            if let Some(file) = file {
                file.write_if_due(|| Ok(self.state(Begun { batches: done, losses: losses.flush()? })))?;
            }
            let life = StepsDone { done: before + done as u64, steps: config.steps, loss: losses.mean() };
            if progress(life).is_break() { Err(TrainError::Cancelled(number)) } else { Ok(()) }
        })?;
        let Sums { loss, weight } = losses.flush()?;
        let lr = self.learning_rate(number, self.sampler.before(number + 1) - 1);
        if let Some(name) = not_finite(self.learner.trainable())? {
            return Err(TrainError::WeightsNotFinite { name, epoch: number, lr });
        }
        let held_out = self.evaluate(number)?;
        let best =
            self.history.iter().find(|epoch| epoch.number == self.kept).and_then(|epoch| epoch.dev_loss);
        let kept = match (held_out, best) {
            (Some(new), Some(best)) => new < best,
            _ => true,
        };
        if kept {
            self.kept = number;
            self.best = match held_out {
                Some(_) => copy(&self.learner.weights())?,
                None => NamedTensors::new(),
            };
        }
        self.history.push(Epoch {
            stage: Stage::Search,
            number,
            learning_rate: lr,
            // Where no batch held anything to learn from there is no loss.
            train_loss: if weight > 0.0 { loss / weight } else { 0.0 },
            dev_loss: held_out,
            dev_accuracy: None,
            dev_uar: None,
            dev_ccc: None,
            kept: false,
        });
        if let Some(file) = file {
            file.write_if_due(|| Ok(self.state(Begun::default())))?;
        }
        Ok(())
    }

    fn loader(&self, window: Option<Window>) -> Loader<'a> {
        let Pretraining { trained_on, device, .. } = *self.pretraining;
        Loader { dataset: trained_on.dataset(), standardiser: None, window, augmentation: None, device }
    }

    /// The pieces of an epoch. Where clips are cut to the shortest of their batch alone, they begin anywhere.
    fn window(&self, epoch: u32) -> Option<Window> {
        let Pretraining { config, seed, trained_on, .. } = *self.pretraining;
        let rate_hz = trained_on.dataset().rate_hz().unwrap_or(0);
        let hop = self.learner.hop();
        match config.crop {
            Some(crop) => Some(Window { samples: crop.samples(rate_hz), at: crop.at, hop, seed, epoch }),
            None if self.learner.wants_one_length() => {
                Some(Window { samples: usize::MAX, at: CropAt::Random, hop, seed, epoch })
            }
            None => None,
        }
    }

    fn step(
        &mut self,
        rows: &[usize],
        batch: &Made,
        random: &mut Random,
        lr: f64,
    ) -> Result<Vec<(Tensor, f64)>, TrainError> {
        tch::manual_seed(random.bits() as i64);
        let Some(learnt) = self.loss(rows, batch, random, true)? else { return Ok(Vec::new()) };
        learnt.0.f_backward()?;
        self.optimiser.config.learning_rate = lr;
        self.optimiser.step()?;
        Ok(vec![(learnt.0.f_detach()?, learnt.1)])
    }

    fn loss(
        &self,
        rows: &[usize],
        batch: &Made,
        random: &mut Random,
        train: bool,
    ) -> Result<Option<(Tensor, f64)>, TrainError> {
        let Pretraining { config, device, .. } = *self.pretraining;
        let clips = Clips { rows, starts: &batch.starts, inputs: &batch.inputs, targets: &batch.targets };
        let learnt = {
            let _guard = match config.precision {
                Precision::Fp32 => None,
                Precision::Bf16 => Some(Autocast::new(device, Kind::BFloat16)?),
            };
            self.learner.loss(&clips, random, train)
        };
        match learnt {
            Err(error) if is_out_of_memory(&error) => Err(TrainError::OutOfMemory {
                rows: rows.len(),
                why: "try smaller batches, `gradient_checkpointing`, `precision: bf16` or a shorter `crop`"
                    .into(),
                source: Box::new(error),
            }),
            learnt => Ok(learnt?.map(|learnt| (learnt.loss, learnt.weight))),
        }
    }

    /// The mean loss of what is held out, the same pieces with the same draws every time.
    fn evaluate(&self, epoch: u32) -> Result<Option<f64>, TrainError> {
        if self.held_out.is_empty() {
            return Ok(None);
        }
        let _guard = tch::no_grad_guard();
        let window = self.window(0).map(|window| Window { at: CropAt::Start, ..window });
        let loader = self.loader(window);
        let one_length = self.learner.wants_one_length();
        let (mut sum, mut weights) = (0.0, 0.0);
        let make = |rows: &[usize]| Made::new(&loader, rows, one_length);
        ahead(&self.held_out, make, |rows, batch| {
            let mut random = Random::new(self.pretraining.seed, &format!("held out {}", rows[0]));
            if let Some((loss, weight)) = self.loss(rows, &batch, &mut random, false)? {
                sum += loss.f_double_value(&[])? * weight;
                weights += weight;
            }
            Ok(())
        })?;
        let loss = sum / weights;
        if loss.is_finite() {
            return Ok(Some(loss));
        }
        let lr = self.pretraining.config.lr;
        Err(TrainError::DevNotFinite { loss, epoch, lr, utterances: Vec::new() })
    }

    /// What a state must agree on to be this pretraining's own.
    fn settings(&self) -> String {
        let Pretraining { config, seed, trained_on, device, .. } = *self.pretraining;
        serde_json::json!({
            "learner": self.learner.settings(),
            "config": config,
            "seed": seed,
            "rate_hz": trained_on.dataset().rate_hz(),
            "training_rows": trained_on.rows().len(),
            "environment": environment(device),
        })
        .to_string()
    }

    fn restore(&mut self, state: State) -> Result<StateOutcome, TrainError> {
        replace(&self.learner.weights(), &state.network)?;
        self.optimiser.load_state(&state.optimiser)?;
        self.best = state.best;
        self.kept = state.kept;
        self.history = state.history;
        self.begun = state.begun;
        Ok(StateOutcome::Resumed { epochs: self.done(), batches: self.begun.batches })
    }

    fn state(&self, begun: Begun) -> State {
        State {
            stage: Stage::Search,
            history: self.history.clone(),
            begun,
            max_epochs: self.sampler.epochs(),
            kept: self.kept,
            parts: 1,
            network: self.learner.weights(),
            best: self.best.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect(),
            optimiser: self.optimiser.state(),
        }
    }

    /// Gives the learner the weights that are kept.
    fn finish(mut self, state: StateOutcome) -> Result<Pretrained, TrainError> {
        if !self.best.is_empty() {
            replace(&self.learner.weights(), &self.best)?;
        }
        for epoch in &mut self.history {
            epoch.kept = epoch.number == self.kept;
        }
        Ok(Pretrained {
            trained_rows: self.trained,
            held_out_rows: self.held_out.iter().map(Vec::len).sum(),
            history: self.history,
            state,
        })
    }
}

/// A batch on the device.
struct Made {
    starts: Vec<usize>,
    inputs: Inputs,
    targets: Tensor,
}

impl Made {
    fn new(loader: &Loader, rows: &[usize], one_length: bool) -> Result<Self, TrainError> {
        let pieces = if one_length { loader.pieces_of_one_length(rows) } else { loader.pieces(rows) };
        let starts = pieces.iter().map(|piece| piece.start).collect();
        Ok(Self { starts, inputs: loader.clips(rows, &pieces)?, targets: loader.targets(rows)? })
    }
}

/// A share of the rows drawn at random, and the others in their order.
fn parted(rows: &[usize], share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut shuffled = rows.to_vec();
    Random::new(seed, "held out").shuffle(&mut shuffled);
    let count = (rows.len() as f64 * share).round() as usize;
    let mut others = shuffled.split_off(count);
    others.sort_unstable();
    (shuffled, others)
}
