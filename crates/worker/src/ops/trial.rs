//! `trial`: a training goes on from where it was paused, as far as it is asked to.

use affekt_graph::{Context, Failure, Job, Object};
use affekt_ops::table;
use affekt_ops::trial::{Epochs, Params};
use affekt_table::history;
use affekt_torch::fp32_convolutions;
use affekt_train::train_until;
use tch::Device;

use super::progress::TrainingProgress;
use super::train::with_training;
use super::{device, failed};
use crate::artefact;

pub fn run(job: &Job, device: Device, context: &mut dyn Context) -> Result<(), Failure> {
    let Params { training: params, epochs: Epochs { from, until } } = affekt_ops::params(job)?;
    device::file_training(&params.training.optimisation, device, context);
    let state = job.open("state")?;
    let state = state.first().map(Object::all).transpose()?;
    if state.is_some() != (from > 0) {
        let message =
            format!("a trial from epoch {from} needs the state after that epoch, and no other does");
        return Err(Failure::Failed { message });
    }
    let paused = with_training(job, params, device, |training, _, _| {
        let mut progress = TrainingProgress::in_epochs_between(context, from, until);
        let paused = train_until(training, until, state, &mut |heard| progress.hear(&heard));
        let paused = paused.map_err(|error| failed(&error))?;
        progress.tell_outcome(&paused.resumed);
        Ok(paused)
    })?;
    history::write(job.output("history")?, &paused.history, &fp32_convolutions())
        .map_err(table::unwritten)?;
    artefact::write_bytes(job, "state", &paused.state)
}
