//! What the ops that pretrain have in common: the state to go on from, progress, the history.

use affekt_graph::{Context, Failure, Job};
use affekt_table::history;
use affekt_torch::fp32_convolutions;
use affekt_train::TrainingPart;
use affekt_train::pretraining::{PretrainConfig, Pretrained, Pretraining, PretrainingLearner, pretrain};
use tch::Device;

use super::progress::TrainingProgress;
use super::{device, failed, resume};

/// Pretrains a learner, which has the weights to keep afterwards, and writes the output `history`.
pub fn pretrain_learner(
    job: &Job,
    config: &PretrainConfig,
    seed: u64,
    trained_on: &TrainingPart<'_>,
    device: Device,
    learner: &mut impl PretrainingLearner,
    context: &mut dyn Context,
) -> Result<Pretrained, Failure> {
    device::file_training(&config.optimisation, device, context);
    let resume = resume(job);
    let pretraining = Pretraining { config, seed, trained_on, device, resume: resume.as_ref() };
    let mut progress = TrainingProgress::in_steps(context);
    let pretrained = pretrain(&pretraining, learner, &mut |heard| progress.hear(&heard));
    let pretrained = pretrained.map_err(|error| failed(&error))?;
    progress.tell_outcome(&pretrained.state);
    history::write(job.output("history")?, &pretrained.history, &fp32_convolutions())
        .map_err(affekt_ops::table::unwritten)?;
    Ok(pretrained)
}
