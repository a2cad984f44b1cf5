//! Trains a network: what that depends on, its stages, and what comes out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use affekt_domain::{Epoch, Stage, Task};
use affekt_features::Standardiser;
use affekt_models::{Accounting, Network, ParameterCounts};
use affekt_spec::network::NetworkConfig;
use affekt_torch::NamedTensors;
use tch::{Device, Tensor};

use crate::batch_sampler::TrainLength;
use crate::check::check;
use crate::progress::Listener;
use crate::run::{Run, StageSettings};
use crate::state::StateFile;
use crate::supervised::{Forward, Supervised};
use crate::validation::Validation;
use crate::{DevPart, Refit, Resume, StateOutcome, TrainConfig, TrainError, TrainingPart};

/// All that a trained network depends on.
pub struct Training<'a> {
    /// Which network.
    pub network: &'a NetworkConfig,
    /// How to train it.
    pub config: &'a TrainConfig,
    /// A checkpoint whose encoder the network begins with, where not with one that knows nothing.
    pub encoder: Option<&'a NamedTensors>,
    /// What it is to say of every row.
    pub task: &'a Task,
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
    /// What became of the tensors of [`Training::encoder`].
    pub encoder: Option<Accounting>,
    /// In how many micro-batches batches were computed at last: more than `gradient_accumulation_steps` where memory was used up.
    pub micro_batches: usize,
    /// What was found in the [`Resume`] folder.
    pub state: StateOutcome,
}

/// Trains a network. `progress` hears of every batch and epoch and may break off.
///
/// One training runs at a time in a process, others wait: dropout draws from libtorch's one generator.
///
/// # Errors
/// When the parts, settings and network do not go together, the loss stops being finite, `progress` breaks
/// off, the resume state cannot be written, or libtorch refuses. An unusable resume state is no error:
/// [`Trained::state`] tells of it.
pub fn train(training: &Training, progress: &mut Listener) -> Result<Trained, TrainError> {
    train_with(&Network::forward_t, training, progress)
}

/// Does the same with networks that are applied by `forward`.
pub fn train_with(
    forward: &Forward,
    training: &Training,
    progress: &mut Listener,
) -> Result<Trained, TrainError> {
    check(training)?;
    let _alone = alone();
    let mut file = training.resume.map(|resume| StateFile::new(resume, settings(training)));
    let (resumed, outcome) = StateFile::open(file.as_ref());
    let max_epochs = training.config.max_epochs;
    let (mut stage, epochs) =
        resumed.as_ref().map_or((Stage::Search, max_epochs), |state| (state.stage, state.max_epochs));
    let mut learner = Supervised::new(training, forward, part(training, stage)?)?;
    let mut run = begin(training, &mut learner, stage, epochs)?;
    resumed.map_or(Ok(()), |state| run.restore(state))?;
    run.go_on(&mut file, progress)?;
    let mut finished = run.finish()?;
    if stage == Stage::Search && training.config.refit != Refit::None {
        stage = Stage::Refit;
        // From the seed once more, for as many epochs as were best.
        learner = Supervised::new(training, forward, part(training, stage)?)?;
        let mut run = begin(training, &mut learner, stage, finished.kept)?;
        run.follow(finished.history, finished.micro_batches);
        run.go_on(&mut file, progress)?;
        finished = run.finish()?;
    }
    let on_cpu = |(name, tensor): (String, Tensor)| Ok((name, tensor.f_to_device(Device::Cpu)?));
    Ok(Trained {
        weights: finished.best.into_iter().map(on_cpu).collect::<Result<_, TrainError>>()?,
        history: finished.history,
        stage,
        kept_epoch: finished.kept,
        trained_rows: part(training, stage)?.rows().len(),
        parameters: learner.network.parameter_counts(),
        encoder: learner.encoder,
        micro_batches: finished.micro_batches,
        state: outcome,
    })
}

/// Begins a stage of so many epochs at the most. Training anew has no dev part: there is nothing left to choose.
pub fn begin<'t: 'r, 'r>(
    training: &'t Training<'t>,
    learner: &'r mut Supervised<'t>,
    stage: Stage,
    max_epochs: u32,
) -> Result<Run<'r, Supervised<'t>>, TrainError> {
    let Training { config, seed, standardiser, device, .. } = *training;
    let part = part(training, stage)?;
    let settings = StageSettings {
        stage,
        config,
        seed,
        dataset: part.dataset(),
        rows: part.rows(),
        length: TrainLength::Epochs(max_epochs),
        standardiser,
        device,
        copies_kept: true,
    };
    let dev = training.selected_on.filter(|_| stage == Stage::Search);
    Run::new(settings, learner, dev.map(|dev| dev as &dyn Validation<Supervised<'t>>))
}

/// Locks libtorch's generator, which every training of the process seeds and draws from in turn.
pub fn alone() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns what a stage is fitted on.
pub fn part<'a>(training: &'a Training<'a>, stage: Stage) -> Result<&'a TrainingPart<'a>, TrainError> {
    match stage {
        Stage::Search => Ok(training.trained_on),
        Stage::Refit => refit_part(training),
    }
}

/// Returns what training anew is fitted on.
pub fn refit_part<'a>(training: &'a Training<'a>) -> Result<&'a TrainingPart<'a>, TrainError> {
    match training.config.refit {
        Refit::BestEpochsWithDev => training.refitted_on.ok_or(TrainError::NoRefitPart),
        Refit::BestEpochs | Refit::None => Ok(training.trained_on),
    }
}

/// Returns what a state must agree on to be this training's own.
pub fn settings(training: &Training) -> String {
    serde_json::json!({
        "network": training.network,
        "config": training.config,
        "task": training.task,
        "seed": training.seed,
        "input": training.trained_on.dataset().input(),
        "rate_hz": training.trained_on.dataset().rate_hz(),
        "encoder": training.encoder.is_some(),
        "training_rows": training.trained_on.rows().len(),
        "dev_rows": training.selected_on.map(|part| part.rows().len()),
        "refit_rows": training.refitted_on.map(|part| part.rows().len()),
        "standardiser": training.standardiser,
        "environment": environment(training.device),
    })
    .to_string()
}

/// Returns what beside the settings decides the bits of what is computed.
pub fn environment(device: Device) -> serde_json::Value {
    serde_json::json!({
        "cuda": device.is_cuda(),
        "threads": affekt_torch::device::threads(),
        "libtorch": affekt_torch::device::libtorch_version(),
    })
}
