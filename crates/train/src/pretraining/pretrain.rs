//! Pretraining a learner: so many steps, on a training part of which a share may be held out to choose the weights.

use affekt_domain::{Epoch, Stage};
use affekt_models::replace;
use affekt_torch::Random;
use tch::Device;

use super::PretrainConfig;
use super::config as settings_of_loop;
use super::learner::PretrainingLearner;
use crate::batch_sampler::TrainLength;
use crate::batches::Loader;
use crate::check::{check_full_batch, check_samples};
use crate::crop::Window;
use crate::progress::Listener;
use crate::run::{Run, StageSettings, window};
use crate::state::StateFile;
use crate::training::{alone, environment};
use crate::validation::{HeldOut, Validation};
use crate::{CropAt, Resume, StateOutcome, TrainError, TrainingPart};

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
    /// In how many micro-batches batches were computed at last: more than one where memory was used up.
    pub micro_batches: usize,
    /// What was found in the [`Resume`] folder.
    pub state: StateOutcome,
}

/// Pretrains a learner, which has the weights to keep afterwards. `progress` hears of every step and may break off.
///
/// # Errors
/// When part, settings and learner do not go together, the loss stops being finite, `progress` breaks off, the resume
/// state cannot be written, or libtorch refuses.
pub fn pretrain<L: PretrainingLearner>(
    pretraining: &Pretraining,
    learner: &mut L,
    progress: &mut Listener,
) -> Result<Pretrained, TrainError> {
    let Pretraining { config, seed, trained_on, device, resume } = *pretraining;
    check(pretraining, learner)?;
    let dataset = trained_on.dataset();
    let (mut held_out, rows) = hold_out(trained_on.rows(), config.held_out, seed);
    if rows.is_empty() {
        return Err(TrainError::NoBatch { rows: 0, batch_size: config.optimisation.batch_size });
    }
    check_full_batch(&settings_of_loop::of_loop(config, false), dataset, &rows)?;
    held_out.sort_by_key(|&row| dataset.values(row).len());
    let settings = settings(pretraining, learner);
    let of_loop = settings_of_loop::of_loop(config, !held_out.is_empty());
    let window = window(&of_loop, seed, dataset, learner, /* epoch */ 0);
    let window = window.map(|window| Window { at: CropAt::Start, ..window });
    let validation = HeldOut {
        batches: held_out.chunks(config.optimisation.batch_size).map(<[usize]>::to_vec).collect(),
        loader: Loader { dataset, standardiser: None, window, augmentation: None, device },
        precision: config.optimisation.precision,
        seed,
        lr: config.optimisation.lr,
    };
    let stage = StageSettings {
        stage: Stage::Search,
        config: &of_loop,
        seed,
        dataset,
        rows: &rows,
        length: TrainLength::Steps(config.steps),
        standardiser: None,
        device,
        copies_kept: !held_out.is_empty(),
    };
    let validation = (!held_out.is_empty()).then_some(&validation as &dyn Validation<L>);
    let mut run = Run::new(stage, learner, validation)?;
    let _alone = alone();
    let mut file = resume.map(|resume| StateFile::new(resume, settings));
    let state = run.resume(file.as_ref())?;
    run.go_on(&mut file, progress)?;
    let finished = run.finish()?;
    if !finished.best.is_empty() {
        replace(&learner.weights(), &finished.best)?;
    }
    Ok(Pretrained {
        history: finished.history,
        trained_rows: rows.len(),
        held_out_rows: held_out.len(),
        micro_batches: finished.micro_batches,
        state,
    })
}

/// Complains of the first thing that makes no pretraining.
fn check(pretraining: &Pretraining, learner: &impl PretrainingLearner) -> Result<(), TrainError> {
    let Pretraining { config, trained_on, .. } = *pretraining;
    settings_of_loop::check(config)?;
    let dataset = trained_on.dataset();
    let rate_hz = dataset.rate_hz().ok_or(TrainError::NoWaveforms)?;
    let least = learner.least_samples();
    check_samples(trained_on, least)?;
    if config.optimisation.crop.is_some_and(|crop| crop.samples(rate_hz) < least) {
        let value = config.optimisation.crop.map_or(0.0, |crop| crop.seconds).to_string();
        let expected = "what makes a frame of the network at least";
        return Err(TrainError::Config { name: "crop.seconds", value, expected });
    }
    Ok(())
}

/// Returns what a state must agree on to be this pretraining's own.
fn settings(pretraining: &Pretraining, learner: &impl PretrainingLearner) -> String {
    let Pretraining { config, seed, trained_on, device, .. } = *pretraining;
    serde_json::json!({
        "learner": learner.settings(),
        "config": config,
        "seed": seed,
        "rate_hz": trained_on.dataset().rate_hz(),
        "training_rows": trained_on.rows().len(),
        "environment": environment(device),
    })
    .to_string()
}

/// Draws a share of the rows at random. Returns them, and the others in their order.
fn hold_out(rows: &[usize], share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut shuffled = rows.to_vec();
    Random::new(seed, "held out").shuffle(&mut shuffled);
    let count = (rows.len() as f64 * share).round() as usize;
    let mut others = shuffled.split_off(count);
    others.sort_unstable();
    (shuffled, others)
}
