//! Checks that a training's parts, settings and network go together, before anything is computed.

use std::collections::BTreeMap;

use affekt_domain::{Monitor, Task};
use affekt_features::Standardiser;
use affekt_models::{InputShape, Network};
use affekt_spec::Words;
use affekt_spec::training::{Balance, Counted, Optimisation};
use affekt_torch::NamedTensors;
use tch::Tensor;

use crate::batch_sampler::{BatchSampler, TrainLength};
use crate::training::refit_part;
use crate::{
    Batching, ClassWeights, Dataset, Loss, Part, PartRole, Refit, Stopping, Target, TrainConfig, TrainError,
    Training, TrainingPart,
};

/// Refuses the first thing that makes no training.
pub fn check(training: &Training) -> Result<(), TrainError> {
    let config = training.config;
    let dataset = training.trained_on.dataset();
    check_numbers(config)?;
    check_task(config, training.task)?;
    check_inputs(training)?;
    if config.refit != Refit::None && config.stopping == Stopping::Fixed {
        return bad("refit", format!("{:?}", config.refit), "`none` where nothing is searched for");
    }
    if config.refit == Refit::BestEpochsWithDev {
        check_part(refit_part(training)?, training.task)?;
    }
    check_part(training.trained_on, training.task)?;
    let rows = training.trained_on.rows();
    check_full_batch(config, dataset, rows)?;
    let length = TrainLength::Epochs(config.max_epochs);
    crate::schedule::check(
        &config.optimisation.schedule,
        BatchSampler::new(config, training.seed, dataset, rows, length, /* least_rows */ 1).total(),
    )?;
    match (training.selected_on, config.stopping) {
        (Some(part), _) => check_part(part, training.task),
        (None, Stopping::Early { .. }) => Err(TrainError::NoDevPart),
        (None, Stopping::Fixed) => Ok(()),
    }
}

/// Refuses a training that would leave out everything, for no batch is a full one.
pub fn check_full_batch(
    config: &TrainConfig,
    dataset: &dyn Dataset,
    rows: &[usize],
) -> Result<(), TrainError> {
    let Optimisation { drop_last, batch_size, batching, crop, .. } = config.optimisation;
    if !drop_last {
        return Ok(());
    }
    if let Batching::Bucketed { seconds: Some(seconds), .. } = batching {
        let rate_hz = dataset.rate_hz().unwrap_or(0);
        let most = crop.map_or(usize::MAX, |crop| crop.samples(rate_hz));
        let samples: usize = rows.iter().map(|&row| dataset.values(row).len().min(most)).sum();
        let found = samples as f64 / f64::from(rate_hz.max(1));
        return if found < seconds { Err(TrainError::NoFullBatch { found, seconds }) } else { Ok(()) };
    }
    if rows.len() < batch_size {
        return Err(TrainError::NoBatch { rows: rows.len(), batch_size });
    }
    Ok(())
}

/// Refuses what a network cannot do, and has it compute activations anew where that is asked for.
pub fn check_network(training: &Training, network: &mut Network) -> Result<(), TrainError> {
    let config = training.config;
    if config.optimisation.gradient_checkpointing && !network.checkpoint_gradients() {
        return bad("gradient_checkpointing", "true".into(), "`false`: this network cannot");
    }
    let most = config
        .optimisation
        .crop
        .map_or(usize::MAX, |crop| crop.samples(training.trained_on.dataset().rate_hz().unwrap_or(0)));
    if most < network.least_samples() {
        let seconds = config.optimisation.crop.map_or(0.0, |crop| crop.seconds);
        return bad("crop.seconds", seconds.to_string(), "what makes a frame of the network at least");
    }
    if network.input() != InputShape::Waveforms {
        return Ok(());
    }
    let least = network.least_samples();
    let mut short = too_short(training.trained_on, least);
    short.extend(training.refitted_on.into_iter().flat_map(|part| too_short(part, least)));
    short.extend(training.selected_on.into_iter().flat_map(|part| too_short(part, least)));
    refuse_short(short, least)
}

/// Refuses waveforms that are too short for the network, all of a part at once.
pub fn check_lengths<R: PartRole>(part: &Part<R>, network: &Network) -> Result<(), TrainError> {
    match network.input() {
        InputShape::Waveforms => check_samples(part, network.least_samples()),
        InputShape::Frames(_) | InputShape::Pictures(_) => Ok(()),
    }
}

/// Refuses waveforms of fewer samples than `least`, all of a part at once.
pub fn check_samples<R: PartRole>(part: &Part<R>, least: usize) -> Result<(), TrainError> {
    refuse_short(too_short(part, least), least)
}

/// Returns the names and lengths of a part's waveforms of fewer samples than `least`.
fn too_short<R: PartRole>(part: &Part<R>, least: usize) -> BTreeMap<String, usize> {
    let dataset = part.dataset();
    let lengths = part.rows().iter().map(|&row| (dataset.name(row).to_owned(), dataset.values(row).len()));
    lengths.filter(|(_, samples)| *samples < least.max(1)).collect()
}

fn refuse_short(short: BTreeMap<String, usize>, least: usize) -> Result<(), TrainError> {
    let Some(&found) = short.values().next() else { return Ok(()) };
    Err(TrainError::TooShort { names: short.into_keys().collect(), found, expected: least })
}

/// Returns how many rows a batch needs: two where batch norm finds no variance in one, else one.
///
/// # Errors
/// When there are not as many, or batches are to hold fewer.
pub fn least_rows(
    config: &TrainConfig,
    network: &Network,
    part: &TrainingPart<'_>,
) -> Result<usize, TrainError> {
    let (dataset, rows) = (part.dataset(), part.rows());
    let shortest = match network.input() {
        InputShape::Waveforms => rows.iter().map(|&row| dataset.values(row).len()).min().unwrap_or(0),
        InputShape::Frames(_) | InputShape::Pictures(_) => 0,
    };
    let crop = config.optimisation.crop.map(|crop| crop.samples(dataset.rate_hz().unwrap_or(0)));
    if !network.needs_two_examples(crop.map_or(shortest, |crop| crop.min(shortest)))? {
        return Ok(1);
    }
    if rows.len() < 2 || config.optimisation.batch_size < 2 {
        return Err(TrainError::OneRow { rows: rows.len(), batch_size: config.optimisation.batch_size });
    }
    Ok(2)
}

/// Returns the names of rows of a part whose outputs are not all finite.
pub fn not_finite_rows<R: PartRole>(part: &Part<R>, outputs: &[Vec<f32>]) -> Vec<String> {
    let not_finite = |outputs: &&Vec<f32>| outputs.iter().any(|value| !value.is_finite());
    let of_rows = part.rows().iter().zip(outputs).filter(|(_, outputs)| not_finite(outputs));
    of_rows.map(|(&row, _)| part.dataset().name(row).to_owned()).collect()
}

/// Refuses the first number that is out of its setting's range.
pub fn check_numbers(config: &TrainConfig) -> Result<(), TrainError> {
    if !(config.optimisation.lr > 0.0 && config.optimisation.lr.is_finite()) {
        return bad("lr", config.optimisation.lr.to_string(), "a number above 0");
    }
    if !(config.optimisation.weight_decay >= 0.0 && config.optimisation.weight_decay.is_finite()) {
        return bad("weight_decay", config.optimisation.weight_decay.to_string(), "a number from 0");
    }
    if config.optimisation.batch_size == 0 {
        return bad("batch_size", "0".into(), "at least 1");
    }
    if config.max_epochs == 0 {
        return bad("max_epochs", "0".into(), "at least 1");
    }
    if !(1..=config.optimisation.batch_size).contains(&config.optimisation.gradient_accumulation_steps) {
        return bad(
            "gradient_accumulation_steps",
            config.optimisation.gradient_accumulation_steps.to_string(),
            "from 1 to `batch_size`",
        );
    }
    if let Some(norm) = config.optimisation.clip_norm.filter(|norm| !(*norm > 0.0 && norm.is_finite())) {
        return bad("clip_norm", norm.to_string(), "a number above 0");
    }
    if let Some(crop) = config.optimisation.crop
        && !(crop.seconds > 0.0 && crop.seconds.is_finite())
    {
        return bad("crop.seconds", crop.seconds.to_string(), "a number above 0");
    }
    if let Some(augment) = config.augment {
        if !(0.0..=180.0).contains(&augment.rotation) {
            return bad("augment.rotation", augment.rotation.to_string(), "degrees from 0 to 180");
        }
        if !(0.0..1.0).contains(&augment.zoom) {
            return bad("augment.zoom", augment.zoom.to_string(), "a share from 0, below 1");
        }
    }
    if let Batching::Bucketed { seconds, counted, noise } = config.optimisation.batching {
        if let Some(seconds) = seconds.filter(|seconds| !(*seconds > 0.0 && seconds.is_finite())) {
            return bad("batching.seconds", seconds.to_string(), "a number above 0");
        }
        if !(0.0..1.0).contains(&noise) {
            return bad("batching.noise", noise.to_string(), "a number from 0, below 1");
        }
        if seconds.is_some() && counted == Counted::Padded && config.optimisation.drop_last {
            return bad("drop_last", "true".into(), "`false` where batches are filled by padded seconds");
        }
    }
    Ok(())
}

fn check_task(config: &TrainConfig, task: &Task) -> Result<(), TrainError> {
    let Stopping::Early { monitor, .. } = config.stopping else { return check_loss(config, task) };
    match (monitor, task) {
        (Monitor::DevAccuracy | Monitor::DevUar, Task::Outputs(_)) => bad(
            "stopping.monitor",
            format!("{monitor:?}"),
            "`dev-loss` or `dev-ccc`, for the rows have values and no classes",
        ),
        (Monitor::DevCcc, Task::Classes(_)) => bad(
            "stopping.monitor",
            "DevCcc".into(),
            "`dev-loss`, `dev-accuracy` or `dev-uar`, for the rows have classes and no values",
        ),
        _ => check_loss(config, task),
    }
}

fn check_loss(config: &TrainConfig, task: &Task) -> Result<(), TrainError> {
    match (task, config.loss) {
        (Task::Classes(classes), _) if classes.len() < 2 => {
            bad("classes", classes.len().to_string(), "at least two to tell apart")
        }
        (Task::Outputs(_), Loss::CrossEntropy | Loss::Focal | Loss::Ordinal) => {
            bad("loss", config.loss.word().into(), "`ccc` or `mse`, for the rows have values and no classes")
        }
        (Task::Classes(_), Loss::Ccc | Loss::Mse) => bad(
            "loss",
            format!("{:?}", config.loss),
            "`cross-entropy`, `focal` or `ordinal`, for the rows have classes and no values",
        ),
        (Task::Outputs(_), _) if config.class_weights != ClassWeights::None => {
            bad("class_weights", "given".into(), "`none`, for the rows have values and no classes")
        }
        (Task::Outputs(_), _) if config.optimisation.batching == BY_CLASS => {
            bad("batching.balance", "class".into(), "`speaker` or `corpus`, for the rows have no classes")
        }
        _ => Ok(()),
    }
}

const BY_CLASS: Batching = Batching::Balanced { balance: Balance::Class };

/// Refuses a standardiser where there are no bands.
pub fn check_standardiser(
    dataset: &dyn Dataset,
    standardiser: Option<&Standardiser>,
) -> Result<(), TrainError> {
    match dataset.input() {
        InputShape::Frames(_) => Ok(()),
        input if standardiser.is_some() => Err(TrainError::Unstandardisable(input)),
        InputShape::Waveforms | InputShape::Pictures(_) => Ok(()),
    }
}

/// Refuses waveforms without a rate, and settings about waveforms or pictures where the rows are none.
fn check_inputs(training: &Training) -> Result<(), TrainError> {
    let Training { config, standardiser, .. } = *training;
    let dataset = training.trained_on.dataset();
    check_standardiser(dataset, standardiser)?;
    match dataset.input() {
        InputShape::Waveforms | InputShape::Frames(_) if config.augment.is_some() => {
            bad("augment", "given".into(), "nothing, for the examples are no pictures: put `picture` before")
        }
        InputShape::Waveforms if dataset.rate_hz().is_none_or(|rate| rate == 0) => {
            bad("rate_hz", "missing".into(), "how many samples of the waveforms make a second")
        }
        InputShape::Waveforms => Ok(()),
        InputShape::Frames(_) | InputShape::Pictures(_) if config.optimisation.crop.is_some() => {
            bad("crop", "given".into(), "nothing, for the examples are no waveforms")
        }
        InputShape::Frames(_) | InputShape::Pictures(_)
            if matches!(config.optimisation.batching, Batching::Bucketed { .. }) =>
        {
            bad(
                "batching",
                "bucketed".into(),
                "`shuffled`, or one with `balance`, for the examples are no waveforms and of one length",
            )
        }
        InputShape::Frames(_) | InputShape::Pictures(_) => Ok(()),
    }
}

/// Returns the name of a tensor that holds what is not finite, where one does: the loss of a last step was that of the weights before it.
pub fn not_finite(tensors: NamedTensors) -> Result<Option<String>, TrainError> {
    let (names, tensors): (Vec<_>, Vec<_>) = tensors.into_iter().unzip();
    let finite = |tensor: &Tensor| tensor.f_isfinite()?.f_all();
    let finite = tensors.iter().map(finite).collect::<Result<Vec<_>, _>>()?;
    if finite.is_empty() {
        return Ok(None);
    }
    let finite = Vec::<bool>::try_from(Tensor::f_stack(&finite, 0)?)?;
    Ok(names.into_iter().zip(finite).find(|(_, finite)| !finite).map(|(name, _)| name))
}

fn check_part<R: PartRole>(part: &Part<R>, task: &Task) -> Result<(), TrainError> {
    if part.rows().is_empty() {
        return Err(TrainError::Empty(R::ROLE));
    }
    part.rows().iter().zip(part.targets()).try_for_each(|(&row, target)| match (task, target) {
        (Task::Classes(classes), Target::Class(class)) if !(0..classes.len() as i64).contains(&class) => {
            Err(TrainError::Class { row, class, classes: classes.len() })
        }
        (Task::Outputs(outputs), Target::Values(values)) if values.len() != outputs.len() => {
            Err(TrainError::Values { name: name(part, row), found: values.len(), expected: outputs.len() })
        }
        (Task::Outputs(_), Target::Values(values)) if values.iter().any(|value| !value.is_finite()) => {
            Err(TrainError::ValueNotFinite { name: name(part, row) })
        }
        (Task::Classes(_), Target::Values(_)) | (Task::Outputs(_), Target::Class(_)) => {
            Err(TrainError::Target { name: name(part, row) })
        }
        _ => Ok(()),
    })
}

fn name<R>(part: &Part<R>, row: usize) -> String
where
    R: PartRole,
{
    part.dataset().name(row).to_owned()
}

fn bad(name: &'static str, value: String, expected: &'static str) -> Result<(), TrainError> {
    Err(TrainError::Config { name, value, expected })
}
