//! `trial`: a training goes on from where it was paused, as far as it is asked to.

use std::ops::ControlFlow;

use affekt_graph::{Context, Failure, Job, Object};
use affekt_ops::table;
use affekt_spec::network::NetworkConfig;
use affekt_train::{TrainConfig, train_until};
use serde::Deserialize;
use tch::Device;

use super::failed;
use super::train::{self, tell, tell_state, with_training};

/// The parameters: those of `train`, and the epochs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    network: NetworkConfig,
    training: TrainConfig,
    #[serde(default)]
    select_on_test: bool,
    epochs: Epochs,
}

/// The epochs of a trial.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Epochs {
    /// The last one that is done already.
    from: u32,
    /// The last one to do.
    until: u32,
}

pub fn run(job: &Job, device: Device, context: &mut dyn Context) -> Result<(), Failure> {
    let Params { network, training, select_on_test, epochs: Epochs { from, until } } =
        affekt_ops::params(job)?;
    let state = job.open("state")?;
    let begun = state.first().map(Object::all).transpose()?;
    if begun.is_some() != (from > 0) {
        let message =
            format!("a trial from epoch {from} needs the state after that epoch, and no other does");
        return Err(Failure::Failed { message });
    }
    let params = train::Params { network, training, select_on_test };
    let own = u64::from(until - from.min(until));
    let context = &mut Counted { before: from.into(), own, context };
    let paused = with_training(job, params, device, |training, _, _| {
        let mut epochs = own;
        let paused = train_until(training, until, begun, &mut |progress| {
            tell(&progress, &mut epochs, context);
            ControlFlow::Continue(())
        });
        let paused = paused.map_err(|error| failed(&error))?;
        tell_state(&paused.resumed, u64::from(until), context);
        Ok(paused)
    })?;
    affekt_table::history::write(job.output("history")?, &paused.history).map_err(table::unwritten)?;
    let path = job.output("state")?;
    std::fs::write(path, paused.state).map_err(|error| Failure::unwritten(path, &error))
}

/// Counts the epochs of a trial without those that an earlier one did.
struct Counted<'c> {
    before: u64,
    own: u64,
    context: &'c mut dyn Context,
}

impl Context for Counted<'_> {
    fn progress(&mut self, done: u64, _: u64, note: &str) {
        self.context.progress(done.saturating_sub(self.before), self.own, note);
    }

    fn cancelled(&self) -> bool {
        self.context.cancelled()
    }
}
