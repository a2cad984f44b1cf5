//! The training loop: a stage of a training, epoch by epoch, to where stopping says.

use affekt_domain::{Epoch, Stage};
use affekt_features::Standardiser;
use affekt_models::replace;
use affekt_torch::{NamedTensors, Numerics, Random};
use tch::{Device, Tensor};

use crate::augment::Augmentation;
use crate::batch_sampler::{BatchSampler, TrainLength};
use crate::batches::{Loader, batches_ahead};
use crate::check::not_finite;
use crate::crop::Window;
use crate::learner::Learner;
use crate::losses::{Losses, Sums};
use crate::progress::{Listener, Progress};
use crate::scores::DevScores;
use crate::state::{Partial, State, StateFile, StateOutcome};
use crate::step::Stepper;
use crate::validation::Validation;
use crate::{CropAt, Dataset, Optimisation, Stopping, TrainConfig, TrainError};

/// What a stage depends on beside its learner.
#[derive(Clone, Copy)]
pub struct StageSettings<'a> {
    pub stage: Stage,
    pub config: &'a TrainConfig,
    pub seed: u64,
    pub dataset: &'a dyn Dataset,
    /// The dataset's rows that are trained on.
    pub rows: &'a [usize],
    pub length: TrainLength,
    /// What is done to every row first.
    pub standardiser: Option<&'a Standardiser>,
    pub device: Device,
    /// Whether the kept epoch's weights are copied. Else they are those of the last epoch, and stay where they are.
    pub copies_kept: bool,
}

/// A stage of a training under way.
pub struct Run<'a, L: Learner + ?Sized> {
    settings: StageSettings<'a>,
    learner: &'a mut L,
    validation: Option<&'a dyn Validation<L>>,
    sampler: BatchSampler,
    stepper: Stepper,
    /// The epochs of all stages.
    history: Vec<Epoch>,
    /// How much of the next epoch was done before the training was resumed.
    partial: Partial,
    /// The number of this stage's epoch whose weights are kept; 0 before its first.
    kept: u32,
    /// Those weights, where they are copied.
    best: NamedTensors,
}

impl<'a, L: Learner + ?Sized> Run<'a, L> {
    /// Begins a stage, whose epochs are judged by `validation` where there is one.
    pub fn new(
        settings: StageSettings<'a>,
        learner: &'a mut L,
        validation: Option<&'a dyn Validation<L>>,
    ) -> Result<Self, TrainError> {
        let StageSettings { config, seed, dataset, rows, length, .. } = settings;
        Ok(Self {
            sampler: BatchSampler::new(config, seed, dataset, rows, length, learner.least_rows()),
            stepper: Stepper::new(config, learner)?,
            settings,
            learner,
            validation,
            history: Vec::new(),
            partial: Partial::default(),
            kept: 0,
            best: NamedTensors::new(),
        })
    }

    /// Takes over what an earlier stage came to: its epochs, and the micro-batches that its memory allowed.
    pub fn follow(&mut self, history: Vec<Epoch>, micro_batches: usize) {
        self.history = history;
        self.stepper.micro_batches = micro_batches;
    }

    /// Goes on from a saved state of this stage.
    pub fn restore(&mut self, state: State) -> Result<(), TrainError> {
        replace(&self.learner.weights(), &state.network)?;
        self.stepper.load_state(&state.optimiser)?;
        self.stepper.micro_batches = state.micro_batches;
        self.best = state.best;
        self.kept = state.kept;
        self.history = state.history;
        self.partial = state.partial;
        Ok(())
    }

    /// Goes on from what `file` holds of this stage, if it holds something. Says what was found.
    pub fn resume(&mut self, file: Option<&StateFile>) -> Result<StateOutcome, TrainError> {
        let (state, outcome) = StateFile::open(file);
        state.map_or(Ok(()), |state| self.restore(state))?;
        Ok(outcome)
    }

    /// Trains for the epochs that are left of this stage.
    pub fn go_on(&mut self, file: &mut Option<StateFile>, progress: &mut Listener) -> Result<(), TrainError> {
        self.go_on_until(self.sampler.epochs(), file, progress)
    }

    /// Trains for those of them up to an epoch.
    pub fn go_on_until(
        &mut self,
        last: u32,
        file: &mut Option<StateFile>,
        progress: &mut Listener,
    ) -> Result<(), TrainError> {
        let Optimisation { deterministic, cudnn_benchmark, .. } = self.settings.config.optimisation;
        let _numerics = Numerics { tf32: false, deterministic, cudnn_benchmark }.hold();
        while !self.is_over() && self.done() < last {
            let number = self.done() + 1;
            let trained = self.epoch(number, file, progress)?;
            let learning_rate = self.last_learning_rate(number);
            if self.stepper.overflows()? {
                return Err(TrainError::Overflow { epoch: number, lr: learning_rate });
            }
            if let Some(name) =
                not_finite(self.learner.trainable())?.or(not_finite(self.learner.statistics())?)
            {
                return Err(TrainError::WeightsNotFinite { name, epoch: number, lr: learning_rate });
            }
            let partial = Partial { batches: self.sampler.epoch(number).len(), losses: trained };
            let dev = self.validate(number, partial, file, progress)?;
            let mut epoch = Epoch {
                stage: self.settings.stage,
                number,
                learning_rate,
                train_loss: trained.loss(),
                train_accuracy: trained.accuracy(),
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
                if self.settings.copies_kept {
                    self.best = copy(&self.learner.weights())?;
                }
            }
            let stops = progress(Progress::Epoch(&epoch)).is_break();
            self.keep(stops, file.as_mut(), || Ok(Partial::default()))?;
            if stops {
                return Err(TrainError::Cancelled(number));
            }
        }
        Ok(())
    }

    /// Returns how many epochs of this stage are done.
    fn done(&self) -> u32 {
        self.history.iter().filter(|epoch| epoch.stage == self.settings.stage).count() as u32
    }

    fn is_over(&self) -> bool {
        let done = self.done();
        let patience_over = match (self.settings.stage, self.settings.config.stopping) {
            (Stage::Search, Stopping::Early { patience, .. }) => {
                done > self.kept && done - self.kept >= patience
            }
            _ => false,
        };
        done >= self.sampler.epochs() || patience_over
    }

    fn is_kept(&self, epoch: &Epoch) -> bool {
        epoch.stage == self.settings.stage && epoch.number == self.kept
    }

    /// Returns whether to keep `new`'s weights rather than `old`'s.
    fn is_better(&self, new: &Epoch, old: &Epoch) -> bool {
        match (self.settings.stage, self.settings.config.stopping) {
            (Stage::Refit, _) | (_, Stopping::Fixed) => true,
            (_, Stopping::Early { monitor, .. }) => {
                monitor.of(new).zip(monitor.of(old)).is_some_and(|(new, old)| monitor.is_better(new, old))
            }
        }
    }

    /// Returns what a step of an epoch learns with; steps are counted from 0 through all epochs.
    fn learning_rate(&self, epoch: u32, step: u64) -> f64 {
        let config = self.settings.config;
        config.optimisation.lr * config.optimisation.schedule.factor(step, self.sampler.total(), epoch - 1)
    }

    fn last_learning_rate(&self, epoch: u32) -> f64 {
        self.learning_rate(epoch, self.sampler.before(epoch + 1) - 1)
    }

    /// Makes one pass over the rows, or what is left of it. Returns what its losses come to.
    fn epoch(
        &mut self,
        number: u32,
        file: &mut Option<StateFile>,
        progress: &mut Listener,
    ) -> Result<Sums, TrainError> {
        let StageSettings { stage, config, seed, dataset, standardiser, device, .. } = self.settings;
        self.stepper.unfreeze(Some(number))?;
        let partial = std::mem::take(&mut self.partial);
        let window = window(config, seed, dataset, &*self.learner, number);
        let augmentation = config.augment.map(|augment| Augmentation { augment, seed, epoch: number });
        let loader = Loader { dataset, standardiser, window, augmentation, device };
        let one_length = self.learner.wants_one_length();
        let batches = self.sampler.epoch(number);
        let (before, steps) = (self.sampler.before(number), self.sampler.total());
        let (max_epochs, total) = (self.sampler.epochs(), batches.len());
        let mut done = partial.batches;
        let mut losses = Losses::new(dataset, number, &batches, partial.losses);
        let left: Vec<_> = batches.iter().cloned().enumerate().skip(done).collect();
        let draws = self.learner.batch_draws();
        // Order, pieces, masks, distortions and dropout are functions of seed, epoch and step, not of what came before: that is
        // what lets a resumed run go on as if nothing had happened, and batches be made ahead.
        let random = |batch: usize| Random::new(seed, &format!("step {number} {batch}"));
        batches_ahead(
            left,
            |batch, rows| {
                let mut random = random(batch);
                let seed = random.bits() as i64; // of libtorch's generator
                Ok((seed, loader.batch(rows, one_length, draws.as_deref(), &mut random)?))
            },
            |rows, (seed, mut batch)| {
                batch.inputs = loader.distorted(rows, batch.inputs)?;
                let lr = self.learning_rate(number, before + done as u64);
                let micro_batches = self.stepper.micro_batches;
                let mut heard = |of_batch: usize, micro_batches: usize| {
                    let (batch, done, total) = (done + 1, of_batch, micro_batches);
                    let micro_batch = Progress::MicroBatch { stage, epoch: number, batch, done, total };
                    if progress(micro_batch).is_break() { Err(TrainError::Cancelled(number)) } else { Ok(()) }
                };
                let of_step = self.stepper.step(&*self.learner, &mut batch, seed, lr, &mut heard);
                losses.push(done, lr, of_step.map_err(|error| with_longest(dataset, rows, error))?)?;
                done += 1;
                if self.stepper.micro_batches > micro_batches {
                    let micro_batches = self.stepper.micro_batches;
                    // Whether to go on is asked below.
                    let _ =
                        progress(Progress::OutOfMemory { stage, epoch: number, batch: done, micro_batches });
                }
                let (step, loss) = (before + done as u64, losses.mean());
                let life =
                    Progress::Batch { stage, epoch: number, max_epochs, done, total, step, steps, loss };
                let stops = progress(life).is_break();
                self.keep(stops, file.as_mut(), || Ok(Partial { batches: done, losses: losses.flush()? }))?;
                if stops { Err(TrainError::Cancelled(number)) } else { Ok(()) }
            },
        )?;
        losses.flush()
    }

    /// Scores the weights after an epoch, where something judges them. Meanwhile the state is kept as it is after the epoch's
    /// last step, `trained`, as soon as that is due: a training that is killed evaluates again and does not train again.
    fn validate(
        &self,
        epoch: u32,
        trained: Partial,
        file: &mut Option<StateFile>,
        progress: &mut Listener,
    ) -> Result<Option<DevScores>, TrainError> {
        let Some(validation) = self.validation else { return Ok(None) };
        let stage = self.settings.stage;
        // It changes no more: to write it once is enough.
        let mut unwritten = file.as_mut();
        let mut keep = |stops: bool| -> Result<(), TrainError> {
            if self.keep(stops, unwritten.as_deref_mut(), || Ok(trained))? {
                unwritten = None;
            }
            Ok(())
        };
        keep(false)?;
        let scores = validation.scores(&*self.learner, epoch, &mut |done, total| {
            let stops = progress(Progress::Evaluation { stage, epoch, done, total }).is_break();
            keep(stops)?;
            if stops { Err(TrainError::Cancelled(epoch)) } else { Ok(()) }
        });
        scores.map(Some)
    }

    /// Writes the state after as much of an epoch as is done, where that is due or the training `stops`. Returns whether it was written.
    fn keep(
        &self,
        stops: bool,
        file: Option<&mut StateFile<'_>>,
        partial: impl FnOnce() -> Result<Partial, TrainError>,
    ) -> Result<bool, TrainError> {
        let Some(file) = file else { return Ok(false) };
        let state = || Ok(self.state(partial()?));
        if stops {
            file.write(state()?)?;
            return Ok(true);
        }
        file.write_if_due(state)
    }

    /// Returns all that what is left depends on, after as much of an epoch as is done.
    pub fn state(&self, partial: Partial) -> State {
        let clone =
            |tensors: &NamedTensors| tensors.iter().map(|(n, t)| (n.clone(), t.shallow_clone())).collect();
        State {
            stage: self.settings.stage,
            history: self.history.clone(),
            partial,
            max_epochs: self.sampler.epochs(),
            kept: self.kept,
            micro_batches: self.stepper.micro_batches,
            network: self.learner.weights(),
            best: clone(&self.best),
            optimiser: self.stepper.state(),
        }
    }

    /// Returns the epochs of all stages, with the one marked whose weights are kept.
    pub fn history(&self) -> Vec<Epoch> {
        self.history.iter().map(|epoch| Epoch { kept: self.is_kept(epoch), ..*epoch }).collect()
    }

    /// Returns the epoch that a training which diverged did not come to the end of.
    pub fn diverged_epoch(&self) -> Epoch {
        let number = self.done() + 1;
        Epoch {
            stage: self.settings.stage,
            number,
            learning_rate: self.learning_rate(number, self.sampler.before(number)),
            train_loss: f64::NAN,
            train_accuracy: None,
            dev_loss: None,
            dev_accuracy: None,
            dev_uar: None,
            dev_ccc: None,
            kept: false,
        }
    }

    /// Ends the stage.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn finish(self) -> Result<Finished, TrainError> {
        self.stepper.unfreeze(None)?;
        Ok(Finished {
            history: self.history(),
            kept: self.kept,
            best: self.best,
            micro_batches: self.stepper.micro_batches,
        })
    }
}

/// What a stage came to.
pub struct Finished {
    /// The epochs of all stages, with the one marked whose weights are kept.
    pub history: Vec<Epoch>,
    /// Its number in this stage.
    pub kept: u32,
    /// Its weights, where they were copied; else they are the learner's.
    pub best: NamedTensors,
    /// In how many micro-batches batches were computed at last.
    pub micro_batches: usize,
}

/// Adds to an error which of these rows' waveforms is the longest, where that may be why.
fn with_longest(dataset: &dyn Dataset, rows: &[usize], error: TrainError) -> TrainError {
    let samples = |row: &&usize| dataset.values(**row).len();
    match (dataset.rate_hz(), rows.iter().max_by_key(samples)) {
        (Some(rate_hz), Some(row)) if rate_hz > 0 => {
            error.with_longest(dataset.name(*row), samples(&row) as f64 / f64::from(rate_hz))
        }
        _ => error,
    }
}

/// Returns which pieces of waveforms an epoch takes, where not all of each. Clips that are only cut to the shortest of their batch
/// begin anywhere.
pub fn window<L: Learner + ?Sized>(
    config: &TrainConfig,
    seed: u64,
    dataset: &dyn Dataset,
    learner: &L,
    epoch: u32,
) -> Option<Window> {
    let hop = learner.hop();
    match config.optimisation.crop {
        Some(crop) => {
            let samples = crop.samples(dataset.rate_hz().unwrap_or(0));
            Some(Window { samples, at: crop.at, hop, seed, epoch })
        }
        None if learner.wants_one_length() => {
            Some(Window { samples: usize::MAX, at: CropAt::Random, hop, seed, epoch })
        }
        None => None,
    }
}

/// Returns the same tensors elsewhere.
fn copy(tensors: &NamedTensors) -> Result<NamedTensors, TrainError> {
    let copy = |(name, tensor): (&String, &Tensor)| {
        let mut new = tensor.f_empty_like()?;
        new.f_copy_(tensor)?;
        Ok((name.clone(), new))
    };
    tensors.iter().map(copy).collect()
}

#[cfg(test)]
mod tests {
    use affekt_domain::Role;
    use affekt_models::InputShape;

    use super::*;
    use crate::Target;

    /// Two waveforms at 10 Hz.
    struct Clips([Vec<f32>; 2]);

    impl Dataset for Clips {
        fn len(&self) -> usize {
            2
        }
        fn input(&self) -> InputShape {
            InputShape::Waveforms
        }
        fn rate_hz(&self) -> Option<u32> {
            Some(10)
        }
        fn values(&self, row: usize) -> &[f32] {
            &self.0[row]
        }
        fn target(&self, _: usize) -> Target<'_> {
            Target::Class(0)
        }
        fn name(&self, row: usize) -> &str {
            ["C/short", "C/lecture"][row]
        }
        fn speaker(&self, _: usize) -> &str {
            "C/1"
        }
        fn role(&self, _: usize) -> Option<Role> {
            Some(Role::Train)
        }
    }

    #[test]
    fn the_longest_waveform_is_named_where_memory_was_used_up() {
        let clips = Clips([vec![0.0; 20], vec![0.0; 15_000]]);
        let source = || Box::new(TrainError::AllFrozen);
        let used_up = TrainError::OutOfMemory { rows: 2, why: "try a `crop`".into(), source: source() };
        let told = with_longest(&clips, &[0, 1], used_up).to_string();
        let expected = "out of memory with a batch of 2: the longest waveform is `C/lecture` of 1500.0 s: try a `crop`; ";
        assert!(told.starts_with(expected), "{told}");
        let other = with_longest(&clips, &[0, 1], TrainError::AllFrozen).to_string();
        assert_eq!(other, TrainError::AllFrozen.to_string());
    }
}
