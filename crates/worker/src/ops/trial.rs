//! `trial`: a training goes on from where it was paused, as far as it is asked to.

use std::ops::ControlFlow;

use affekt_graph::{Context, Failure, Job};
use affekt_models::NetworkConfig;
use affekt_ops::table;
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
    let begun =
        job.open("state")?.first().map(|object| Ok::<_, Failure>(object.all()?.to_vec())).transpose()?;
    if begun.is_some() != (from > 0) {
        let message =
            format!("a trial from epoch {from} needs the state after that epoch, and no other does");
        return Err(Failure::Failed { message });
    }
    let params = train::Params { network, training, select_on_test };
    let paused = with_training(job, params, device, |training, _, _| {
        let mut epochs = u64::from(until);
        let paused = train_until(training, until, begun.as_deref(), &mut |progress| {
            tell(&progress, &mut epochs, context);
            ControlFlow::Continue(())
        });
        let paused = paused.map_err(|error| failed(&error))?;
        tell_state(&paused.resumed, epochs, context);
        Ok(paused)
    })?;
    affekt_table::history::write(job.output("history")?, &paused.history).map_err(table::unwritten)?;
    let path = job.output("state")?;
    std::fs::write(path, paused.state).map_err(|error| Failure::unwritten(path, &error))
}
