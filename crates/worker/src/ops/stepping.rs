//! What the ops that train step by step have in common: the state to go on from, signs of life, the history.

use std::ops::ControlFlow;

use affekt_graph::{Context, Failure, Job};
use affekt_table::history;
use affekt_train::pretraining::{Learner, PretrainConfig, Pretrained, Pretraining, pretrain};
use affekt_train::{Resume, StateOutcome, TrainingPart};
use tch::Device;

use super::failed;
use super::train::CHECKPOINT_EVERY;

/// Trains a learner, which has the weights to keep afterwards, and writes the output `history`.
pub fn step_by_step(
    job: &Job,
    config: &PretrainConfig,
    seed: u64,
    trained_on: &TrainingPart<'_>,
    device: Device,
    learner: &mut dyn Learner,
    context: &mut dyn Context,
) -> Result<Pretrained, Failure> {
    let resume = job.state.clone().map(|folder| Resume { folder, every: CHECKPOINT_EVERY });
    let pretraining = Pretraining { config, seed, trained_on, device, resume: resume.as_ref() };
    let pretrained = pretrain(&pretraining, learner, &mut |life| {
        let loss = life.loss.map_or_else(String::new, |loss| format!(", loss {loss:.3}"));
        context.progress(life.done, life.steps, &format!("step {}/{}{loss}", life.done, life.steps));
        ControlFlow::Continue(())
    });
    let pretrained = pretrained.map_err(|error| failed(&error))?;
    if let StateOutcome::Ignored(why) = &pretrained.state {
        context.progress(
            config.steps,
            config.steps,
            &format!("an unusable checkpoint was passed over: {why}"),
        );
    }
    history::write(job.output("history")?, &pretrained.history).map_err(affekt_ops::table::unwritten)?;
    Ok(pretrained)
}
